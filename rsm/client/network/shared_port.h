#ifndef GAIOS_RSM_CLIENT_NETWORK_SHARED_PORT_H_
#define GAIOS_RSM_CLIENT_NETWORK_SHARED_PORT_H_

// One port for all the connections that a process has as a client, where a port is a device of which it has
// one: DPDK's. Each connection has a line of it, which is a Port to it. What comes in goes to the line of the
// replica that sent it and of the place that it names; nothing is believed by that, the line's owner looks at
// it as at whatever else arrives. A line takes in for the others, and keeps for them what is theirs, up to
// kKept datagrams each; what is more, or nobody's, is dropped and counted.
//
// Opening a line allocates, nothing else does. All lines and the object belong to one thread. Lines keep what
// they need of it alive.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gaios/transport/udp/port.h"

namespace gaios::rsm {

struct SharedPortCounters {
  std::uint64_t nobodys = 0;  // datagrams for which there is no line
  std::uint64_t lost = 0;     // for want of room in their line
};

class SharedPort {
 public:
  static constexpr std::size_t kKept = 64;

  explicit SharedPort(std::unique_ptr<transport::udp::Port> port);
  SharedPort(const SharedPort&) = delete;
  SharedPort& operator=(const SharedPort&) = delete;
  ~SharedPort();

  // A port for what that replica says to its client at that place. One line for both at a time: an earlier
  // one gets nothing any more.
  [[nodiscard]] std::unique_ptr<transport::udp::Port> OpenLine(transport::udp::Endpoint replica,
                                                               std::uint16_t place);

  [[nodiscard]] const transport::udp::Port& port() const;
  [[nodiscard]] const SharedPortCounters& counters() const;
  // Sentences for the user, since the last call. Allocates.
  [[nodiscard]] std::vector<std::string> TakeNotices();

 private:
  class Line;
  class Exchange;
  const std::shared_ptr<Exchange> exchange_;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_CLIENT_NETWORK_SHARED_PORT_H_

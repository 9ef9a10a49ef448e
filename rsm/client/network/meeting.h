#ifndef GAIOS_RSM_CLIENT_NETWORK_MEETING_H_
#define GAIOS_RSM_CLIENT_NETWORK_MEETING_H_

// How a client comes to know a replica of another host: what both then need to send each other datagrams. In
// production that is an authenticated TCP connection (tls_meeting.h), which then stays, silent, for each end
// to see the other's death by. One thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "gaios/rsm/client/network/ring_stream.h"
#include "gaios/transport/udp/port.h"
#include "gaios/transport/udp/seal.h"

namespace gaios::rsm {

// What a client has when it was welcomed.
struct Met {
  std::unique_ptr<transport::udp::Port> port;  // its own
  transport::udp::Endpoint replica;
  StreamTerms terms;
  transport::udp::Seal seal;
  std::size_t request_ring_bytes = 0;
  std::size_t response_ring_bytes = 0;
  std::size_t max_command_bytes = 0;
};

class Meeting {
 public:
  enum class State : std::uint8_t {
    kApart,  // not begun, or failed
    kUnderWay,
    kMet,   // Take has what came of it
    kOver,  // was kMet, and the replica has let go
  };

  virtual ~Meeting() = default;
  // Begins when apart, goes on, and notices that the replica has let go. Makes system calls and returns at
  // once.
  virtual State Advance() = 0;
  // kMet, once.
  [[nodiscard]] virtual Met Take() = 0;
  // Back to kApart, whatever was under way.
  virtual void End() = 0;
  // For the user: why the last attempt has failed, and what to do; empty when none has.
  [[nodiscard]] virtual const std::string& failure() const = 0;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_CLIENT_NETWORK_MEETING_H_

#ifndef GAIOS_TESTS_TRANSPORT_UDP_MEMORY_NETWORK_H_
#define GAIOS_TESTS_TRANSPORT_UDP_MEMORY_NETWORK_H_

// A network in memory, and its ports: a datagram is with its addressee when it is flushed. What is sent to
// nobody, or to one whose queue is full, is lost. One thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "gaios/transport/udp/port.h"

namespace gaios::transport::udp {

class MemoryNetwork {
 public:
  static constexpr std::size_t kRoom = 512;  // datagrams in a queue

  // A port with an endpoint of its own. The network must outlive it.
  [[nodiscard]] std::unique_ptr<Port> MakePort(std::size_t max_payload);
  // Puts a datagram into the queue of a port, as if it came from `from`.
  void Deliver(Endpoint from, Endpoint to, std::vector<std::byte> bytes);

 private:
  class MemoryPort;
  std::vector<MemoryPort*> ports_;
  std::uint16_t last_port_ = 0;
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TESTS_TRANSPORT_UDP_MEMORY_NETWORK_H_

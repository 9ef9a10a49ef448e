#ifndef GAIOS_TESTS_TRANSPORT_UDP_MEMORY_NETWORK_H_
#define GAIOS_TESTS_TRANSPORT_UDP_MEMORY_NETWORK_H_

// A network in memory, and its ports: a datagram is with its addressee when it is flushed. What is sent to
// nobody, or to one whose queue is full, is lost. One thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "gaios/transport/udp/port.h"

namespace gaios::transport::udp {

class MemoryNetwork {
 public:
  static constexpr std::size_t kRoom = 512;  // datagrams in a queue

  // A port with an endpoint of its own. The network must outlive it.
  [[nodiscard]] std::unique_ptr<Port> MakePort(std::size_t max_payload);
  // Sees every datagram on its way, and says whether it passes. None: all pass.
  using Tap = std::function<bool(Endpoint from, Endpoint to, const std::vector<std::byte>& bytes)>;
  void SetTap(Tap tap) { tap_ = std::move(tap); }
  // What ports of this network do with loans (gaios/transport/udp/port.h): a device that reads them when the
  // datagram is flushed, and goes on reading them for a while. They must stand still as long.
  struct Loans {
    std::size_t least_bytes = 0;  // 0: no loans
    std::uint64_t flushes = 0;    // that one lasts longer than the datagram
  };
  // For all ports, from now on.
  void SetLoans(const Loans& loans) { loans_ = loans; }
  [[nodiscard]] std::size_t open_loans() const { return open_loans_; }
  // Of those that are over: how many there were, and how many whose bytes were not what they had been.
  [[nodiscard]] std::size_t loans_over() const { return loans_over_; }
  [[nodiscard]] std::size_t loans_broken() const { return loans_broken_; }
  // Puts a datagram into the queue of a port, as if it came from `from`.
  void Deliver(Endpoint from, Endpoint to, std::vector<std::byte> bytes);

 private:
  class MemoryPort;
  std::vector<MemoryPort*> ports_;
  std::uint16_t last_port_ = 0;
  Tap tap_;
  Loans loans_;
  std::size_t open_loans_ = 0;
  std::size_t loans_over_ = 0;
  std::size_t loans_broken_ = 0;
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TESTS_TRANSPORT_UDP_MEMORY_NETWORK_H_

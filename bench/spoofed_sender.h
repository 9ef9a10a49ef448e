#ifndef GAIOS_BENCH_SPOOFED_SENDER_H_
#define GAIOS_BENCH_SPOOFED_SENDER_H_

// What one can do who reads along on a network and sends on it under other people's addresses: it takes the
// header of a datagram that goes by, and sends datagrams that have all of it right and nothing else. Needs
// the right to raw sockets (CAP_NET_RAW). Allocates when it is opened. One thread.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/unique_fd.h"
#include "gaios/transport/udp/port.h"
#include "gaios/transport/udp/wire.h"

namespace gaios::bench {

class SpoofedSender {
 public:
  // Waits for a datagram of a replica to `to`. PermissionDenied: no right to raw sockets. DeadlineExceeded:
  // none has come in `patience_ns`.
  [[nodiscard]] static absl::StatusOr<SpoofedSender> Overhear(transport::udp::Endpoint to,
                                                              std::uint64_t patience_ns);

  // Has them be of `payload_bytes`: 64, or 512 and more.
  void SetBytes(std::size_t payload_bytes);
  // Sends `count` of them, each of another number, at most kMost. Those for which the system has no room are
  // lost. Returns how many were sent.
  std::size_t Send(std::size_t count);

  static constexpr std::size_t kMost = 16;
  static constexpr std::size_t kShortBytes = 64;

 private:
  SpoofedSender(base::UniqueFd raw, const transport::udp::Header& header, transport::udp::Endpoint from,
                transport::udp::Endpoint to);

  base::UniqueFd raw_;
  transport::udp::Header header_;
  transport::udp::Endpoint from_;
  transport::udp::Endpoint to_;
  std::uint64_t number_ = std::uint64_t{1} << 62;  // that no genuine one has
  std::size_t packet_bytes_ = 0;
  std::vector<std::byte> packets_;  // kMost of them, IPv4 header and all
};

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_SPOOFED_SENDER_H_

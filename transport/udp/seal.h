#ifndef GAIOS_TRANSPORT_UDP_SEAL_H_
#define GAIOS_TRANSPORT_UDP_SEAL_H_

// The trailer of the datagrams of one connection: by an Authenticator, or, where datagrams are not
// authenticated, a number and a checksum that shows bytes altered by chance and nothing else. One thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "gaios/transport/udp/authenticator.h"
#include "gaios/transport/udp/wire.h"

namespace gaios::transport::udp {

class Seal {
 public:
  // Checksums.
  Seal() = default;
  explicit Seal(Authenticator authenticator) : authenticator_(std::move(authenticator)) {}

  // Writes the trailer: the last kTrailerBytes of `datagram`. False when nothing may be sent any more.
  [[nodiscard]] bool Close(std::span<std::byte> datagram);
  // Why `datagram` is not to be believed, if it is not.
  [[nodiscard]] std::optional<Drop> Open(std::span<const std::byte> datagram);

 private:
  std::optional<Authenticator> authenticator_;
  std::uint64_t sent_ = 0;
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TRANSPORT_UDP_SEAL_H_

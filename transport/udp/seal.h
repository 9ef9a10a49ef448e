#ifndef GAIOS_TRANSPORT_UDP_SEAL_H_
#define GAIOS_TRANSPORT_UDP_SEAL_H_

// The trailer of the datagrams of one connection: by an Authenticator, which may encrypt them too, or, where
// datagrams are not authenticated, a number and a checksum that shows bytes altered by chance and nothing
// else. One thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "gaios/transport/udp/authenticator.h"
#include "gaios/transport/udp/wire.h"

namespace gaios::transport::udp {

// What the datagrams of a connection are protected by; each keeps off more than the one before.
enum class Protection : std::uint8_t {
  kChecksum = 0,   // nothing but chance is kept off
  kMac = 1,        // whoever has not the key can read, and no more
  kEncrypted = 2,  // nor read
};

class Seal {
 public:
  // Checksums.
  Seal() = default;
  explicit Seal(Authenticator authenticator) : authenticator_(std::move(authenticator)) {}

  [[nodiscard]] bool encrypts() const { return authenticator_.has_value() && authenticator_->encrypts(); }

  // Writes the trailer: the last kTrailerBytes of `datagram`; and encrypts it, if it encrypts. False when
  // nothing may be sent any more.
  [[nodiscard]] bool Close(std::span<std::byte> datagram);
  // As Close, of the datagram that `head`, `lent` and `trailer` are one behind the other. Not where it
  // encrypts.
  [[nodiscard]] bool CloseAround(std::span<const std::byte> head, std::span<const std::byte> lent,
                                 std::span<std::byte, kTrailerBytes> trailer);
  // Why `datagram` is not to be believed, if it is not. If it is, what was encrypted is readable.
  [[nodiscard]] std::optional<Drop> Open(std::span<std::byte> datagram);

 private:
  std::optional<Authenticator> authenticator_;
  std::uint64_t sent_ = 0;
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TRANSPORT_UDP_SEAL_H_

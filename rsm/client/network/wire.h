#ifndef GAIOS_RSM_CLIENT_NETWORK_WIRE_H_
#define GAIOS_RSM_CLIENT_NETWORK_WIRE_H_

// What clients and replicas on different hosts say to each other, byte by byte: the greeting, in frames of an
// authenticated TCP connection, and the datagrams that then carry the bytes of the two rings. docs/wire.md
// has the same as tables. All numbers are little-endian; every struct is as it lies on the wire. Stateless,
// no I/O; any thread.
//
// Parsing never trusts: what is not as this page says is dropped, and why is said.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "gaios/transport/udp/wire.h"

namespace gaios::rsm {

static_assert(std::endian::native == std::endian::little, "datagrams are read as they lie in memory");

// Of the greeting, the datagrams, and the records that travel in them.
inline constexpr std::uint16_t kNetworkVersion = 1;
// Said in its hello by a client whose datagrams are encrypted, both ways, so that releases before, which
// cannot, refuse it by its version. Everything else has kNetworkVersion.
inline constexpr std::uint16_t kEncryptingNetworkVersion = 2;

// ---- the greeting

inline constexpr std::size_t kMaxClusterNameBytes = 63;

// Of the client, first.
struct NetworkHello {
  // These two stay where they are in every version.
  std::uint32_t magic = 0x48434947;         // "GICH" as it lies in memory
  std::uint16_t version = kNetworkVersion;  // or kEncryptingNetworkVersion
  std::uint8_t replica = 0;                 // whom the client takes this for
  std::uint8_t cluster_bytes = 0;
  std::uint64_t group = 0;  // 0: it does not know yet
  std::uint32_t payload_bytes = 0;
  std::uint32_t zero = 0;
  std::array<char, kMaxClusterNameBytes + 1> cluster = {};  // zeros behind its end

  [[nodiscard]] bool encrypts() const { return version == kEncryptingNetworkVersion; }
  [[nodiscard]] std::string_view cluster_name() const { return {cluster.data(), cluster_bytes}; }
};
static_assert(sizeof(NetworkHello) == 88 && offsetof(NetworkHello, version) == 4);
static_assert(offsetof(NetworkHello, replica) == 6 && offsetof(NetworkHello, cluster_bytes) == 7);
static_assert(offsetof(NetworkHello, group) == 8 && offsetof(NetworkHello, payload_bytes) == 16);
static_assert(offsetof(NetworkHello, zero) == 20 && offsetof(NetworkHello, cluster) == 24);

// Of the replica, to a client that it takes in.
struct NetworkWelcome {
  std::uint32_t magic = 0x57434947;  // "GICW"
  std::uint16_t version = kNetworkVersion;
  std::uint16_t place = 0;  // of the client among those of the replica
  std::uint64_t group = 0;
  std::uint64_t max_command_bytes = 0;
  std::uint32_t request_ring_bytes = 0;
  std::uint32_t response_ring_bytes = 0;
  std::uint32_t payload_bytes = 0;  // of a datagram, at most: the smaller of both
  std::uint16_t port = 0;           // UDP, at the address that the client has dialled
  std::uint16_t zero = 0;
};
static_assert(sizeof(NetworkWelcome) == 40 && offsetof(NetworkWelcome, place) == 6);
static_assert(offsetof(NetworkWelcome, group) == 8 && offsetof(NetworkWelcome, max_command_bytes) == 16);
static_assert(offsetof(NetworkWelcome, request_ring_bytes) == 24);
static_assert(offsetof(NetworkWelcome, response_ring_bytes) == 28);
static_assert(offsetof(NetworkWelcome, payload_bytes) == 32 && offsetof(NetworkWelcome, port) == 36);

enum class GreetingFound : std::uint8_t { kGood, kOtherVersion, kMalformed };
// kGood: every number is within its range; whether the client is welcome is another question. kOtherVersion:
// `version` alone is set.
[[nodiscard]] GreetingFound ParseNetworkHello(std::span<const std::byte> bytes, NetworkHello& hello);
[[nodiscard]] GreetingFound ParseNetworkWelcome(std::span<const std::byte> bytes, NetworkWelcome& welcome);

// ---- the datagrams

// What a datagram says of both rings: it carries bytes of one, and tells how far the other has come.
struct NetworkHeader {
  // These two stay where they are in every version.
  std::uint32_t magic = 0x44434947;  // "GICD"
  std::uint8_t version = kNetworkVersion;
  std::uint8_t kind = 0;    // a NetworkKind, and kEncryptedFlag
  std::uint16_t place = 0;  // of the client, whoever sends
  std::uint64_t group = 0;
  std::uint64_t tag = 0;       // of this direction of this connection; both ends have it from the greeting
  std::uint64_t position = 0;  // of the first byte, in bytes since the ring began
  std::uint64_t received = 0;  // of the other ring: everything before is here, ...
  std::uint64_t consumed = 0;  // ... and everything before has been taken out, so that its room is free
  std::uint64_t gap_end = 0;   // of the other ring: where what is here next begins; 0: nothing beyond a gap
  std::uint64_t stamp_ns = 0;  // when this was sent, by the sender's clock
  std::uint64_t echo_ns = 0;   // the stamp of the latest that has come; 0: none
  std::uint32_t held_ns = 0;   // how long ago that was
  std::uint16_t bytes = 0;     // that follow
  std::uint8_t answer = 0;     // 1: an answer is wanted at once
  std::uint8_t beyond = 0;     // datagrams that have come beyond the gap, 255 for more
};
static_assert(sizeof(NetworkHeader) == 80 && offsetof(NetworkHeader, version) == 4);
static_assert(offsetof(NetworkHeader, kind) == 5 && offsetof(NetworkHeader, place) == 6);
static_assert(offsetof(NetworkHeader, group) == 8 && offsetof(NetworkHeader, tag) == 16);
static_assert(offsetof(NetworkHeader, position) == 24 && offsetof(NetworkHeader, received) == 32);
static_assert(offsetof(NetworkHeader, consumed) == 40 && offsetof(NetworkHeader, gap_end) == 48);
static_assert(offsetof(NetworkHeader, stamp_ns) == 56 && offsetof(NetworkHeader, echo_ns) == 64);
static_assert(offsetof(NetworkHeader, held_ns) == 72 && offsetof(NetworkHeader, bytes) == 76);
static_assert(offsetof(NetworkHeader, answer) == 78 && offsetof(NetworkHeader, beyond) == 79);
static_assert(std::has_unique_object_representations_v<NetworkHeader> &&
              std::has_unique_object_representations_v<NetworkHello> &&
              std::has_unique_object_representations_v<NetworkWelcome>);

enum class NetworkKind : std::uint8_t {
  kRequests = 1,   // from a client
  kResponses = 2,  // from a replica
};
// In the kind: everything behind the tag is encrypted, up to the trailer. What stands before it is readable,
// and authenticated.
inline constexpr std::uint8_t kEncryptedFlag = 0x80;
inline constexpr std::size_t kNetworkReadableBytes = offsetof(NetworkHeader, position);
static_assert(kNetworkReadableBytes == 24);

// Header and trailer. The trailer is that of transport/udp/authenticator.h.
inline constexpr std::size_t kNetworkOverheadBytes = sizeof(NetworkHeader) + transport::udp::kTrailerBytes;
static_assert(transport::udp::kMinPayloadBytes > kNetworkOverheadBytes);
static_assert(transport::udp::kMaxPayloadBytes <= UINT16_MAX);

struct NetworkDatagram {
  NetworkHeader header;
  bool encrypted = false;
  std::span<const std::byte> bytes;  // of the ring
};

// Whether `payload` is in form a datagram of `expected` kind, of this version and group. Fills `datagram`,
// whose bytes point into it. Nothing is said of place, tag and trailer; and where it is encrypted, nothing of
// what stands behind the tag, which is worth nothing yet.
[[nodiscard]] std::optional<transport::udp::Drop> ParseNetworkDatagram(std::span<const std::byte> payload,
                                                                       NetworkKind expected,
                                                                       std::uint64_t group,
                                                                       NetworkDatagram& datagram);

// What ParseNetworkDatagram could not say of one that is encrypted, once its seal was opened.
[[nodiscard]] std::optional<transport::udp::Drop> ParseDecrypted(std::span<const std::byte> payload,
                                                                 NetworkDatagram& datagram);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_CLIENT_NETWORK_WIRE_H_

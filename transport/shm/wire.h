#ifndef GAIOS_TRANSPORT_SHM_WIRE_H_
#define GAIOS_TRANSPORT_SHM_WIRE_H_

// The packets of the Unix sockets between replicas. A packet is one SOCK_SEQPACKET datagram: a header and one
// body, plain structs in host byte order. The order on a connection:
//
//   both    HELLO                 who I am; checked before anything else is believed
//   both    REGIONS  (+2 fds)     my control region, read-only, and my doorbell; or REFUSE and close
//   then    SPARE    (+1 fd)      memory that a later grant to you will use: map it now
//           INBOX    (+1 fd)      memory to put packets into that need no descriptor (inbox.h)
//           GRANT    (+1 fd or 0) the log is now that memory (named, or passed here) and yours to write under
//           the grant MESSAGE               bytes of the protocol above
//
// Decode functions accept exactly what Encode functions make and nothing else. Stateless and thread-safe.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "gaios/paxos/limits.h"
#include "gaios/transport/transport.h"

namespace gaios::transport::shm {

inline constexpr std::uint32_t kWireVersion = 1;
inline constexpr std::uint32_t kPacketMagic = 0x736f6167;  // "gaos"
inline constexpr std::size_t kMaxRefusalText = 120;

enum class PacketType : std::uint32_t { kHello = 1, kRegions, kRefuse, kSpare, kGrant, kMessage, kInbox };

// Why a peer is not talked to.
enum class Refusal : std::uint32_t {
  kVersion = 1,
  kGroup,
  kCapacity,
  kReplicas,
  kIdentity,     // an id outside the group, our own, or not the one whose socket this is
  kIncarnation,  // an incarnation older than one that was seen
  kDuplicate,    // a live link to that id exists
  kUser,         // a process of another user
  kRegions,      // what it passed is not the memory it should be
};
inline constexpr std::uint32_t kRefusals = 10;

struct PacketHeader {
  std::uint32_t magic = kPacketMagic;
  PacketType type = PacketType::kHello;
};

struct Hello {
  std::uint32_t version = kWireVersion;
  std::uint32_t replica = 0;
  std::uint32_t incarnation = 0;
  std::uint32_t replicas = 0;
  std::uint64_t group_id = 0;
  std::uint64_t capacity = 0;
};

struct Regions {
  std::uint64_t control_bytes = 0;
};

struct Refuse {
  Refusal cause = Refusal::kVersion;
  std::uint32_t text_bytes = 0;
  std::array<char, kMaxRefusalText> text = {};
};

struct Spare {
  std::uint64_t region_id = 0;
};

// Sent to those alone whose control region says that they understand it.
struct Inbox {
  std::uint64_t bytes = 0;
};

struct Granted {
  std::uint64_t region_id = 0;
  std::uint64_t ballot = 0;
  std::uint64_t number = 0;
  std::uint64_t promise = 0;  // which of the owner's promises, see FenceLine
};

static_assert(offsetof(Hello, version) == 0, "in every version, so that each can tell what it is not");
static_assert(sizeof(PacketHeader) == 8 && sizeof(Hello) == 32 && sizeof(Regions) == 8);
static_assert(sizeof(Refuse) == 8 + kMaxRefusalText && sizeof(Spare) == 8 && sizeof(Inbox) == 8 &&
              sizeof(Granted) == 32);

inline constexpr std::size_t kMaxPacketBytes = sizeof(PacketHeader) + paxos::kMaxMessageBytes;
static_assert(sizeof(PacketHeader) + sizeof(Refuse) <= kMaxPacketBytes);

// A packet being built; lives on the caller's stack.
class Packet {
 public:
  template <typename Body>
  Packet(PacketType type, const Body& body) : Packet(type) {
    static_assert(std::is_trivially_copyable_v<Body> &&
                  sizeof(PacketHeader) + sizeof(Body) <= kMaxPacketBytes);
    Append(&body, sizeof(body));
  }
  // `bytes` is at most paxos::kMaxMessageBytes.
  static Packet Message(std::span<const std::byte> bytes) {
    Packet packet(PacketType::kMessage);
    packet.Append(bytes.data(), bytes.size());
    return packet;
  }
  [[nodiscard]] std::span<const std::byte> bytes() const { return {bytes_.data(), size_}; }

 private:
  explicit Packet(PacketType type) {
    PacketHeader header;
    header.type = type;
    Append(&header, sizeof(header));
  }
  void Append(const void* data, std::size_t size) {
    if (size != 0) {
      std::memcpy(bytes_.data() + size_, data, size);
      size_ += size;
    }
  }

  std::array<std::byte, kMaxPacketBytes> bytes_;
  std::size_t size_ = 0;
};

// The type of a packet, or nothing when it is not one of ours.
inline std::optional<PacketType> DecodeType(std::span<const std::byte> packet) {
  PacketHeader header;
  if (packet.size() < sizeof(header)) {
    return std::nullopt;
  }
  std::memcpy(&header, packet.data(), sizeof(header));
  if (header.magic != kPacketMagic || header.type < PacketType::kHello || header.type > PacketType::kInbox) {
    return std::nullopt;
  }
  return header.type;
}

// The body of a packet whose type has been decoded; nothing unless it has exactly the size of `Body`.
template <typename Body>
std::optional<Body> DecodeBody(std::span<const std::byte> packet) {
  if (packet.size() != sizeof(PacketHeader) + sizeof(Body)) {
    return std::nullopt;
  }
  Body body;
  std::memcpy(&body, packet.data() + sizeof(PacketHeader), sizeof(body));
  return body;
}

// Of another version only the version is told: what follows it may be laid out in any way.
inline std::optional<Hello> DecodeHello(std::span<const std::byte> packet) {
  Hello hello;
  if (packet.size() < sizeof(PacketHeader) + sizeof(hello.version)) {
    return std::nullopt;
  }
  std::memcpy(&hello.version, packet.data() + sizeof(PacketHeader), sizeof(hello.version));
  return hello.version == kWireVersion ? DecodeBody<Hello>(packet) : hello;
}

// A refusal and its text, which may point into `refuse`. Text from outside is cut to its printable
// characters' length.
inline Refuse MakeRefuse(Refusal cause, std::string_view text) {
  Refuse refuse;
  refuse.cause = cause;
  refuse.text_bytes =
      static_cast<std::uint32_t>(text.size() < kMaxRefusalText ? text.size() : kMaxRefusalText);
  std::memcpy(refuse.text.data(), text.data(), refuse.text_bytes);
  return refuse;
}

}  // namespace gaios::transport::shm

#endif  // GAIOS_TRANSPORT_SHM_WIRE_H_

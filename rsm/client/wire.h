#ifndef GAIOS_RSM_CLIENT_WIRE_H_
#define GAIOS_RSM_CLIENT_WIRE_H_

// What clients and replicas say to each other, in plain structs of host byte order.
//
// Requests and responses travel as records of a ring (byte_ring.h): a header, then the command or the reply.
// Requests of one connection are answered in their order, each once: one that is refused waits for the
// answers to those before it.
//
// The rings come by a Unix socket of packets, `replica-<id>.client` in the group's directory:
//
//   client    GREETING
//   replica   WELCOME (+1 descriptor: the memory)   or   REFUSAL, and closes
//
// and the socket then stays open, silent, for each end to see the other's death by. The memory is sealed
// against a change of its size; in it are ClientRings, the ring of requests at kRingsOffset, the ring of
// responses behind it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "gaios/paxos/address.h"
#include "gaios/paxos/limits.h"
#include "gaios/paxos/types.h"
#include "gaios/rsm/client/byte_ring.h"
#include "gaios/rsm/state_machine.h"

namespace gaios::rsm {

inline constexpr std::uint32_t kClientWireVersion = 1;
inline constexpr std::uint32_t kClientMagic = 0x6f696167;  // "gaio"

// ---- records of the rings
// ---------------------------------------------------------------------------------------------

// From kHandOver on an operator's, and answered at once. But for kMembers they come from the replica's own
// host alone: a client of the network that asks for one is not served any more.
enum class RequestKind : std::uint32_t {
  kOpenSession = 1,
  kCommand = 2,
  kHandOver = 3,          // `sequence` is the replica that is to lead; what came of it is seen by who leads
  kChangeMembership = 4,  // an encoded paxos::ConfigurationChange; what came of it kMembers tells
  kMembers = 5,           // who is in the group, as the replica knows: the reply is MembersReply
  kDrain = 6,             // `sequence` is 1, and 0 to let it in again; an earlier release does not know it
};

struct RequestHeader {
  std::uint64_t request = 0;  // the client's number for it, echoed
  std::uint64_t session = 0;
  std::uint64_t sequence = 0;
  RequestKind kind = RequestKind::kCommand;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(RequestHeader) == 32);

enum class ResponseStatus : std::uint8_t {
  kCommitted = 1,
  kUnknown = 2,    // the replica lost the leadership before it could tell
  kNotLeader = 3,  // nothing was proposed; `leader` is whom it takes for the leader. A command waits,
                   // and is not told so, where that may be this replica in a moment
  kTooLarge = 4,   // nothing was proposed, and never will be
  kBegun =
      5,  // kHandOver: begun, or under way already; kChangeMembership: it stands in the log; kDrain: done
  kNotAble = 6,   // kHandOver: the other could not lead now; kDrain: it leads, and nobody else could
  kAnswered = 7,  // kMembers
  kRefused = 8,   // kChangeMembership: not taken, `refusal` says why
};
inline constexpr std::uint8_t kNoLeader = 0xff;

struct ResponseHeader {
  std::uint64_t request = 0;
  std::uint64_t slot = 0;  // kCommitted
  ResponseStatus status = ResponseStatus::kUnknown;
  std::uint8_t applied = 0;  // kCommitted: an Applied
  std::uint8_t leader = kNoLeader;
  std::uint8_t refusal = 0;  // kRefused: a paxos::ChangeRefusal
  std::array<std::uint8_t, 4> reserved = {};
};
static_assert(sizeof(ResponseHeader) == 24);

struct MembersReply {
  struct Member {
    std::uint32_t standing = 0;     // a paxos::Standing
    std::uint32_t incarnation = 0;  // that votes; 0 when none does
    paxos::Address address;         // none unless a change has said
  };
  std::uint32_t leads = 0;                               // the replica that answers leads, ...
  std::uint32_t settled = 0;                             // ... and no change is under way
  std::array<Member, paxos::kMaxReplicas> members = {};  // by id
};
static_assert(sizeof(MembersReply) == 8 + 72 * paxos::kMaxReplicas && sizeof(MembersReply) <= kMaxReplyBytes);

// What the largest response takes of the ring.
inline constexpr std::size_t kMaxResponseRecordBytes = RecordBytes(sizeof(ResponseHeader) + kMaxReplyBytes);

// ---- the memory
// -------------------------------------------------------------------------------------------------------

struct ClientRings {
  RingIndexes requests;
  RingIndexes responses;
};
inline constexpr std::size_t kRingsOffset = 4096;
static_assert(sizeof(ClientRings) <= kRingsOffset);

inline constexpr std::size_t kMinRingBytes = std::size_t{4} << 10;
inline constexpr std::size_t kMaxRingBytes = std::size_t{64} << 20;

// ---- packets of the socket
// --------------------------------------------------------------------------------------------

struct Greeting {
  std::uint32_t magic = kClientMagic;
  std::uint32_t version = kClientWireVersion;
  std::uint64_t group = 0;
  std::uint32_t replica = 0;  // whom the client takes this for
  std::uint32_t reserved = 0;
};

struct Welcome {
  std::uint32_t magic = kClientMagic;
  std::uint32_t version = kClientWireVersion;
  std::uint64_t request_ring_bytes = 0;
  std::uint64_t response_ring_bytes = 0;
  std::uint64_t max_command_bytes = 0;
};

// Sent instead of a Welcome and told apart by its size.
struct Refusal {
  std::uint32_t magic = kClientMagic;
  std::uint32_t version = kClientWireVersion;
  std::uint32_t text_bytes = 0;
  std::array<char, 132> text = {};
};
static_assert(sizeof(Greeting) == 24 && sizeof(Welcome) == 32 && sizeof(Refusal) == 144);

template <typename Packet>
[[nodiscard]] std::span<const std::byte> BytesOf(const Packet& packet) {
  static_assert(std::is_trivially_copyable_v<Packet>);
  return std::as_bytes(std::span(&packet, 1));
}

// Nothing unless the bytes are exactly a packet of this kind. The version is the caller's to look at.
template <typename Packet>
[[nodiscard]] std::optional<Packet> DecodePacket(std::span<const std::byte> bytes) {
  Packet packet;
  if (bytes.size() != sizeof(packet)) {
    return std::nullopt;
  }
  std::memcpy(&packet, bytes.data(), sizeof(packet));
  if (packet.magic != kClientMagic) {
    return std::nullopt;
  }
  return packet;
}

[[nodiscard]] inline Refusal MakeRefusal(std::string_view text) {
  Refusal refusal;
  refusal.text_bytes =
      static_cast<std::uint32_t>(text.size() < refusal.text.size() ? text.size() : refusal.text.size());
  std::memcpy(refusal.text.data(), text.data(), refusal.text_bytes);
  return refusal;
}

[[nodiscard]] inline std::string TextOf(const Refusal& refusal) {
  return {refusal.text.data(),
          refusal.text_bytes < refusal.text.size() ? refusal.text_bytes : refusal.text.size()};
}

// Where the clients of a replica connect to.
[[nodiscard]] inline std::string ClientSocketPath(const std::string& directory, paxos::ReplicaId id) {
  return directory + "/replica-" + std::to_string(id.value()) + ".client";
}

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_CLIENT_WIRE_H_

#ifndef GAIOS_TRANSPORT_UDP_WIRE_H_
#define GAIOS_TRANSPORT_UDP_WIRE_H_

// The datagrams of the fenced log, byte by byte: a header, a body by kind, bytes of the log or of a message
// where the kind has any, and a trailer that proves the rest. docs/wire.md has the same as tables. All
// numbers are little-endian; every struct is as it lies in the datagram. Stateless, no I/O; any thread.
//
// Parsing never trusts: a datagram is of exactly the length that its kind and its own numbers call for, and
// what is not of this link says why. What the trailer says is another question (seal.h).

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "gaios/paxos/limits.h"
#include "gaios/transport/transport.h"
#include "gaios/transport/udp/authenticator.h"

namespace gaios::transport::udp {

static_assert(std::endian::native == std::endian::little, "datagrams are read as they lie in memory");

inline constexpr std::uint32_t kMagic = 0x44554947;  // "GIUD" as it lies in memory
inline constexpr std::uint8_t kVersion = 1;
// Said in its hello by an end that encrypts, so that releases before, which cannot, refuse it by its version.
// The headers of its datagrams have kVersion.
inline constexpr std::uint8_t kEncryptingVersion = 2;

enum class Kind : std::uint8_t {
  kPing = 1,        // answered by a pong of the same length
  kPong = 2,        //
  kWrite = 3,       // bytes for the addressee's log, and words beside it
  kAck = 4,         // what has been taken of a grant's writes
  kFenced = 5,      // the latest grant of the sender's log: every earlier one is over
  kGrant = 6,       // the addressee may write under this grant
  kGrantTaken = 7,  // it knows
  kAskControl = 8,  // answered by kControl
  kControl = 9,     // the sender's control region
  kAskLog = 10,     // answered by some kLog
  kLog = 11,        // bytes of the sender's log
  kMessage = 12,
  kEncrypted = 13,  // any of the others: which, is encrypted too, as the last byte before the trailer
};
inline constexpr std::size_t kKinds = 14;  // and 0, which is none

struct Header {
  // These two stay where they are in every version.
  std::uint32_t magic = kMagic;
  std::uint8_t version = kVersion;
  std::uint8_t kind = 0;
  std::uint8_t from = 0;  // replica id
  std::uint8_t to = 0;    // replica id
  std::uint64_t group = 0;
  std::uint32_t from_incarnation = 0;
  std::uint32_t to_incarnation = 0;
  // Of this direction of this connection; both ends have it from the channel by which they met.
  std::uint64_t tag = 0;
};
static_assert(sizeof(Header) == 32 && offsetof(Header, version) == 4 && offsetof(Header, kind) == 5);
static_assert(offsetof(Header, from) == 6 && offsetof(Header, to) == 7 && offsetof(Header, group) == 8);
static_assert(offsetof(Header, from_incarnation) == 16 && offsetof(Header, to_incarnation) == 20);
static_assert(offsetof(Header, tag) == 24);

// At the end of every datagram: its number, which is 1, 2, ... for all of this direction of this connection
// (what is sent again has a new one), and what proves it: the seal of authenticator.h, or, without
// authentication, a checksum.
inline constexpr std::size_t kTrailerBytes = kSealBytes;

// Of a datagram that is encrypted: its kind, behind its body, where it is not readable. The header is
// readable, and authenticated.
inline constexpr std::size_t kKindBytes = sizeof(Kind);
static_assert(kKindBytes == 1);

// kPing and kPong. Zeros follow up to the length that is being tried.
struct PingBody {
  std::uint64_t stamp_ns = 0;  // of the one that asks, by its own clock; comes back
};
static_assert(sizeof(PingBody) == 8);

struct GrantBody {  // kGrant, kGrantTaken and kFenced
  std::uint64_t ballot = 0;
  std::uint64_t number = 0;
};
static_assert(sizeof(GrantBody) == 16 && offsetof(GrantBody, number) == 8);

// kWrite. `bytes` bytes of the log follow.
struct WriteBody {
  std::uint64_t ballot = 0;
  std::uint64_t number = 0;    // of the grant
  std::uint64_t sequence = 0;  // 1, 2, ... under one grant; what is sent again has the same
  std::uint64_t position = 0;  // of the first byte
  std::uint64_t stamp_ns = 0;  // when it was sent, by the sender's clock; an ack brings it back
  std::array<std::uint64_t, kLogWords> words = {};
  std::uint32_t bytes = 0;
  std::uint8_t word_set = 0;  // bit per log word: whether it is written
  std::array<std::uint8_t, 3> zero = {};
};
static_assert(sizeof(WriteBody) == 64 && offsetof(WriteBody, sequence) == 16);
static_assert(offsetof(WriteBody, position) == 24 && offsetof(WriteBody, stamp_ns) == 32);
static_assert(offsetof(WriteBody, words) == 40 && offsetof(WriteBody, bytes) == 56);
static_assert(offsetof(WriteBody, word_set) == 60 && offsetof(WriteBody, zero) == 61);

// kAck. `bitmap_words` 64-bit words follow: bit i of word w says that the write of sequence
// cumulative + 1 + 64 w + i has been taken.
struct AckBody {
  std::uint64_t ballot = 0;
  std::uint64_t number = 0;
  std::uint64_t cumulative = 0;  // every write up to this sequence has been taken
  std::uint64_t stamp_ns = 0;    // of the latest datagram that it answers
  std::uint32_t held_ns = 0;     // how long that one waited for this answer
  std::uint32_t bitmap_words = 0;
};
static_assert(sizeof(AckBody) == 40 && offsetof(AckBody, cumulative) == 16);
static_assert(offsetof(AckBody, stamp_ns) == 24 && offsetof(AckBody, held_ns) == 32);
static_assert(offsetof(AckBody, bitmap_words) == 36);

struct AskControlBody {
  std::uint64_t nonce = 0;  // 1, 2, ...: reads of the control region posted up to now
};
static_assert(sizeof(AskControlBody) == 8);

struct ControlBody {
  std::uint64_t nonce = 0;  // of the question
  std::uint64_t ballot = 0;
  std::uint64_t number = 0;  // of the promised grant
  std::array<std::uint64_t, kControlWords> words = {};
};
static_assert(sizeof(ControlBody) == 72 && offsetof(ControlBody, words) == 24);

// kAskLog, and kLog, which `bytes` bytes follow.
struct LogBody {
  std::uint64_t ballot = 0;
  std::uint64_t number = 0;
  std::uint64_t read = 0;  // number of the read on this connection
  std::uint64_t position = 0;
  std::uint32_t bytes = 0;
  std::uint32_t zero = 0;
};
static_assert(sizeof(LogBody) == 40 && offsetof(LogBody, read) == 16 && offsetof(LogBody, position) == 24);
static_assert(offsetof(LogBody, bytes) == 32 && offsetof(LogBody, zero) == 36);

// kMessage. `bytes` bytes follow.
struct MessageBody {
  std::uint32_t bytes = 0;
  std::uint32_t zero = 0;
};
static_assert(sizeof(MessageBody) == 8);

// The writes of one grant that may be under way: what a receiver keeps account of.
inline constexpr std::uint64_t kWindow = 1024;
static_assert(std::has_single_bit(kWindow) && kWindow % 64 == 0);
inline constexpr std::size_t kMaxBitmapWords = kWindow / 64;

// Of a datagram, without the IPv4 and UDP headers.
inline constexpr std::size_t kMaxPayloadBytes = 8900;
inline constexpr std::size_t kDefaultPayloadBytes = 1400;
inline constexpr std::size_t kMinPayloadBytes = 512;
inline constexpr std::size_t kOverheadBytes = sizeof(Header) + sizeof(WriteBody) + kTrailerBytes;
static_assert(kMinPayloadBytes > kOverheadBytes + kKindBytes + paxos::kEntryAlignment);
static_assert(kMinPayloadBytes >=
              sizeof(Header) + sizeof(AckBody) + kMaxBitmapWords * 8 + kKindBytes + kTrailerBytes);
static_assert(kMinPayloadBytes >=
              sizeof(Header) + sizeof(MessageBody) + paxos::kMaxMessageBytes + kKindBytes + kTrailerBytes);
static_assert(std::has_unique_object_representations_v<Header> &&
              std::has_unique_object_representations_v<WriteBody> &&
              std::has_unique_object_representations_v<AckBody> &&
              std::has_unique_object_representations_v<LogBody>);

// Why a datagram is dropped. Each is counted, and none is answered.
enum class Drop : std::uint8_t {
  kTruncated,     // shorter than its kind is
  kOversized,     // longer than its kind is
  kForeign,       // no magic, or of another group
  kOtherVersion,  // of another version
  kReflected,     // it says that we have sent it
  kMisdirected,   // it is not for this replica, or from none of the group
  kMalformed,     // no such kind, or numbers out of their range
  kStranger,      // there is no connection to the one that it says has sent it, or not from there
  kStale,         // of another life of either end, or of another connection of theirs
  kForged,        // the trailer does not fit: altered, or not by who it says
  kReplayed,      // its number was seen, or is too old to tell; its trailer was not looked at
  kOtherSeal,     // encrypted where its connection is not, or readable where its connection is encrypted
};
inline constexpr std::size_t kDrops = 12;
[[nodiscard]] std::string_view DropName(Drop drop);  // "truncated"

// Who reads.
struct Addressee {
  std::uint64_t group = 0;
  std::uint8_t self = 0;
  std::uint8_t replicas = 0;
};

struct Datagram {
  Kind kind = Kind::kPing;
  Header header;
  std::span<const std::byte> body;  // behind the header, before the trailer; whole for its kind
};

// Whether `payload` is a datagram of this version for this replica, in form. Fills `datagram`, whose body
// points into it. Nothing is said of incarnations, tag, number and trailer; and of kEncrypted nothing of the
// body, which nobody can read yet.
[[nodiscard]] std::optional<Drop> ParseDatagram(std::span<const std::byte> payload,
                                                const Addressee& addressee, Datagram& datagram);
// What ParseDatagram could not say of one that is kEncrypted, once its seal was opened. Sets its kind.
[[nodiscard]] std::optional<Drop> ParseDecrypted(Datagram& datagram);

// The fixed part of the body of a datagram that was parsed, of any alignment.
template <typename Body>
[[nodiscard]] Body BodyOf(const Datagram& datagram) {
  static_assert(std::is_trivially_copyable_v<Body>);
  Body body;
  __builtin_memcpy(&body, datagram.body.data(), sizeof(body));
  return body;
}
// What follows it.
template <typename Body>
[[nodiscard]] std::span<const std::byte> BytesOf(const Datagram& datagram) {
  return datagram.body.subspan(sizeof(Body));
}

}  // namespace gaios::transport::udp

#endif  // GAIOS_TRANSPORT_UDP_WIRE_H_

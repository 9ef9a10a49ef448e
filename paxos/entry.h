#ifndef GAIOS_PAXOS_ENTRY_H_
#define GAIOS_PAXOS_ENTRY_H_

// The byte format of a log entry: a 48-byte header, the payload, zeros up to the next multiple of
// kEntryAlignment.
//
// clang-format off
//   offset  size
//        0     8  checksum   XXH3-64 over the rest, then mixed with the position, the group and the previous checksum:
//                            see ChainChecksum
//        8     8  slot       number of the entry, previous slot + 1
//       16     8  ballot     packed ballot under which the entry was first proposed; never changed afterwards
//       24     8  commit     position the proposer knew to be committed when it wrote the entry
//       32     8  time_ns    the proposer's wall clock
//       40     4  length     payload bytes, without padding
//       44     2  kind       EntryKind
//       46     2  commands   number of commands in the payload
// clang-format on
//
// All fields are little-endian. Because the checksum covers the previous entry's, an entry is valid only as
// the continuation of a valid prefix: bytes may land in any order, and a stale entry at the right place is
// never taken for a new one. An entry never straddles the end of the ring: filler, chained like the rest,
// takes what is left.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "gaios/paxos/limits.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

static_assert(std::endian::native == std::endian::little,
              "the log format is little-endian and written in place");

enum class EntryKind : std::uint16_t {
  kFiller = 1,               // takes the rest of the ring before a wrap; payload zero
  kBallotRecord = 2,         // a new leader's first entry; no payload
  kBatch = 3,                // commands
  kReadmission = 4,          // a replica votes as another incarnation from here on, see readmission.h
  kConfigurationChange = 5,  // who is in the group is another from here on, see configuration_change.h
};

struct EntryHeader {
  std::uint64_t checksum = 0;
  std::uint64_t slot = 0;
  std::uint64_t ballot = 0;
  std::uint64_t commit = 0;
  std::uint64_t time_ns = 0;
  std::uint32_t length = 0;
  std::uint16_t kind = 0;
  std::uint16_t commands = 0;
};
static_assert(sizeof(EntryHeader) == 48 && alignof(EntryHeader) == 8);
static_assert(sizeof(EntryHeader) <= kEntryAlignment,
              "a ballot record takes one unit and never needs filler");

// Bytes an entry with `payload_bytes` takes in the ring.
[[nodiscard]] constexpr std::uint64_t EntryBytes(std::uint64_t payload_bytes) {
  return (sizeof(EntryHeader) + payload_bytes + kEntryAlignment - 1) / kEntryAlignment * kEntryAlignment;
}

// Where a chain of valid entries has got to: what the next entry must continue.
struct Cursor {
  Position position;           // end of the last entry
  Slot slot;                   // its slot, 0 at the start of the log
  Ballot ballot;               // its ballot, none at the start of the log
  std::uint64_t checksum = 0;  // its checksum
  friend constexpr bool operator==(const Cursor&, const Cursor&) = default;
};

// The cursor before the first entry of a group's log.
[[nodiscard]] Cursor StartOfLog(GroupId group);

// Where an entry stands and what it continues, as its checksum says it.
[[nodiscard]] constexpr std::uint64_t ChainTerm(Position position, GroupId group, std::uint64_t previous) {
  constexpr std::uint64_t kOddA = 0x9e3779b97f4a7c15ULL;
  constexpr std::uint64_t kOddB = 0xc2b2ae3d27d4eb4fULL;
  return previous + position.value() * kOddA + group.value() * kOddB;
}
// What the hash `body` of an entry's own bytes becomes with that `term`. With all else equal, two values of
// the body, or of any one argument of the term, never give the same result: the sum and each step of the
// finalizer (that of MurmurHash3) can be inverted.
[[nodiscard]] constexpr std::uint64_t ChainChecksum(std::uint64_t body, std::uint64_t term) {
  std::uint64_t z = body ^ term;
  z = (z ^ (z >> 33)) * 0xff51afd7ed558ccdULL;
  z = (z ^ (z >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return z ^ (z >> 33);
}

// Checksum of the entry of `bytes` bytes (a multiple of kEntryAlignment) at `entry`, whose header has every
// field but the checksum set, at `position`, continuing an entry with checksum `previous`.
[[nodiscard]] std::uint64_t EntryChecksum(const std::byte* entry, std::uint64_t bytes, Position position,
                                          GroupId group, std::uint64_t previous);

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_ENTRY_H_

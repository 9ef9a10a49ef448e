#ifndef GAIOS_PAXOS_READMISSION_H_
#define GAIOS_PAXOS_READMISSION_H_

// The command R of the log: from here on a replica votes as its new incarnation, which has been filled, and
// no longer as the one that lost its memory. A learner that is to vote is admitted by it too. Payload of an
// entry of kind kReadmission:
//
//   offset  size
//        0     4  replica
//        4     4  old    the incarnation that has voted until now, 0 for none
//        8     4  fresh  the incarnation that votes from now on
//       12     4  zero
//
// All little-endian.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "gaios/paxos/entry.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

struct Readmission {
  ReplicaId replica;
  Incarnation old;
  Incarnation fresh;
  friend bool operator==(const Readmission&, const Readmission&) = default;
};

inline constexpr std::size_t kReadmissionBytes = 16;
static_assert(EntryBytes(kReadmissionBytes) == kEntryAlignment, "it takes one unit and never needs filler");

void EncodeReadmission(const Readmission& readmission, std::span<std::byte, kReadmissionBytes> out);

// Nothing when the bytes are none.
[[nodiscard]] std::optional<Readmission> DecodeReadmission(std::span<const std::byte> bytes);

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_READMISSION_H_

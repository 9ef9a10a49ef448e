#ifndef GAIOS_TESTS_PAXOS_RING_H_
#define GAIOS_TESTS_PAXOS_RING_H_

// A ring of memory with entries in it, for the tests of what reads them.

#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "gaios/paxos/log.h"

namespace gaios::paxos {

inline constexpr GroupId kGroup{42};
inline constexpr std::size_t kRingBytes = kMinCapacityBytes;

struct Ring {
  alignas(kEntryAlignment) std::array<std::byte, kRingBytes> memory = {};
  Log log{memory.data(), kRingBytes, kGroup};
  Cursor end = StartOfLog(kGroup);

  // Appends a batch of one command and returns the cursor behind it.
  Cursor Append(std::string_view payload, Ballot ballot, Position commit = Position(),
                EntryKind kind = EntryKind::kBatch) {
    std::memcpy(log.At(end.position) + sizeof(EntryHeader), payload.data(), payload.size());
    EntryHeader header;
    header.length = static_cast<std::uint32_t>(payload.size());
    header.kind = static_cast<std::uint16_t>(kind);
    header.commands = 1;
    header.commit = commit.value();
    end = log.Seal(end, ballot, header);
    return end;
  }
};

inline Ballot MakeBallot(std::uint32_t round, std::uint8_t replica) {
  return {round, ReplicaId(replica), Incarnation(1)};
}

}  // namespace gaios::paxos

#endif  // GAIOS_TESTS_PAXOS_RING_H_

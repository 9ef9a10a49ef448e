#include "gaios/paxos/entry.h"

#include "gaios/paxos/entry_checksum.h"
#include "gaios/paxos/long_hash.h"

namespace gaios::paxos {
namespace {

// Above the sizes that XXH3 has code for it is a loop, whose speed depends on the processor's vectors.
std::uint64_t BodyHash(const std::byte* entry, std::uint64_t bytes) {
  switch (bytes) {
    case kEntryAlignment:
      return ShortHash<kEntryAlignment>(entry);
    case 2 * kEntryAlignment:
      return ShortHash<2 * kEntryAlignment>(entry);
    case 3 * kEntryAlignment:
      return ShortHash<3 * kEntryAlignment>(entry);
    default:
      return LongHash({entry + kChecksumBytes, bytes - kChecksumBytes});
  }
}

}  // namespace

Cursor StartOfLog(GroupId group) {
  Cursor cursor;
  const std::uint64_t seed = group.value();
  cursor.checksum = XXH3_64bits(&seed, sizeof(seed));
  return cursor;
}

std::uint64_t EntryChecksum(const std::byte* entry, std::uint64_t bytes, Position position, GroupId group,
                            std::uint64_t previous) {
  return ChainChecksum(BodyHash(entry, bytes), ChainTerm(position, group, previous));
}

}  // namespace gaios::paxos

#include "gaios/paxos/entry.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace gaios::paxos {

Cursor StartOfLog(GroupId group) {
  Cursor cursor;
  const std::uint64_t seed = group.value();
  cursor.checksum = XXH3_64bits(&seed, sizeof(seed));
  return cursor;
}

std::uint64_t EntryChecksum(const std::byte* entry, const EntryHeader& header, Position position,
                            GroupId group, std::uint64_t previous) {
  constexpr std::size_t kSkipped = sizeof(header.checksum);
  const std::uint64_t body = XXH3_64bits(entry + kSkipped, EntryBytes(header.length) - kSkipped);
  const std::uint64_t chained[4] = {body, position.value(), group.value(), previous};
  return XXH3_64bits(chained, sizeof(chained));
}

}  // namespace gaios::paxos

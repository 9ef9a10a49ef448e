#include "gaios/paxos/entry.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "gaios/paxos/long_hash.h"

namespace gaios::paxos {
namespace {

// Up to here XXH3 has code for each size, which is best inlined; above, it is a loop whose speed depends on
// the processor's vectors.
constexpr std::size_t kLongestShortBytes = 240;

}  // namespace

Cursor StartOfLog(GroupId group) {
  Cursor cursor;
  const std::uint64_t seed = group.value();
  cursor.checksum = XXH3_64bits(&seed, sizeof(seed));
  return cursor;
}

std::uint64_t EntryChecksum(const std::byte* entry, std::uint64_t bytes, Position position, GroupId group,
                            std::uint64_t previous) {
  constexpr std::size_t kSkipped = sizeof(EntryHeader::checksum);
  const std::size_t size = bytes - kSkipped;
  const std::uint64_t body =
      size <= kLongestShortBytes ? XXH3_64bits(entry + kSkipped, size) : LongHash({entry + kSkipped, size});
  return ChainChecksum(body, position, group, previous);
}

}  // namespace gaios::paxos

#ifndef GAIOS_PAXOS_ENTRY_CHECKSUM_H_
#define GAIOS_PAXOS_ENTRY_CHECKSUM_H_

// What an entry's checksum is made of. For sources of this library only: it needs xxHash. Any thread.

#include <cstddef>
#include <cstdint>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "gaios/paxos/entry.h"

namespace gaios::paxos {

inline constexpr std::size_t kChecksumBytes = sizeof(EntryHeader::checksum);

// Of an entry of so many bytes. XXH3 has code for each size up to 240, which is best inlined, and for a size
// that is known here without a look at it.
template <std::size_t kBytes>
[[nodiscard, gnu::always_inline]] inline std::uint64_t ShortHash(const std::byte* entry) {
  static_assert(kBytes - kChecksumBytes <= 240);
  return XXH3_64bits(entry + kChecksumBytes, kBytes - kChecksumBytes);
}

// EntryChecksum, for the one place that executes it for each command: an entry of two lines, which is what a
// command of up to 72 bytes takes by itself, costs no call.
[[nodiscard, gnu::always_inline]] inline std::uint64_t ChecksumInPlace(const std::byte* entry,
                                                                       std::uint64_t bytes, Position position,
                                                                       GroupId group,
                                                                       std::uint64_t previous) {
  if (bytes != 2 * kEntryAlignment) {
    return EntryChecksum(entry, bytes, position, group, previous);
  }
  return ChainChecksum(ShortHash<2 * kEntryAlignment>(entry), ChainTerm(position, group, previous));
}

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_ENTRY_CHECKSUM_H_

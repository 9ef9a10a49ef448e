#ifndef GAIOS_PAXOS_LOG_READING_H_
#define GAIOS_PAXOS_LOG_READING_H_

// How an entry is read that a peer may be writing meanwhile (decision 8). For sources of this library only,
// which inline it where it is executed for each entry: it needs xxHash. Any thread.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "gaios/paxos/entry.h"
#include "gaios/paxos/entry_checksum.h"
#include "gaios/paxos/log.h"

namespace gaios::paxos {

// The words of a header that a peer may be writing, each read once. Words, so that none is stored in eights
// and copied in sixteens: such a copy waits for its stores.
inline constexpr std::size_t kHeaderWordBytes = sizeof(std::uint64_t);
inline constexpr std::size_t kHeaderWords = sizeof(EntryHeader) / kHeaderWordBytes;

inline std::uint64_t LoadOnce(const std::byte* header, std::size_t word) {
  return __atomic_load_n(reinterpret_cast<const std::uint64_t*>(header) + word, __ATOMIC_RELAXED);
}
[[gnu::always_inline]] inline void Copy(const std::byte* header, EntryHeader& to) {
  auto* const copy = reinterpret_cast<std::byte*>(&to);
#pragma GCC unroll 6
  for (std::size_t word = 0; word < kHeaderWords; ++word) {
    const std::uint64_t value = LoadOnce(header, word);
    std::memcpy(copy + word * kHeaderWordBytes, &value, kHeaderWordBytes);
  }
}
[[gnu::always_inline]] inline bool IsStill(const std::byte* header, const EntryHeader& copied) {
  const auto* const copy = reinterpret_cast<const std::byte*>(&copied);
  std::uint64_t changed = 0;
#pragma GCC unroll 6
  for (std::size_t word = 0; word < kHeaderWords; ++word) {
    std::uint64_t value = 0;
    std::memcpy(&value, copy + word * kHeaderWordBytes, kHeaderWordBytes);
    changed |= value ^ LoadOnce(header, word);
  }
  return changed == 0;
}

inline bool IsKnownKind(std::uint16_t kind) {
  return kind >= static_cast<std::uint16_t>(EntryKind::kFiller) &&
         kind <= static_cast<std::uint16_t>(EntryKind::kConfigurationChange);
}

// Log::Read.
[[nodiscard, gnu::always_inline]] inline bool ReadInPlace(const Log& log, const Cursor& at, Entry& entry) {
  const std::byte* const bytes = log.At(at.position);
  Copy(bytes, entry.header);
  const std::uint64_t size = EntryBytes(entry.header.length);
  if (entry.header.slot != at.slot.value() + 1 || !IsKnownKind(entry.header.kind) ||
      size > log.BytesToEnd(at.position)) {
    return false;
  }
  std::atomic_signal_fence(std::memory_order_seq_cst);  // the copy is taken before the bytes are hashed
  const std::uint64_t checksum = ChecksumInPlace(bytes, size, at.position, log.group(), at.checksum);
  // The header that was hashed is the one that was copied only if it is still there: each word of it is
  // overwritten at most once meanwhile.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (checksum != entry.header.checksum || !IsStill(bytes, entry.header)) {
    return false;
  }
  entry.range = {at.position, at.position + size};
  entry.payload = {bytes + sizeof(EntryHeader), entry.header.length};
  return true;
}

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_LOG_READING_H_

#include "gaios/paxos/log.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "gaios/base/check.h"
#include "gaios/paxos/entry_checksum.h"

namespace gaios::paxos {
namespace {

// Copies a header that a peer may be writing: eight bytes at a time, each read once.
EntryHeader LoadHeader(const std::byte* from) {
  std::uint64_t words[sizeof(EntryHeader) / 8];
  for (std::size_t i = 0; i < std::size(words); ++i) {
    words[i] = __atomic_load_n(reinterpret_cast<const std::uint64_t*>(from) + i, __ATOMIC_RELAXED);
  }
  EntryHeader header;
  std::memcpy(&header, words, sizeof(header));
  return header;
}

bool IsKnownKind(std::uint16_t kind) {
  return kind >= static_cast<std::uint16_t>(EntryKind::kFiller) &&
         kind <= static_cast<std::uint16_t>(EntryKind::kConfigurationChange);
}

}  // namespace

Log::Log(std::byte* memory, std::uint64_t capacity, GroupId group)
    : memory_(memory),
      capacity_(capacity),
      mask_(capacity - 1),
      group_(group),
      max_payload_bytes_(static_cast<std::uint32_t>(
          std::min<std::uint64_t>(kMaxEntryPayloadBytes, (capacity / 4) - sizeof(EntryHeader)))) {
  GAIOS_CHECK(capacity >= kMinCapacityBytes && capacity <= kMaxCapacityBytes, "log capacity out of bounds");
  GAIOS_CHECK((capacity & mask_) == 0, "log capacity must be a power of two");
  MoveTo(memory);
}

void Log::MoveTo(std::byte* memory) {
  GAIOS_CHECK(memory != nullptr && reinterpret_cast<std::uintptr_t>(memory) % kEntryAlignment == 0,
              "log memory must be aligned to an entry");
  memory_ = memory;
}

std::optional<Entry> Log::Next(const Cursor& at) const {
  const std::byte* const bytes = At(at.position);
  std::optional<Entry> entry(std::in_place);
  entry->header = LoadHeader(bytes);
  const EntryHeader& header = entry->header;
  const std::uint64_t size = EntryBytes(header.length);
  if (header.slot != at.slot.value() + 1 || !IsKnownKind(header.kind) || size > BytesToEnd(at.position)) {
    return std::nullopt;
  }
  const std::uint64_t checksum = ChecksumInPlace(bytes, size, at.position, group_, at.checksum);
  // The header that was hashed is the one that was copied only if it is still there: each word of it is
  // overwritten at most once meanwhile.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  const EntryHeader again = LoadHeader(bytes);
  if (checksum != header.checksum || std::memcmp(&again, &header, sizeof(header)) != 0) {
    return std::nullopt;
  }
  entry->range = {at.position, at.position + size};
  entry->payload = {bytes + sizeof(EntryHeader), header.length};
  return entry;
}

}  // namespace gaios::paxos

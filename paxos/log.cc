#include "gaios/paxos/log.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "gaios/base/check.h"

namespace gaios::paxos {
namespace {

// Copies a header that a peer may be writing: eight bytes at a time, each read once.
EntryHeader LoadHeader(const std::byte* from) {
  std::uint64_t words[sizeof(EntryHeader) / 8];
  const auto* source = reinterpret_cast<const std::uint64_t*>(from);
  for (std::size_t i = 0; i < std::size(words); ++i) {
    words[i] = __atomic_load_n(source + i, __ATOMIC_RELAXED);
  }
  EntryHeader header;
  std::memcpy(&header, words, sizeof(header));
  return header;
}

bool IsKnownKind(std::uint16_t kind) {
  return kind >= static_cast<std::uint16_t>(EntryKind::kFiller) &&
         kind <= static_cast<std::uint16_t>(EntryKind::kBatch);
}

}  // namespace

Log::Log(std::byte* memory, std::uint64_t capacity, GroupId group)
    : memory_(memory), capacity_(capacity), mask_(capacity - 1), group_(group) {
  GAIOS_CHECK(capacity >= kMinCapacityBytes && capacity <= kMaxCapacityBytes, "log capacity out of bounds");
  GAIOS_CHECK((capacity & mask_) == 0, "log capacity must be a power of two");
  MoveTo(memory);
}

void Log::MoveTo(std::byte* memory) {
  GAIOS_CHECK(memory != nullptr && reinterpret_cast<std::uintptr_t>(memory) % kEntryAlignment == 0,
              "log memory must be aligned to an entry");
  memory_ = memory;
}

std::uint32_t Log::MaxPayloadBytes() const {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(kMaxEntryPayloadBytes, (capacity_ / 4) - sizeof(EntryHeader)));
}

std::optional<Entry> Log::Next(const Cursor& at) const {
  Entry entry;
  const std::byte* const bytes = At(at.position);
  entry.header = LoadHeader(bytes);
  if (entry.header.slot != at.slot.value() + 1 || !IsKnownKind(entry.header.kind)) {
    return std::nullopt;
  }
  const std::uint64_t size = EntryBytes(entry.header.length);
  if (size > BytesToEnd(at.position)) {
    return std::nullopt;
  }
  if (EntryChecksum(bytes, entry.header, at.position, group_, at.checksum) != entry.header.checksum) {
    return std::nullopt;
  }
  entry.range = {at.position, at.position + size};
  entry.payload = {bytes + sizeof(EntryHeader), entry.header.length};
  return entry;
}

Entry Log::Known(const Cursor& at) const {
  Entry entry;
  const std::byte* const bytes = At(at.position);
  entry.header = LoadHeader(bytes);
  GAIOS_CHECK(entry.header.slot == at.slot.value() + 1, "a known entry is no longer in the ring");
  entry.range = {at.position, at.position + EntryBytes(entry.header.length)};
  entry.payload = {bytes + sizeof(EntryHeader), entry.header.length};
  return entry;
}

Cursor Log::After(const Entry& entry) {
  return {entry.range.to, entry.slot(), entry.ballot(), entry.header.checksum};
}

Cursor Log::ScanFrom(Cursor at, Position limit) const {
  const Position horizon = std::min(limit, at.position + capacity_);
  while (at.position < horizon) {
    const std::optional<Entry> entry = Next(at);
    if (!entry.has_value() || entry->range.to > horizon) {
      break;
    }
    at = After(*entry);
  }
  return at;
}

Cursor Log::Seal(const Cursor& at, Ballot ballot, EntryHeader header) {
  std::byte* const bytes = At(at.position);
  const std::uint64_t size = EntryBytes(header.length);
  GAIOS_CHECK(size <= BytesToEnd(at.position), "an entry must not straddle the end of the ring");
  header.slot = at.slot.value() + 1;
  header.ballot = ballot.packed();
  header.checksum = 0;
  std::memcpy(bytes, &header, sizeof(header));
  std::memset(bytes + sizeof(header) + header.length, 0, size - sizeof(header) - header.length);
  header.checksum = EntryChecksum(bytes, header, at.position, group_, at.checksum);
  std::memcpy(bytes, &header.checksum, sizeof(header.checksum));
  return {at.position + size, Slot(header.slot), ballot, header.checksum};
}

}  // namespace gaios::paxos

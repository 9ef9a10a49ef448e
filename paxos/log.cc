#include "gaios/paxos/log.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "gaios/base/check.h"
#include "gaios/paxos/entry_checksum.h"

namespace gaios::paxos {
namespace {

// A header that a peer may be writing, each word read once. Words, so that they stay in registers: a struct
// that is stored in eights and copied in sixteens waits for its stores.
struct HeaderWords {
  explicit HeaderWords(const std::byte* from)
      : checksum(Load(from, offsetof(EntryHeader, checksum))),
        slot(Load(from, offsetof(EntryHeader, slot))),
        ballot(Load(from, offsetof(EntryHeader, ballot))),
        commit(Load(from, offsetof(EntryHeader, commit))),
        time_ns(Load(from, offsetof(EntryHeader, time_ns))),
        rest(Load(from, offsetof(EntryHeader, length))) {}
  static std::uint64_t Load(const std::byte* from, std::size_t offset) {
    return __atomic_load_n(reinterpret_cast<const std::uint64_t*>(from + offset), __ATOMIC_RELAXED);
  }
  [[nodiscard]] std::uint32_t length() const { return static_cast<std::uint32_t>(rest); }
  [[nodiscard]] std::uint16_t kind() const { return static_cast<std::uint16_t>(rest >> 32); }
  [[nodiscard]] std::uint16_t commands() const { return static_cast<std::uint16_t>(rest >> 48); }
  friend bool operator==(const HeaderWords&, const HeaderWords&) = default;

  std::uint64_t checksum;
  std::uint64_t slot;
  std::uint64_t ballot;
  std::uint64_t commit;
  std::uint64_t time_ns;
  std::uint64_t rest;  // length, kind and number of commands
};
static_assert(sizeof(HeaderWords) == sizeof(EntryHeader));

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
  // One variable for all returns, and field by field: the entry is made where the caller wants it, not copied
  // there in sixteens while its eights are still on their way.
  std::optional<Entry> entry;
  const std::byte* const bytes = At(at.position);
  const HeaderWords header(bytes);
  const std::uint64_t size = EntryBytes(header.length());
  if (header.slot != at.slot.value() + 1 || !IsKnownKind(header.kind()) || size > BytesToEnd(at.position)) {
    return entry;
  }
  std::atomic_signal_fence(std::memory_order_seq_cst);  // the copy is taken before the bytes are hashed
  const std::uint64_t checksum = ChecksumInPlace(bytes, size, at.position, group_, at.checksum);
  // The header that was hashed is the one that was copied only if it is still there: each word of it is
  // overwritten at most once meanwhile.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (checksum != header.checksum || HeaderWords(bytes) != header) {
    return entry;
  }
  Entry& found = entry.emplace();
  found.header.checksum = header.checksum;
  found.header.slot = header.slot;
  found.header.ballot = header.ballot;
  found.header.commit = header.commit;
  found.header.time_ns = header.time_ns;
  found.header.length = header.length();
  found.header.kind = header.kind();
  found.header.commands = header.commands();
  found.range = {at.position, at.position + size};
  found.payload = {bytes + sizeof(EntryHeader), header.length()};
  return entry;
}

}  // namespace gaios::paxos

#include "gaios/paxos/log.h"

#include <algorithm>
#include <utility>

#include "gaios/base/check.h"
#include "gaios/paxos/log_reading.h"

namespace gaios::paxos {

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

bool Log::Read(const Cursor& at, Entry& entry) const {
  return ReadInPlace(*this, at, entry);
}

std::optional<Entry> Log::Next(const Cursor& at) const {
  Entry entry;
  return Read(at, entry) ? std::optional(entry) : std::nullopt;
}

}  // namespace gaios::paxos

#include "bench/ring_reader.h"

#include <cstring>

namespace gaios::bench {
namespace {

EntryMark LoadMark(const std::byte* from) {
  EntryMark mark;
  mark.position_plus_one = __atomic_load_n(reinterpret_cast<const std::uint64_t*>(from), __ATOMIC_ACQUIRE);
  mark.bytes = __atomic_load_n(reinterpret_cast<const std::uint64_t*>(from) + 1, __ATOMIC_ACQUIRE);
  return mark;
}

std::uint64_t Sum(const std::byte* from, std::size_t bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes; i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, from + i, sizeof(word));
    sum += word;
  }
  return sum;
}

}  // namespace

void ReadRing(const std::byte* ring, std::size_t capacity_bytes, base::IdleStrategy idle_strategy,
              RingProgress& progress, const std::atomic<bool>& stop) {
  base::Idle idle(idle_strategy);
  std::uint64_t at = 0;
  std::uint64_t sum = 0;
  while (!stop.load(std::memory_order_relaxed)) {
    const std::size_t offset = at & (capacity_bytes - 1);
    const EntryMark mark = LoadMark(ring + offset);
    const std::size_t to_end = capacity_bytes - offset;
    if (mark.position_plus_one != at + 1 || mark.bytes > to_end) {
      idle.OnIdle();
      continue;
    }
    if (mark.bytes == 0) {
      at += to_end;
    } else {
      sum += Sum(ring + offset, mark.bytes);
      at += mark.bytes;
    }
    progress.sum.store(sum, std::memory_order_relaxed);
    progress.read.store(at, std::memory_order_release);
    idle.OnWork();
  }
}

}  // namespace gaios::bench

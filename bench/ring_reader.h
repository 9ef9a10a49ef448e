#ifndef GAIOS_BENCH_RING_READER_H_
#define GAIOS_BENCH_RING_READER_H_

// What stands in the rings of floors, and the loop of a floor's peer, which reads every byte of it. One
// thread.

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "gaios/base/idle.h"

namespace gaios::bench {

inline constexpr std::size_t kMaxFloorEntryBytes = std::size_t{256} << 10;

// Stands at the start of each entry, where the product has its header.
struct EntryMark {
  std::uint64_t position_plus_one = 0;  // tells a new entry from whatever stood there before
  std::uint64_t bytes = 0;              // 0: the ring goes on at its start
};

// What a peer of a floor has read.
struct RingProgress {
  std::atomic<std::uint64_t> read{0};  // position
  std::atomic<std::uint64_t> sum{0};   // of all words, so that they have to be read
};

// Reads the entries of a ring of `capacity_bytes` until told to stop.
void ReadRing(const std::byte* ring, std::size_t capacity_bytes, base::IdleStrategy idle,
              RingProgress& progress, const std::atomic<bool>& stop);

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_RING_READER_H_

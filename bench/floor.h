#ifndef GAIOS_BENCH_FLOOR_H_
#define GAIOS_BENCH_FLOOR_H_

// What the product is measured against: the same bytes over the same medium with no protocol. A producer
// copies entries into one mapped ring for each peer, executes one full fence, and loads a word of each peer;
// each peer is a process that polls its ring and reads every byte of what has landed, with the idle strategy
// and on the cpu of the product's followers. There is no log of the producer's own, no checksum, no batching
// of commands, nothing is applied.
//
// One thread.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/align.h"
#include "gaios/base/idle.h"
#include "gaios/paxos/limits.h"

#include "bench/child_process.h"
#include "bench/placement.h"
#include "bench/ring_reader.h"
#include "bench/shared_page.h"

namespace gaios::bench {

struct FloorOptions {
  std::size_t peers = 2;
  std::size_t capacity_bytes = std::size_t{16} << 20;  // of each ring, a power of two
  base::IdleStrategy idle = base::IdleStrategy::kBackOff;
  bool readers = true;  // false: no process reads, TakeAsRead stands for that
};

class Floor {
 public:
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Floor>> Start(const FloorOptions& options,
                                                                    const Placement& placement);
  Floor(const Floor&) = delete;
  Floor& operator=(const Floor&) = delete;
  ~Floor();

  // Copies an entry of `bytes`, a multiple of 64, into all rings; false when a peer has yet to read what
  // stands there.
  [[nodiscard]] bool Write(std::size_t bytes);
  // The full fence and the look at each peer's word.
  void Confirm();

  // Whether every peer has read all that was written.
  [[nodiscard]] bool ReadByAll() const;
  // Without readers: all that was written may be written over.
  void TakeAsRead();

 private:
  struct alignas(base::kCacheLineBytes) Peer {
    std::atomic<std::uint64_t> promised{1};  // never changes, as in a stable group
    base::CacheLinePadded<RingProgress> progress;
  };
  struct Page {
    base::CacheLinePadded<std::atomic<bool>> stop;
    std::array<Peer, paxos::kMaxReplicas> peers;
  };
  struct Ring {
    std::byte* bytes = nullptr;
  };

  Floor(const FloorOptions& options, SharedPage<Page> page) : options_(options), page_(std::move(page)) {}

  const FloorOptions options_;
  SharedPage<Page> page_;
  std::vector<ChildProcess> children_;
  std::vector<Ring> rings_;
  std::vector<std::byte> entry_;  // what is copied
  std::uint64_t end_ = 0;
  std::uint64_t space_end_ = 0;  // positions below may be written without asking the peers
};

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_FLOOR_H_

#include "bench/commit_floor.h"

#include <algorithm>

#include "bench/floor.h"
#include "bench/targets.h"

namespace gaios::bench {
namespace {

constexpr std::size_t kFloorBlocks = 5;

}  // namespace

absl::Status MeasureCommitFloor(const Options& options, const Placement& placement,
                                const base::TscClock& clock, Series& series) {
  auto floor = Floor::Start(
      {.peers = options.replicas - 1, .capacity_bytes = options.capacity_bytes, .idle = options.idle},
      placement);
  if (!floor.ok()) {
    return floor.status();
  }
  if (absl::Status status = base::PinThisThread(placement.leader_cpu); !status.ok()) {
    return status;
  }
  FloorTarget target(**floor, options.size_bytes);
  CommitRun run(options, clock);
  for (std::size_t block = 0; block < std::min(kFloorBlocks, options.blocks); ++block) {
    run.Block(target, series);
  }
  return absl::OkStatus();
}

}  // namespace gaios::bench

#ifndef GAIOS_BENCH_POSTED_RUN_H_
#define GAIOS_BENCH_POSTED_RUN_H_

// The commit and throughput benchmarks where a write is posted and completes later, whatever their floor is
// made of: over RDMA and over UDP. One thread.

#include <cstddef>
#include <memory>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/clock.h"
#include "gaios/base/idle.h"

#include "bench/commit_run.h"
#include "bench/group.h"
#include "bench/options.h"
#include "bench/posted_targets.h"
#include "bench/report.h"
#include "bench/throughput_run.h"

namespace gaios::bench {

// The product and its floor, ready to be measured.
template <typename Floor>
struct PostedSides {
  std::unique_ptr<Floor> floor;
  std::unique_ptr<Group> group;

  [[nodiscard]] absl::Status Check() {
    const absl::Status status = floor->Check();
    return status.ok() ? group->Check() : status;
  }
};

// Starts the group and makes the floor, which was forked before it, find its peers.
template <typename Floor>
absl::StatusOr<PostedSides<Floor>> StartPosted(absl::StatusOr<std::unique_ptr<Floor>> floor,
                                               const GroupOptions& options, const Placement& placement,
                                               const base::TscClock& clock) {
  if (!floor.ok()) {
    return floor.status();
  }
  auto group = Group::Start(options, placement, clock);
  if (!group.ok()) {
    return group.status();
  }
  if (absl::Status status = (*floor)->Connect(); !status.ok()) {
    return status;
  }
  return PostedSides<Floor>{*std::move(floor), *std::move(group)};
}

// The report of `commit`, with its latencies written as the options ask for.
template <typename Floor>
absl::StatusOr<Json> MeasurePostedCommit(const Options& options, PostedSides<Floor>& sides,
                                         const base::TscClock& clock, const Json& environment) {
  PostedFloorTarget floor(*sides.floor, options.size_bytes);
  ProductTarget product(sides.group->leader(), options.size_bytes);
  Idling<PostedFloorTarget<Floor>> idling_floor(floor, options.leader_idle);
  Idling<ProductTarget> idling_product(product, options.leader_idle);
  Series floor_series;
  Series product_series;
  if (absl::Status status = RunBlocks(options, clock, idling_floor, idling_product, floor_series,
                                      product_series, [&sides] { return sides.Check(); });
      !status.ok()) {
    return status;
  }
  if (!product.clean()) {
    return absl::AbortedError("a command ended unknown: the leader was lost during the run");
  }
  if (absl::Status status = EmitHgrm(options, product_series.all); !status.ok()) {
    return status;
  }
  return CommitReport(options, product_series, floor_series, environment);
}

// The same bytes in entries of the same size, until `done` says that every peer has all of them. Seconds.
template <typename Floor, typename Done>
absl::StatusOr<double> PostedFloorBlock(Floor& floor, const Options& options, const Load& load,
                                        const base::TscClock& clock, const Done& done) {
  base::Idle idle(options.leader_idle);
  const std::uint64_t begin_ns = clock.NowNs();
  for (std::uint64_t written = 0; written < load.floor_bytes || !done();) {
    bool active = false;
    if (written < load.floor_bytes && floor.Write(load.entry_bytes)) {
      written += load.entry_bytes;
      active = true;
    }
    active = floor.Poll() != 0 || active;
    if (floor.failed()) {
      return floor.Check();
    }
    if (clock.NowNs() > begin_ns + kBlockTimeoutNs) {
      return absl::DeadlineExceededError("a block of the floor took longer than two minutes");
    }
    if (active) {
      idle.OnWork();
    } else {
      idle.OnIdle();
    }
  }
  return static_cast<double>(clock.NowNs() - begin_ns) / 1e9;
}

// The report of `throughput`.
template <typename Floor, typename Done>
absl::StatusOr<Json> MeasurePostedThroughput(const Options& options, PostedSides<Floor>& sides,
                                             const base::TscClock& clock, const Json& environment,
                                             const Done& done) {
  const Load load = LoadOf(options, options.block_commits);
  auto sessions = SessionPool::Open(sides.group->leader(), options.sessions, clock);
  if (!sessions.ok()) {
    return sessions.status();
  }
  Blocks blocks;
  // One block of each more than asked for: the first warms everything up and does not count.
  for (std::size_t block = 0; block <= options.blocks; ++block) {
    const absl::StatusOr<double> floor_s = PostedFloorBlock(*sides.floor, options, load, clock, done);
    if (!floor_s.ok()) {
      return floor_s.status();
    }
    const absl::StatusOr<double> product_s =
        ProductBlock(*sides.group, *sessions, options, load.commands, clock);
    if (!product_s.ok()) {
      const absl::Status known = sides.Check();  // which may say why
      return known.ok() ? product_s.status() : known;
    }
    if (block != 0) {
      blocks.product_s.push_back(*product_s);
      blocks.floor_s.push_back(*floor_s);
    }
    if (absl::Status status = sides.Check(); !status.ok()) {
      return status;
    }
  }
  return ThroughputReport(options, load, blocks, environment);
}

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_POSTED_RUN_H_

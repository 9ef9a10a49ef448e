#include <memory>
#include <utility>

#include "bench/commit_run.h"
#include "bench/empty_machine.h"
#include "bench/environment.h"
#include "bench/group.h"
#include "bench/placement.h"
#include "bench/posted_targets.h"
#include "bench/throughput_run.h"
#include "bench/udp.h"
#include "bench/udp_floor.h"

namespace gaios::bench {
namespace {

// The product and its floor, ready to be measured.
struct Sides {
  std::unique_ptr<UdpFloor> floor;
  std::unique_ptr<Group> group;
};

absl::StatusOr<Sides> Start(const Options& options, const Placement& placement, const base::TscClock& clock) {
  Sides sides;
  auto floor = UdpFloor::Fork(
      {.peers = options.replicas - 1, .payload_bytes = options.payload_bytes, .idle = options.idle},
      placement, clock);
  if (!floor.ok()) {
    return floor.status();
  }
  sides.floor = *std::move(floor);
  auto group = Group::Start({.replicas = options.replicas,
                             .capacity_bytes = options.capacity_bytes,
                             .idle = options.idle,
                             .transport = options.transport,
                             .payload_bytes = options.payload_bytes,
                             .authenticate = options.authenticate,
                             .make_machine = [] { return std::make_unique<EmptyMachine>(); }},
                            placement, clock);
  if (!group.ok()) {
    return group.status();
  }
  sides.group = *std::move(group);
  if (absl::Status status = sides.floor->Connect(); !status.ok()) {
    return status;
  }
  return sides;
}

absl::Status CheckBoth(const Sides& sides) {
  const absl::Status status = sides.floor->Check();
  return status.ok() ? sides.group->Check() : status;
}

// The same bytes in entries of the same size, until every peer has taken all of them. Seconds.
absl::StatusOr<double> FloorBlock(UdpFloor& floor, const Load& load, const base::TscClock& clock) {
  const std::uint64_t begin_ns = clock.NowNs();
  for (std::uint64_t written = 0; written < load.floor_bytes || !floor.TakenByAll();) {
    if (written < load.floor_bytes && floor.Write(load.entry_bytes)) {
      written += load.entry_bytes;
    }
    static_cast<void>(floor.Poll());
    if (floor.failed()) {
      return floor.Check();
    }
  }
  return static_cast<double>(clock.NowNs() - begin_ns) / 1e9;
}

void Describe(const Options& options, const Placement& placement, Json& report) {
  report["transport"] = "udp-socket";
  report["payload_bytes"] = options.payload_bytes;
  report["authenticate"] = options.authenticate;
  report["one_core"] = placement.crowded();
}

}  // namespace

absl::Status RunUdpCommit(const Options& options) {
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  absl::StatusOr<Sides> sides = Start(options, placement, clock);
  if (!sides.ok()) {
    return sides.status();
  }
  PostedFloorTarget floor(*sides->floor, options.size_bytes);
  ProductTarget product(sides->group->leader(), options.size_bytes);
  Idling<PostedFloorTarget<UdpFloor>> idling_floor(floor, options.leader_idle);
  Idling<ProductTarget> idling_product(product, options.leader_idle);
  Series floor_series;
  Series product_series;
  if (absl::Status status = RunBlocks(options, clock, idling_floor, idling_product, floor_series,
                                      product_series, [&sides] { return CheckBoth(*sides); });
      !status.ok()) {
    return status;
  }
  if (!product.clean()) {
    return absl::AbortedError("a command ended unknown: the leader was lost during the run");
  }
  Json report = CommitReport(options, product_series, floor_series, environment);
  Describe(options, placement, report);
  if (absl::Status status = EmitHgrm(options, product_series.all); !status.ok()) {
    return status;
  }
  return Emit(options, report);
}

absl::Status RunUdpThroughput(const Options& options) {
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  const Load load = LoadOf(options, options.block_commits);
  absl::StatusOr<Sides> sides = Start(options, placement, clock);
  if (!sides.ok()) {
    return sides.status();
  }
  auto sessions = SessionPool::Open(sides->group->leader(), options.sessions, clock);
  if (!sessions.ok()) {
    return sessions.status();
  }
  Blocks blocks;
  // One block of each more than asked for: the first warms everything up and does not count.
  for (std::size_t block = 0; block <= options.blocks; ++block) {
    const absl::StatusOr<double> floor_s = FloorBlock(*sides->floor, load, clock);
    if (!floor_s.ok()) {
      return floor_s.status();
    }
    const absl::StatusOr<double> product_s =
        ProductBlock(*sides->group, *sessions, options, load.commands, clock);
    if (!product_s.ok()) {
      return product_s.status();
    }
    if (block != 0) {
      blocks.product_s.push_back(*product_s);
      blocks.floor_s.push_back(*floor_s);
    }
    if (absl::Status status = CheckBoth(*sides); !status.ok()) {
      return status;
    }
  }
  Json report = ThroughputReport(options, load, blocks, environment);
  Describe(options, placement, report);
  return Emit(options, report);
}

}  // namespace gaios::bench

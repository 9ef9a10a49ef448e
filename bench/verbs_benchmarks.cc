#include <absl/strings/str_cat.h>

#include "gaios/transport/verbs/libverbs_device.h"

#include "bench/commit_run.h"
#include "bench/empty_machine.h"
#include "bench/environment.h"
#include "bench/group.h"
#include "bench/placement.h"
#include "bench/posted_targets.h"
#include "bench/throughput_run.h"
#include "bench/verbs.h"
#include "bench/verbs_floor.h"

namespace gaios::bench {
namespace {

// The product and its floor, ready to be measured.
struct Sides {
  std::unique_ptr<VerbsFloor> floor;
  std::unique_ptr<Group> group;
};

absl::StatusOr<Sides> Start(const Options& options, const Placement& placement, const base::TscClock& clock) {
  Sides sides;
  auto floor = VerbsFloor::Fork({.device = options.device,
                                 .peers = options.replicas - 1,
                                 .capacity_bytes = options.capacity_bytes,
                                 .depth = paxos::Options().pipeline_depth,
                                 .idle = options.idle},
                                placement);
  if (!floor.ok()) {
    return floor.status();
  }
  sides.floor = *std::move(floor);
  auto group = Group::Start({.replicas = options.replicas,
                             .capacity_bytes = options.capacity_bytes,
                             .idle = options.idle,
                             .transport = options.transport,
                             .device = options.device,
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

absl::Status CheckBoth(Sides& sides) {
  const absl::Status status = sides.floor->Check();
  return status.ok() ? sides.group->Check() : status;
}

Json DeviceOf(const VerbsFloor& floor) {
  Json device;
  device["name"] = floor.facts().name;
  device["driver"] = floor.facts().driver;
  device["inline_bytes"] = floor.inline_bytes();
  return device;
}

// The same bytes in entries of the same size, until all writes have completed and both peers have read every
// byte. Seconds.
absl::StatusOr<double> FloorBlock(VerbsFloor& floor, const Options& options, const Load& load,
                                  const base::TscClock& clock) {
  base::Idle idle(options.leader_idle);
  const std::uint64_t begin_ns = clock.NowNs();
  for (std::uint64_t written = 0; written < load.floor_bytes || !floor.ReadByAll();) {
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

}  // namespace

absl::Status CheckVerbsDevice(const std::string& device) {
  return transport::verbs::LibverbsDevice::Open(device, 1).status();
}

absl::Status RunVerbsCommit(const Options& options) {
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  absl::StatusOr<Sides> sides = Start(options, placement, clock);
  if (!sides.ok()) {
    return sides.status();
  }
  PostedFloorTarget floor(*sides->floor, options.size_bytes);
  ProductTarget product(sides->group->leader(), options.size_bytes);
  Idling<PostedFloorTarget<VerbsFloor>> idling_floor(floor, options.leader_idle);
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
  report["device"] = DeviceOf(*sides->floor);
  report["one_core"] = placement.crowded();
  if (absl::Status status = EmitHgrm(options, product_series.all); !status.ok()) {
    return status;
  }
  return Emit(options, report);
}

absl::Status RunVerbsThroughput(const Options& options) {
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
    const absl::StatusOr<double> floor_s = FloorBlock(*sides->floor, options, load, clock);
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
  report["device"] = DeviceOf(*sides->floor);
  report["one_core"] = placement.crowded();
  return Emit(options, report);
}

}  // namespace gaios::bench

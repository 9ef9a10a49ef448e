#include "bench/benchmarks.h"
#include "bench/commit_run.h"
#include "bench/empty_machine.h"
#include "bench/environment.h"
#include "bench/floor.h"
#include "bench/group.h"
#include "bench/placement.h"
#include "bench/targets.h"
#include "bench/udp.h"
#include "bench/verbs.h"

namespace gaios::bench {

absl::Status RunCommit(const Options& options) {
  if (options.transport == rsm::TransportKind::kVerbs) {
    return RunVerbsCommit(options);
  }
  if (options.transport == rsm::TransportKind::kUdp) {
    return RunUdpCommit(options);
  }
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  auto floor = Floor::Start(
      {.peers = options.replicas - 1, .capacity_bytes = options.capacity_bytes, .idle = options.idle},
      placement);
  if (!floor.ok()) {
    return floor.status();
  }
  auto group = Group::Start({.replicas = options.replicas,
                             .capacity_bytes = options.capacity_bytes,
                             .idle = options.idle,
                             .make_machine = [] { return std::make_unique<EmptyMachine>(); }},
                            placement, clock);
  if (!group.ok()) {
    return group.status();
  }
  FloorTarget floor_target(**floor, options.size_bytes);
  ProductTarget product_target((*group)->leader(), options.size_bytes);
  Series floor_series;
  Series product_series;
  if (absl::Status status = RunBlocks(options, clock, floor_target, product_target, floor_series,
                                      product_series, [&group] { return (*group)->Check(); });
      !status.ok()) {
    return status;
  }
  if (!product_target.clean()) {
    return absl::AbortedError("a command ended unknown: the leader was lost during the run");
  }
  Json report = CommitReport(options, product_series, floor_series, environment);
  report["one_core"] = placement.crowded();
  if (absl::Status status = EmitHgrm(options, product_series.all); !status.ok()) {
    return status;
  }
  return Emit(options, report);
}

}  // namespace gaios::bench

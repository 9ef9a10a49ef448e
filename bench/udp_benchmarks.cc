#include <memory>
#include <utility>

#include "bench/empty_machine.h"
#include "bench/environment.h"
#include "bench/group.h"
#include "bench/placement.h"
#include "bench/posted_run.h"
#include "bench/udp.h"
#include "bench/udp_floor.h"

namespace gaios::bench {
namespace {

using Sides = PostedSides<UdpFloor>;

absl::StatusOr<Sides> Start(const Options& options, const Placement& placement, const base::TscClock& clock) {
  return StartPosted(
      UdpFloor::Fork(
          {.peers = options.replicas - 1, .payload_bytes = options.payload_bytes, .idle = options.idle},
          placement, clock),
      {.replicas = options.replicas,
       .capacity_bytes = options.capacity_bytes,
       .idle = options.idle,
       .transport = options.transport,
       .payload_bytes = options.payload_bytes,
       .authenticate = options.authenticate,
       .make_machine = [] { return std::make_unique<EmptyMachine>(); }},
      placement, clock);
}

absl::Status EmitReport(const Options& options, const Placement& placement, absl::StatusOr<Json> report) {
  if (!report.ok()) {
    return report.status();
  }
  (*report)["transport"] = "udp-socket";
  (*report)["payload_bytes"] = options.payload_bytes;
  (*report)["authenticate"] = options.authenticate;
  (*report)["one_core"] = placement.crowded();
  return Emit(options, *report);
}

}  // namespace

absl::Status RunUdpCommit(const Options& options) {
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  absl::StatusOr<Sides> sides = Start(options, placement, clock);
  return sides.ok() ? EmitReport(options, placement, MeasurePostedCommit(options, *sides, clock, environment))
                    : sides.status();
}

absl::Status RunUdpThroughput(const Options& options) {
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  absl::StatusOr<Sides> sides = Start(options, placement, clock);
  if (!sides.ok()) {
    return sides.status();
  }
  return EmitReport(options, placement, MeasurePostedThroughput(options, *sides, clock, environment, [&] {
                      return sides->floor->TakenByAll();
                    }));
}

}  // namespace gaios::bench

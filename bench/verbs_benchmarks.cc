#include <memory>
#include <utility>

#include "gaios/paxos/entry.h"
#include "gaios/paxos/message.h"
#include "gaios/transport/verbs/libverbs_device.h"

#include "bench/empty_machine.h"
#include "bench/environment.h"
#include "bench/group.h"
#include "bench/placement.h"
#include "bench/posted_round_trip.h"
#include "bench/posted_run.h"
#include "bench/verbs.h"
#include "bench/verbs_floor.h"

namespace gaios::bench {
namespace {

using Sides = PostedSides<VerbsFloor>;

absl::StatusOr<Sides> Start(const Options& options, const Placement& placement, const base::TscClock& clock) {
  return StartPosted(VerbsFloor::Fork({.device = options.device,
                                       .peers = options.replicas - 1,
                                       .capacity_bytes = options.capacity_bytes,
                                       .depth = paxos::Options().pipeline_depth,
                                       .idle = options.idle},
                                      placement),
                     {.replicas = options.replicas,
                      .capacity_bytes = options.capacity_bytes,
                      .idle = options.idle,
                      .transport = options.transport,
                      .device = options.device,
                      .make_machine = [] { return std::make_unique<EmptyMachine>(); }},
                     placement, clock);
}

absl::Status EmitReport(const Options& options, const Placement& placement, const VerbsFloor& floor,
                        absl::StatusOr<Json> report) {
  if (!report.ok()) {
    return report.status();
  }
  Json device;
  device["name"] = floor.facts().name;
  device["driver"] = floor.facts().driver;
  device["inline_bytes"] = floor.inline_bytes();
  (*report)["device"] = std::move(device);
  (*report)["one_core"] = placement.crowded();
  return Emit(options, *report);
}

}  // namespace

absl::Status CheckVerbsDevice(const std::string& device) {
  return transport::verbs::LibverbsDevice::Open(device, 1).status();
}

absl::StatusOr<RoundTrips> MeasureVerbsRoundTrips(const Options& options, const Placement& placement,
                                                  const base::TscClock& clock) {
  // Entries of the floor are whole cache lines.
  constexpr std::size_t kBytes = (paxos::kEncodedMessageBytes + paxos::kEntryAlignment - 1) /
                                 paxos::kEntryAlignment * paxos::kEntryAlignment;
  auto floor = VerbsFloor::Fork({.device = options.device,
                                 .peers = 1,
                                 .capacity_bytes = options.capacity_bytes,
                                 .idle = AwaitingIdle(options)},
                                placement);
  return floor.ok() ? PostedRoundTrips(**floor, kBytes, options, placement, clock) : floor.status();
}

absl::Status RunVerbsCommit(const Options& options) {
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  absl::StatusOr<Sides> sides = Start(options, placement, clock);
  return sides.ok() ? EmitReport(options, placement, *sides->floor,
                                 MeasurePostedCommit(options, *sides, clock, environment))
                    : sides.status();
}

absl::Status RunVerbsThroughput(const Options& options) {
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  absl::StatusOr<Sides> sides = Start(options, placement, clock);
  if (!sides.ok()) {
    return sides.status();
  }
  return EmitReport(options, placement, *sides->floor,
                    MeasurePostedThroughput(options, *sides, clock, environment,
                                            [&] { return sides->floor->ReadByAll(); }));
}

}  // namespace gaios::bench

#include "bench/hand_over_report.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "bench/benchmarks.h"
#include "bench/environment.h"
#include "bench/hand_over.h"
#include "bench/round_trip.h"
#include "bench/udp.h"
#include "bench/verbs.h"

namespace gaios::bench {
namespace {

// What the floor's round trip is of, by transport.
std::string_view RoundTripIs(const Options& options) {
  switch (options.transport) {
    case rsm::TransportKind::kShm:
      return "a word stored by one process and answered by another";
    case rsm::TransportKind::kUdp:
      return "a datagram of a message's length, answered by one";
    case rsm::TransportKind::kVerbs:
      return "an RDMA WRITE of a message's length, until it has completed";
  }
  return "";
}

std::vector<double> InRoundTrips(std::vector<double> values, double to) {
  for (double& value : values) {
    value /= to;
  }
  return values;
}

Json HandOversReport(const Options& options, const HandOvers& hand_overs, const RoundTrips& round_trips) {
  std::vector<double> gaps_us;
  std::vector<double> to_leader_cpu_us;
  std::vector<double> to_follower_cpu_us;
  std::vector<double> stand_bys_us;
  std::vector<double> drains_us;
  std::vector<double> fences_us;
  std::vector<double> recoveries_us;
  std::vector<double> first_commits_us;
  for (const HandOverTimes& times : hand_overs.times) {
    gaps_us.push_back(times.gap_us);
    (times.to_leader_cpu ? to_leader_cpu_us : to_follower_cpu_us).push_back(times.gap_us);
    stand_bys_us.push_back(times.stand_by_us);
    drains_us.push_back(times.drain_us);
    fences_us.push_back(times.fence_us);
    recoveries_us.push_back(times.recover_us);
    first_commits_us.push_back(times.first_commit_us);
  }
  Json json;
  json["hand_overs"] = hand_overs.times.size();
  json["failed"] = hand_overs.failed;
  json["unknown"] = hand_overs.unknown;
  json["gap_us"] = Spread(gaps_us);
  json["gap_to_leader_cpu_us"] = Spread(to_leader_cpu_us);
  json["gap_to_follower_cpu_us"] = Spread(to_follower_cpu_us);
  json["stand_by_us"] = Spread(stand_bys_us);
  json["drain_us"] = Spread(drains_us);
  json["fence_us"] = Spread(fences_us);
  json["recover_us"] = Spread(recoveries_us);
  json["first_commit_us"] = Spread(first_commits_us);
  json["round_trip_is"] = RoundTripIs(options);
  json["round_trip_ns"] = round_trips.often_ns;
  json["round_trips"] = Median(gaps_us) * 1000 / std::max(round_trips.often_ns, 1.0);
  json["rare_round_trip_ns"] = round_trips.rare_ns;
  json["rare_round_trips"] = Median(gaps_us) * 1000 / std::max(round_trips.rare_ns, 1.0);
  json["rare_ratio"] = Spread(InRoundTrips(gaps_us, std::max(round_trips.rare_ns, 1.0) / 1000));
  if (options.transport == rsm::TransportKind::kShm) {
    json["message_round_trip_ns"] = round_trips.message_ns;
    json["message_round_trips"] = Median(gaps_us) * 1000 / std::max(round_trips.message_ns, 1.0);
  }
  return json;
}

absl::StatusOr<RoundTrips> MeasureFloor(const Options& options, const Placement& placement,
                                        const base::TscClock& clock) {
  switch (options.transport) {
    case rsm::TransportKind::kShm:
      return MeasureRoundTrips(options, placement, clock);
    case rsm::TransportKind::kUdp:
      return MeasureUdpRoundTrips(options, placement, clock);
    case rsm::TransportKind::kVerbs:
      return MeasureVerbsRoundTrips(options, placement, clock);
  }
  return absl::UnimplementedError("hand-overs are not measured over that transport");
}

}  // namespace

absl::StatusOr<Json> MeasureHandOversBesideFloor(const Options& options, const Placement& placement,
                                                 const base::TscClock& clock) {
  // First, as they fork: a floor may leave a device open.
  const absl::StatusOr<HandOvers> hand_overs = MeasureHandOvers(options, placement, clock);
  if (!hand_overs.ok()) {
    return hand_overs.status();
  }
  const absl::StatusOr<RoundTrips> round_trips = MeasureFloor(options, placement, clock);
  if (!round_trips.ok()) {
    return round_trips.status();
  }
  return HandOversReport(options, *hand_overs, *round_trips);
}

absl::Status RunHandOver(const Options& options) {
  if (options.replicas < 3) {
    return absl::InvalidArgumentError(
        "--replicas must be at least 3: fewer have no third that sees the leadership pass");
  }
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  const absl::StatusOr<Json> hand_over = MeasureHandOversBesideFloor(options, placement, clock);
  if (!hand_over.ok()) {
    return hand_over.status();
  }
  Json report;
  report["benchmark"] = "hand-over";
  report["transport"] = TransportName(options);
  report["idle"] = base::IdleStrategyName(options.idle);
  report["replicas"] = options.replicas;
  report["capacity_bytes"] = options.capacity_bytes;
  report["rest_ms"] = options.rest_ms;
  report["floor"]["round_trip_ns"] = hand_over->at("round_trip_ns");
  report["floor"]["rare_round_trip_ns"] = hand_over->at("rare_round_trip_ns");
  report["ratio"] = hand_over->at("rare_ratio");
  report["hand_over"] = *hand_over;
  report["env"] = environment;
  report["one_core"] = placement.crowded();
  return Emit(options, report);
}

}  // namespace gaios::bench

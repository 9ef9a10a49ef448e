#ifndef GAIOS_BENCH_POSTED_ROUND_TRIP_H_
#define GAIOS_BENCH_POSTED_ROUND_TRIP_H_

// The round trip of a medium whose writes are posted and complete later: RDMA, UDP. A floor is as
// posted_targets.h has it, with one peer. One thread.

#include <cstddef>
#include <cstdint>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/clock.h"
#include "gaios/base/histogram.h"
#include "gaios/base/idle.h"
#include "gaios/base/pinning.h"

#include "bench/options.h"
#include "bench/placement.h"
#include "bench/round_trip.h"

namespace gaios::bench {

// What waits for an answer does not sleep: see base::Idle::OnAwaiting.
[[nodiscard]] inline base::IdleStrategy AwaitingIdle(const Options& options) {
  return options.idle == base::IdleStrategy::kSpin ? base::IdleStrategy::kSpin : base::IdleStrategy::kYield;
}

// `rounds` of a write of `bytes`, each after `rest_ns`.
template <typename PostedFloor>
absl::Status PostedRounds(PostedFloor& floor, std::size_t bytes, std::uint64_t rounds, std::uint64_t rest_ns,
                          base::Idle& idle, const base::TscClock& clock, base::Histogram& times) {
  for (std::uint64_t round = 0; round < rounds && !floor.failed(); ++round) {
    for (const std::uint64_t rested_ns = clock.NowNs() + rest_ns; clock.NowNs() < rested_ns;) {
      idle.OnAwaiting();
      static_cast<void>(floor.Poll());
    }
    const std::uint64_t begun_ns = clock.NowNs();
    bool written = floor.Write(bytes);
    while ((!written || floor.Poll() == 0) && !floor.failed()) {
      written = written || floor.Write(bytes);
      idle.OnAwaiting();
    }
    times.Record(clock.NowNs() - begun_ns);
    idle.OnWork();
  }
  return floor.Check();
}

// Of a write of `bytes`. The calling thread is left pinned to the leader's cpu.
template <typename PostedFloor>
absl::StatusOr<RoundTrips> PostedRoundTrips(PostedFloor& floor, std::size_t bytes, const Options& options,
                                            const Placement& placement, const base::TscClock& clock) {
  constexpr std::uint64_t kWarmRounds = 100;
  constexpr std::uint64_t kRounds = 1'000;
  constexpr std::uint64_t kRareRounds = 20;
  base::Idle idle(AwaitingIdle(options));
  base::Histogram warm;
  base::Histogram often;
  base::Histogram rare;
  absl::Status status = base::PinThisThread(placement.leader_cpu);
  if (status.ok()) {
    status = floor.Connect();
  }
  if (status.ok()) {
    status = PostedRounds(floor, bytes, kWarmRounds, 0, idle, clock, warm);
  }
  if (status.ok()) {
    status = PostedRounds(floor, bytes, kRounds, 0, idle, clock, often);
  }
  if (status.ok()) {
    status = PostedRounds(floor, bytes, kRareRounds, options.rest_ms * 1'000'000, idle, clock, rare);
  }
  if (!status.ok()) {
    return status;
  }
  return RoundTrips{.often_ns = static_cast<double>(often.ValueAtPercentile(50)),
                    .rare_ns = static_cast<double>(rare.ValueAtPercentile(50))};
}

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_POSTED_ROUND_TRIP_H_

#ifndef GAIOS_BENCH_HAND_OVER_H_
#define GAIOS_BENCH_HAND_OVER_H_

// Planned hand-overs, one after another between two replicas of a group of fresh processes, with commands
// committed one at a time before each, for as long as it takes the replicas to make the memory for the next
// grants ready. One thread; to be called while the process holds no sockets.

#include <cstddef>
#include <vector>

#include <absl/status/statusor.h>

#include "gaios/base/clock.h"

#include "bench/options.h"
#include "bench/placement.h"

namespace gaios::bench {

// As many as `--trials` allows.
inline constexpr std::size_t kMaxHandOvers = 10'000;

struct HandOverTimes {
  bool to_leader_cpu = false;  // the taker has a cpu to itself; else it shares the followers'
  double gap_us = 0;           // from the first refusal to the first command that the taker has committed
  double stand_by_us = 0;      // from the request until commands are refused, which go on until then
  double drain_us = 0;         // until the old leader told the taker to campaign
  // The taker's: from hearing of it to a majority's promises, from there to its ballot record, and from there
  // to the commit of that.
  double fence_us = 0;
  double recover_us = 0;
  double first_commit_us = 0;
};

struct HandOvers {
  std::vector<HandOverTimes> times;
  std::size_t failed = 0;   // begun, and the old leader went on to begin another
  std::size_t unknown = 0;  // commands that ended unknown
};

// `options.trials` of them that succeed. DeadlineExceeded: they came to a standstill.
[[nodiscard]] absl::StatusOr<HandOvers> MeasureHandOvers(const Options& options, const Placement& placement,
                                                         const base::TscClock& clock);

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_HAND_OVER_H_

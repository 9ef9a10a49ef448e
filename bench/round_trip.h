#ifndef GAIOS_BENCH_ROUND_TRIP_H_
#define GAIOS_BENCH_ROUND_TRIP_H_

// The round trip of a medium between two processes that are placed as those of a hand-over are, by a bare
// program with no protocol in it. One thread; to be called while the process holds no sockets.

#include <absl/status/statusor.h>

#include "gaios/base/clock.h"

#include "bench/options.h"
#include "bench/placement.h"

namespace gaios::bench {

struct RoundTrips {
  // One after another, p50. Over shared memory of a word stored by the one process and answered by the other.
  double often_ns = 0;
  // The same, as rare as hand-overs are: before each both ends poll, and send nothing, for `rest_ms`.
  double rare_ns = 0;
  // Over shared memory: of a message of the protocol's length through a Unix socket, with a word raised
  // behind it so that nobody asks the system in vain: what messages that carry a descriptor go by. As rare
  // too.
  double message_ns = 0;
};

// Of shared memory. Between the leader's cpu and the followers', where as many processes poll as there are
// followers. All wait as a replica does that awaits an answer. The calling thread is left pinned to the
// leader's cpu.
[[nodiscard]] absl::StatusOr<RoundTrips> MeasureRoundTrips(const Options& options, const Placement& placement,
                                                           const base::TscClock& clock);

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_ROUND_TRIP_H_

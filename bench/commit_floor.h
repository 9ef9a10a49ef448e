#ifndef GAIOS_BENCH_COMMIT_FLOOR_H_
#define GAIOS_BENCH_COMMIT_FLOOR_H_

// A few blocks of the floor of commits over shared memory, beside which benchmarks of something else stand.
// One thread, which is left pinned to the leader's cpu.

#include <absl/status/status.h>

#include "gaios/base/clock.h"

#include "bench/commit_run.h"
#include "bench/options.h"
#include "bench/placement.h"

namespace gaios::bench {

[[nodiscard]] absl::Status MeasureCommitFloor(const Options& options, const Placement& placement,
                                              const base::TscClock& clock, Series& series);

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_COMMIT_FLOOR_H_

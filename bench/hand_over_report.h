#ifndef GAIOS_BENCH_HAND_OVER_REPORT_H_
#define GAIOS_BENCH_HAND_OVER_REPORT_H_

// Planned hand-overs beside the round trips of their medium. One thread; to be called while the process holds
// no sockets.

#include <absl/status/statusor.h>

#include "gaios/base/clock.h"

#include "bench/options.h"
#include "bench/placement.h"
#include "bench/report.h"

namespace gaios::bench {

// The calling thread is left pinned to the leader's cpu.
[[nodiscard]] absl::StatusOr<Json> MeasureHandOversBesideFloor(const Options& options,
                                                               const Placement& placement,
                                                               const base::TscClock& clock);

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_HAND_OVER_REPORT_H_

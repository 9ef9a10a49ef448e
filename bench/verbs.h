#ifndef GAIOS_BENCH_VERBS_H_
#define GAIOS_BENCH_VERBS_H_

// What the benchmarks have of their own for RDMA. A build without libibverbs has only what says so.

#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/clock.h"

#include "bench/options.h"
#include "bench/placement.h"
#include "bench/round_trip.h"

namespace gaios::bench {

// Whether `device`, or the only one when that is empty, is there and its port can be used. Errors say what to
// do.
[[nodiscard]] absl::Status CheckVerbsDevice(const std::string& device);

// As RunCommit and RunThroughput, beside the floor of verbs_floor.h.
[[nodiscard]] absl::Status RunVerbsCommit(const Options& options);
[[nodiscard]] absl::Status RunVerbsThroughput(const Options& options);

// The floor of a hand-over: an RDMA WRITE as long as a message of the protocol, until it has completed.
[[nodiscard]] absl::StatusOr<RoundTrips> MeasureVerbsRoundTrips(const Options& options,
                                                                const Placement& placement,
                                                                const base::TscClock& clock);

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_VERBS_H_

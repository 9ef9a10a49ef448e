#ifndef GAIOS_BENCH_SNAPSHOT_STREAM_H_
#define GAIOS_BENCH_SNAPSHOT_STREAM_H_

// A snapshot on its way from host to host: by the product, over the port where replicas meet, checked chunk
// by chunk and written to a file; beside as many bytes through the same TLS and the same loopback, with no
// protocol and no file. Both count from the dialling on.

#include <vector>

#include <absl/status/status.h>

#include "gaios/base/clock.h"

#include "bench/options.h"

namespace gaios::bench {

struct StreamRates {
  std::vector<double> raw_per_s;   // bytes, of each round
  std::vector<double> sent_per_s;  // the product's
};

// The calling thread must not be pinned: what it starts inherits that.
[[nodiscard]] absl::Status MeasureStreams(const Options& options, const base::TscClock& clock,
                                          StreamRates& rates);

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_SNAPSHOT_STREAM_H_

#ifndef GAIOS_BENCH_RAW_COPY_H_
#define GAIOS_BENCH_RAW_COPY_H_

// The floor of catching up over shared memory: as many bytes copied in pieces of the same size from one
// mapping of shared memory to another, by the calling thread. One thread.

#include <cstddef>

#include <absl/status/statusor.h>

#include "gaios/base/clock.h"

namespace gaios::bench {

// Bytes a second. The pages of both mappings are present before. `bytes` and `piece_bytes` are above 0.
// ResourceExhausted: no memory for the mappings.
[[nodiscard]] absl::StatusOr<double> RawCopyBytesPerSecond(std::size_t bytes, std::size_t piece_bytes,
                                                           const base::TscClock& clock);

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_RAW_COPY_H_

#ifndef GAIOS_TRANSPORT_VERBS_PROBE_H_
#define GAIOS_TRANSPORT_VERBS_PROBE_H_

// What a device can do, found out by trying: each way to fence, with a writer that writes as fast as it can,
// and how much goes inline. Both ends are this device, so what the network does to packets on their way is
// not in it; what the device does with those that have arrived is.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <absl/status/statusor.h>

#include "gaios/transport/verbs/fencing.h"
#include "gaios/transport/verbs/libverbs_device.h"

namespace gaios::transport::verbs {

struct FenceTrial {
  FenceStrategy strategy = FenceStrategy::kQueuePair;
  bool available = false;  // false: the device does not have it, and the rest says nothing
  bool held = false;       // in every round the writer was stopped, and no word changed after the fence
  std::uint64_t rounds = 0;
  std::uint64_t writes = 0;       // that succeeded; in each round more were under way when it was fenced
  std::uint64_t late_writes = 0;  // rounds in which a word of the log changed after fence and read
  std::uint64_t not_stopped = 0;  // rounds in which a write succeeded that was posted after the fence
  std::uint64_t time_ns = 0;      // median, from the first call to the last of a fence
};

struct ProbeReport {
  std::vector<FenceTrial> fences;
  std::uint32_t max_inline_bytes = 0;
};

struct ProbeOptions {
  std::uint32_t rounds = 20;           // of each strategy
  std::size_t piece_bytes = 16 << 10;  // of one write
  // How long the device may take to answer, and a writer that is fenced to notice; retries take some 0.1 s.
  std::chrono::milliseconds patience{10'000};
};

// Takes a thread for the writer, and some MiB of memory. ResourceExhausted: the limit of locked memory is too
// small. Unavailable: the device refuses what every strategy needs.
[[nodiscard]] absl::StatusOr<ProbeReport> Probe(LibverbsDevice& device, const ProbeOptions& options);

// So many rounds are tried before a replica uses a device. They take some 0.1 s each where the writer finds
// out by retries.
inline constexpr std::uint32_t kFenceTrialRounds = 3;

// Tries the strategy that is going to be used, kQueuePair or kDeregistration, and returns the trial if it has
// held in every round. FailedPrecondition: it let something through, and the device must not be used so; what
// to do is said. Takes what Probe takes, and fails as that does.
[[nodiscard]] absl::StatusOr<FenceTrial> CheckFence(RdmaDevice& device, FenceStrategy strategy,
                                                    const ProbeOptions& options);

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TRANSPORT_VERBS_PROBE_H_

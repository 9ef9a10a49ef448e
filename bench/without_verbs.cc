// In the place of the benchmarks over RDMA, in a build without libibverbs. CheckTransport has refused before.

#include "bench/verbs.h"

namespace gaios::bench {
namespace {

absl::Status Without() {
  return absl::FailedPreconditionError("this build is without verbs; install libibverbs-dev and build again");
}

}  // namespace

absl::Status CheckVerbsDevice(const std::string& /*device*/) {
  return Without();
}

absl::Status RunVerbsCommit(const Options& /*options*/) {
  return Without();
}

absl::Status RunVerbsThroughput(const Options& /*options*/) {
  return Without();
}

absl::StatusOr<RoundTrips> MeasureVerbsRoundTrips(const Options& /*options*/, const Placement& /*placement*/,
                                                  const base::TscClock& /*clock*/) {
  return Without();
}

}  // namespace gaios::bench

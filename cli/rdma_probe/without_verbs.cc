#include "gaios/cli/complain.h"
#include "gaios/cli/rdma_probe/run_rdma_probe.h"

// In place of run_rdma_probe.cc in builds without verbs.

namespace gaios::cli {

int RunRdmaProbe(const RdmaProbeFlags& /*flags*/) {
  return Complain("rdma-probe: this build is without verbs; install libibverbs-dev and build again",
                  kExitUsage);
}

}  // namespace gaios::cli

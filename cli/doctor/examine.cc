#include "gaios/cli/doctor/examine.h"

namespace gaios::cli {

BuiltWith ThisBuild() {
  return {.verbs = GAIOS_WITH_VERBS != 0, .dpdk = GAIOS_WITH_DPDK != 0};
}

Findings Examine(const System& system, const BuiltWith& built_with,
                 const std::optional<Deployment>& deployment) {
  Findings findings;
  ExamineProcessors(system, findings);
  ExamineMemory(system, findings);
  ExamineDevices(system, built_with, findings);
  if (deployment) {
    ExamineDeployment(system, *deployment, findings);
  }
  return findings;
}

}  // namespace gaios::cli

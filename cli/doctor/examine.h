#ifndef GAIOS_CLI_DOCTOR_EXAMINE_H_
#define GAIOS_CLI_DOCTOR_EXAMINE_H_

// What `gaios doctor` looks at, one function a subject. Each appends its findings; none prints, none changes
// the host.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gaios/cli/doctor/finding.h"
#include "gaios/cli/doctor/system.h"

namespace gaios::cli {

// Backends that this program was built with.
struct BuiltWith {
  bool verbs = false;
  bool dpdk = false;
};

[[nodiscard]] BuiltWith ThisBuild();

// What a configuration asks of the host, all of its replicas running here.
struct Deployment {
  std::string directory;
  std::uint64_t capacity_bytes = 0;
  std::size_t replicas = 0;
  std::vector<std::uint32_t> cpus;  // cores that replicas are pinned to
};

// Cores, isolation, frequency governor, quota, time-stamp counter.
void ExamineProcessors(const System& system, Findings& findings);
// Memory, swap, huge pages, locking limit, room for shared memory; kernel.
void ExamineMemory(const System& system, Findings& findings);
// RDMA devices, DPDK drivers, and network cards given to DPDK, against what is compiled in.
void ExamineDevices(const System& system, const BuiltWith& built_with, Findings& findings);
// Whether the host has what the deployment asks for.
void ExamineDeployment(const System& system, const Deployment& deployment, Findings& findings);

// All of these; the last only when there is a deployment.
[[nodiscard]] Findings Examine(const System& system, const BuiltWith& built_with,
                               const std::optional<Deployment>& deployment);

// The numbers of a kernel list such as "0-2,5"; what is not a number is left out.
[[nodiscard]] std::vector<std::uint32_t> ParseCpuList(const std::string& text);

}  // namespace gaios::cli

#endif  // GAIOS_CLI_DOCTOR_EXAMINE_H_

#include "gaios/transport/udp/dpdk/eal_arguments.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

namespace gaios::transport::udp::dpdk {

std::vector<std::string> EalArguments(const EalSettings& settings) {
  std::vector<std::string> arguments = {"gaios"};
  // One logical core, which is the calling thread, on all the processors that it has now: EAL starts no
  // worker, and does not pin the caller.
  arguments.push_back(absl::StrCat("--lcores=0@(", absl::StrJoin(settings.processors, ","), ")"));
  if (settings.pci_device.empty()) {
    arguments.emplace_back("--no-pci");  // else it looks at all cards of the host
  } else {
    arguments.push_back(absl::StrCat("--allow=", settings.pci_device));
  }
  if (settings.hugepages) {
    // No files, no mount of hugetlbfs, nothing left behind by a process that is killed.
    arguments.emplace_back("--in-memory");
    if (settings.pci_device.empty()) {
      arguments.emplace_back("--iova-mode=va");  // physical addresses want more rights, and serve nobody here
    }
  } else {
    arguments.emplace_back("--no-huge");
    arguments.emplace_back("--no-shconf");
  }
  arguments.push_back(absl::StrCat("--file-prefix=", settings.file_prefix));
  arguments.emplace_back("-m");
  arguments.push_back(absl::StrCat(settings.memory_mib));
  arguments.emplace_back("--no-telemetry");
  arguments.push_back(absl::StrCat("--log-level=*:", settings.log_level));
  return arguments;
}

}  // namespace gaios::transport::udp::dpdk

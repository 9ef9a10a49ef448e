#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

#include "gaios/cli/doctor/examine.h"
#include "gaios/cli/doctor/fields.h"

namespace gaios::cli {
namespace {

// A replica holds its log, a spare for each peer and one for itself.
void ExamineReserve(const System& system, const Deployment& deployment, Findings& findings) {
  const std::uint64_t each = deployment.capacity_bytes * (deployment.replicas + 1);
  const std::uint64_t all = each * deployment.replicas;
  const std::string text = absl::StrCat(deployment.replicas, " replicas on this host reserve ",
                                        SizeText(each), " each, ", SizeText(all), " in all");
  const std::optional<std::uint64_t> available = KibibytesOf(system.Read("/proc/meminfo"), "MemAvailable");
  if (available && all > *available) {
    findings.push_back({"deployment_memory", Level::kError,
                        absl::StrCat(text, "; only ", SizeText(*available), " are available"),
                        "lower capacity_bytes, or stop what uses the memory"});
  } else {
    findings.push_back({"deployment_memory", Level::kOk, text, ""});
  }
}

void ExamineDirectory(const System& system, const Deployment& deployment, Findings& findings) {
  std::error_code error;
  const std::string directory =
      std::filesystem::absolute(deployment.directory, error).lexically_normal().string();
  if (!system.IsDirectory(directory)) {
    findings.push_back({"deployment_directory", Level::kInfo,
                        absl::StrCat("directory ", directory, " is not there yet"), ""});
    return;
  }
  const std::vector<std::string> lines = absl::StrSplit(system.Read("/proc/self/mounts").value_or(""), '\n');
  std::string type;
  std::size_t longest = 0;
  for (const std::string& line : lines) {
    const std::vector<std::string> fields = absl::StrSplit(line, ' ');
    // The longest mount point above the directory, and of equal ones the last, is the one that holds it.
    if (fields.size() > 2 && fields[1].size() >= longest &&
        absl::StrCat(directory, "/").starts_with(fields[1] == "/" ? "/" : fields[1] + "/")) {
      longest = fields[1].size();
      type = fields[2];
    }
  }
  if (type.empty() || type == "tmpfs") {
    findings.push_back(
        {"deployment_directory", Level::kOk, absl::StrCat("directory ", directory, " is there"), ""});
  } else {
    findings.push_back({"deployment_directory", Level::kWarning,
                        absl::StrCat("directory ", directory, " is on ", type,
                                     ": a control page that is written back to a disk may stall a store"),
                        "name a directory on a tmpfs, such as /dev/shm/gaios/GROUP"});
  }
}

void ExaminePins(const System& system, const Deployment& deployment, Findings& findings) {
  const std::vector<std::uint32_t> allowed =
      ParseCpuList(FieldOf(system.Read("/proc/self/status"), "Cpus_allowed_list:").value_or(""));
  std::set<std::uint32_t> missing;
  for (const std::uint32_t cpu : deployment.cpus) {
    if (std::find(allowed.begin(), allowed.end(), cpu) == allowed.end()) {
      missing.insert(cpu);
    }
  }
  if (!missing.empty()) {
    findings.push_back(
        {"deployment_cores", Level::kError,
         absl::StrCat("replicas are pinned to cores that may not be used here: ",
                      absl::StrJoin(missing, ", ")),
         "change cpu of these replicas, or allow the cores (taskset, cpuset of the container)"});
  } else if (!deployment.cpus.empty()) {
    findings.push_back({"deployment_cores", Level::kOk,
                        absl::StrCat("the cores that replicas are pinned to may be used: ",
                                     absl::StrJoin(deployment.cpus, ", ")),
                        ""});
  }
}

}  // namespace

void ExamineDeployment(const System& system, const Deployment& deployment, Findings& findings) {
  ExamineReserve(system, deployment, findings);
  ExamineDirectory(system, deployment, findings);
  ExaminePins(system, deployment, findings);
}

}  // namespace gaios::cli

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "gaios/cli/doctor/examine.h"
#include "gaios/cli/doctor/fields.h"

namespace gaios::cli {
namespace {

void ExamineRoom(const System& system, Findings& findings) {
  const std::optional<std::string> meminfo = system.Read("/proc/meminfo");
  const std::optional<std::uint64_t> total = KibibytesOf(meminfo, "MemTotal");
  const std::optional<std::uint64_t> available = KibibytesOf(meminfo, "MemAvailable");
  if (!total || !available) {
    findings.push_back(
        {"memory", Level::kInfo, "the amount of memory is not known: no /proc/meminfo", "mount /proc"});
    return;
  }
  findings.push_back(
      {"memory", Level::kOk,
       absl::StrCat(SizeText(*available), " of ", SizeText(*total), " of memory are available"), ""});
}

void ExamineSwap(const System& system, Findings& findings) {
  const std::uint64_t swap = KibibytesOf(system.Read("/proc/meminfo"), "SwapTotal").value_or(0);
  if (swap == 0) {
    findings.push_back({"swap", Level::kOk, "there is no swap space", ""});
  } else {
    findings.push_back(
        {"swap", Level::kWarning,
         absl::StrCat(SizeText(swap), " of swap space: a page of a log that was swapped out stalls commits"),
         "swapoff -a, or run replicas in a control group with memory.swap.max = 0"});
  }
}

void ExamineHugePages(const System& system, Findings& findings) {
  std::vector<std::string> reserved;
  for (const std::string& name : system.List("/sys/kernel/mm/hugepages")) {
    const std::string folder = absl::StrCat("/sys/kernel/mm/hugepages/", name);
    const std::string count = system.Read(folder + "/nr_hugepages").value_or("0");
    if (count != "0") {
      reserved.push_back(absl::StrCat(count, " of ", name.substr(name.find('-') + 1), ", ",
                                      system.Read(folder + "/free_hugepages").value_or("?"),
                                      " of them free"));
    }
  }
  std::string mount;
  const std::vector<std::string> lines = absl::StrSplit(system.Read("/proc/self/mounts").value_or(""), '\n');
  for (const std::string& line : lines) {
    const std::vector<std::string> fields = absl::StrSplit(line, ' ');
    if (fields.size() > 2 && fields[2] == "hugetlbfs") {
      mount = fields[1];
    }
  }
  const std::string mounted =
      mount.empty() ? "no hugetlbfs is mounted" : absl::StrCat("hugetlbfs is at ", mount);
  if (reserved.empty()) {
    findings.push_back(
        {"huge_pages", Level::kInfo, absl::StrCat("no huge pages are reserved; ", mounted),
         "nothing for shared memory; for RDMA reserve as many as the ring of each replica of this host "
         "has (capacity_bytes, 2 MiB each) and two more for each, for DPDK some: "
         "sysctl vm.nr_hugepages=64"});
    return;
  }
  for (const std::string& text : reserved) {
    findings.push_back(
        {"huge_pages", Level::kOk, absl::StrCat("huge pages reserved: ", text, "; ", mounted), ""});
  }
}

void ExamineTransparentHugePages(const System& system, Findings& findings) {
  const std::string enabled = ChosenOf(system.Read("/sys/kernel/mm/transparent_hugepage/enabled"));
  const std::string shared = ChosenOf(system.Read("/sys/kernel/mm/transparent_hugepage/shmem_enabled"));
  if (enabled.empty()) {
    findings.push_back(
        {"transparent_huge_pages", Level::kInfo, "the kernel shows no transparent huge pages", ""});
  } else if (enabled == "never") {
    findings.push_back({"transparent_huge_pages", Level::kWarning,
                        "transparent huge pages are off: a large order book misses the TLB on most messages",
                        "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"});
  } else if (shared == "always" || shared == "within_size" || shared == "force") {
    findings.push_back({"transparent_huge_pages", Level::kOk,
                        absl::StrCat("transparent huge pages: ", enabled, "; for shared memory: ", shared),
                        ""});
  } else {
    findings.push_back(
        {"transparent_huge_pages", Level::kInfo,
         absl::StrCat("transparent huge pages: ", enabled, "; for shared memory: ",
                      shared.empty() ? "not offered" : shared, ", so that logs are made of 4 KiB pages"),
         shared.empty() ? ""
                        : "for a faster start with large rings: "
                          "echo within_size > /sys/kernel/mm/transparent_hugepage/shmem_enabled"});
  }
}

void ExamineLocking(const System& system, Findings& findings) {
  const std::optional<std::string> limit = FieldOf(system.Read("/proc/self/limits"), "Max locked memory");
  const std::string soft = limit ? limit->substr(0, limit->find(' ')) : "";
  std::uint64_t bytes = 0;
  if (soft == "unlimited") {
    findings.push_back({"locked_memory", Level::kOk, "memory may be locked without limit", ""});
  } else if (absl::SimpleAtoi(soft, &bytes)) {
    findings.push_back(
        {"locked_memory", Level::kInfo, absl::StrCat("at most ", SizeText(bytes), " may be locked"),
         "nothing for shared memory; RDMA locks what it registers, so there set "
         "'memlock unlimited' in /etc/security/limits.conf, or LimitMEMLOCK=infinity in the unit"});
  } else {
    findings.push_back({"locked_memory", Level::kInfo, "the limit of locked memory is not known", ""});
  }
}

void ExamineSharedMemory(const System& system, Findings& findings) {
  constexpr std::uint64_t kFewBytes = std::uint64_t{16} << 20;
  const std::optional<Space> space = system.SpaceOf("/dev/shm");
  if (!space) {
    findings.push_back(
        {"shared_memory", Level::kWarning, "/dev/shm is not there",
         "mount -t tmpfs tmpfs /dev/shm, or name another directory on a tmpfs in the configuration"});
  } else if (space->free_bytes < kFewBytes) {
    findings.push_back(
        {"shared_memory", Level::kWarning,
         absl::StrCat("only ", SizeText(space->free_bytes), " of ", SizeText(space->size_bytes),
                      " are free in /dev/shm"),
         "remove what crashed programs left there, or mount -o remount,size=64M /dev/shm (for a "
         "container: --shm-size)"});
  } else {
    findings.push_back({"shared_memory", Level::kOk,
                        absl::StrCat(SizeText(space->free_bytes), " of ", SizeText(space->size_bytes),
                                     " are free in /dev/shm"),
                        ""});
  }
}

void ExamineKernel(const System& system, Findings& findings) {
  findings.push_back(
      {"kernel", Level::kInfo,
       absl::StrCat("Linux ", system.Read("/proc/sys/kernel/osrelease").value_or("of unknown release")), ""});
}

}  // namespace

void ExamineMemory(const System& system, Findings& findings) {
  ExamineRoom(system, findings);
  ExamineSwap(system, findings);
  ExamineHugePages(system, findings);
  ExamineTransparentHugePages(system, findings);
  ExamineLocking(system, findings);
  ExamineSharedMemory(system, findings);
  ExamineKernel(system, findings);
}

}  // namespace gaios::cli

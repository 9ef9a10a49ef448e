#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>

#include "gaios/cli/doctor/examine.h"
#include "gaios/cli/doctor/fields.h"

namespace gaios::cli {
namespace {

void ExamineCores(const System& system, Findings& findings) {
  const std::optional<std::string> allowed = FieldOf(system.Read("/proc/self/status"), "Cpus_allowed_list:");
  if (!allowed) {
    findings.push_back(
        {"cores", Level::kInfo, "which cores may be used is not known: no /proc/self/status", "mount /proc"});
    return;
  }
  const std::size_t cores = ParseCpuList(*allowed).size();
  if (cores < 2) {
    findings.push_back(
        {"cores", Level::kWarning, absl::StrCat(cores, " core may be used (", *allowed, ")"),
         "give the leader a core of its own: with one core for all replicas every commit waits for "
         "the scheduler; use idle = \"yield\" or \"block\""});
  } else if (cores < 4) {
    findings.push_back({"cores", Level::kInfo,
                        absl::StrCat(cores, " cores may be used (", *allowed,
                                     "): too few for three replicas that spin, each on its own"),
                        "pin the leader to one core and let the followers share another, or use "
                        "idle = \"back_off\""});
  } else {
    findings.push_back({"cores", Level::kOk, absl::StrCat(cores, " cores may be used (", *allowed, ")"), ""});
  }
}

void ExamineIsolation(const System& system, Findings& findings) {
  const std::string isolated = system.Read("/sys/devices/system/cpu/isolated").value_or("");
  if (!isolated.empty()) {
    findings.push_back({"isolated_cores", Level::kOk,
                        absl::StrCat("cores ", isolated, " are kept free of other work"),
                        "pin replicas to them: cpu = N in [[replica]]"});
    return;
  }
  findings.push_back(
      {"isolated_cores", Level::kInfo,
       "no core is kept free of other work: a replica may be descheduled for milliseconds",
       "for steady latency boot with isolcpus=N nohz_full=N rcu_nocbs=N and pin replicas to these "
       "cores; else keep suspect_timeout_ms well above the pauses"});
}

void ExamineGovernor(const System& system, Findings& findings) {
  std::set<std::string> governors;
  for (const std::string& name : system.List("/sys/devices/system/cpu")) {
    const auto governor =
        system.Read(absl::StrCat("/sys/devices/system/cpu/", name, "/cpufreq/scaling_governor"));
    if (governor) {
      governors.insert(*governor);
    }
  }
  if (governors.empty()) {
    findings.push_back({"governor", Level::kInfo,
                        "the kernel does not govern the frequency of the cores, as in most virtual machines",
                        ""});
  } else if (governors == std::set<std::string>{"performance"}) {
    findings.push_back({"governor", Level::kOk, "the frequency governor is performance", ""});
  } else {
    findings.push_back({"governor", Level::kWarning,
                        absl::StrCat("the frequency governor is ", absl::StrJoin(governors, ", ")),
                        "cpupower frequency-set -g performance"});
  }
}

// A control group may give less processor time than the list of cores promises.
void ExamineQuota(const System& system, Findings& findings) {
  const std::optional<std::string> own = FieldOf(system.Read("/proc/self/cgroup"), "0::");
  std::string group = own.value_or("");
  // The limits of the groups above hold too.
  while (true) {
    const std::string limit = system.Read(absl::StrCat("/sys/fs/cgroup", group, "/cpu.max")).value_or("");
    const std::vector<std::string> parts = absl::StrSplit(limit, ' ');
    double quota_us = 0;
    double period_us = 0;
    if (parts.size() == 2 && absl::SimpleAtod(parts[0], &quota_us) &&
        absl::SimpleAtod(parts[1], &period_us) && period_us > 0) {
      findings.push_back(
          {"cpu_quota", Level::kWarning,
           absl::StrCat("the control group may use ", quota_us / period_us,
                        " cores' time, and is stopped for the rest of each ", period_us / 1000, " ms"),
           "lift cpu.max of the control group (for a container: whole cores, no CPU limit): a "
           "replica that spins uses up its share and is then stopped"});
      return;
    }
    const std::size_t slash = group.rfind('/');
    if (slash == std::string::npos) {
      return;
    }
    group.erase(slash);
  }
}

void ExamineCounter(const System& system, Findings& findings) {
  // Spaces around, so that only whole words are found.
  const std::string flags =
      absl::StrCat(" ", FieldOf(system.Read("/proc/cpuinfo"), "flags").value_or(""), " ");
  const bool invariant =
      flags.find(" constant_tsc ") != std::string::npos && flags.find(" nonstop_tsc ") != std::string::npos;
  const std::optional<std::string> source =
      system.Read("/sys/devices/system/clocksource/clocksource0/current_clocksource");
  if (!invariant) {
    findings.push_back(
        {"tsc", Level::kWarning,
         "the time-stamp counter is not invariant: every reading of the clock asks the kernel",
         "run on a processor (or give the virtual machine one) with constant_tsc and nonstop_tsc"});
  } else if (source && *source != "tsc") {
    findings.push_back(
        {"tsc", Level::kWarning,
         absl::StrCat("the time-stamp counter is invariant, but the kernel's clock source is ", *source,
                      ": it may have found the counters of the cores unequal"),
         "look for 'clocksource' in dmesg; boot with tsc=reliable if the counters are known to agree"});
  } else {
    findings.push_back({"tsc", Level::kOk, "the time-stamp counter is invariant", ""});
  }
}

}  // namespace

std::vector<std::uint32_t> ParseCpuList(const std::string& text) {
  std::vector<std::uint32_t> cpus;
  // More than any kernel supports: bounds a nonsensical range.
  constexpr std::uint32_t kMaxCpus = 1U << 16;
  const std::vector<std::string> parts = absl::StrSplit(text, ',');
  for (const std::string& part : parts) {
    const std::vector<std::string> ends = absl::StrSplit(absl::StripAsciiWhitespace(part), '-');
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    if (!absl::SimpleAtoi(ends.front(), &first) || !absl::SimpleAtoi(ends.back(), &last) ||
        last >= kMaxCpus) {
      continue;
    }
    for (std::uint32_t cpu = first; cpu <= last; ++cpu) {
      cpus.push_back(cpu);
    }
  }
  return cpus;
}

void ExamineProcessors(const System& system, Findings& findings) {
  ExamineCores(system, findings);
  ExamineIsolation(system, findings);
  ExamineGovernor(system, findings);
  ExamineQuota(system, findings);
  ExamineCounter(system, findings);
}

}  // namespace gaios::cli

// gaios-sim: runs whole groups with faults, each run from a seed. Exit codes: 0 all passed, 1 one did not or
// a kind of fault did not happen, 2 wrong usage.

#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <limits>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>
#include <absl/strings/str_cat.h>

#include "tests/sim/profile.h"
#include "tests/sim/runner.h"
#include "tests/sim/sabotage.h"
#include "tests/sim/summary.h"
#include "tests/support/command_line.h"

namespace gaios::sim {
namespace {

constexpr int kExitPassed = 0;
constexpr int kExitFailed = 1;

// From so many runs of the default profile on, every kind of fault must have happened.
constexpr std::uint64_t kRunsForCoverage = 200;

constexpr double kReportEveryS = 5;

struct Flags {
  std::uint64_t seeds = 100;
  std::uint64_t start = 1;
  std::string profile = "default";
  std::size_t replicas = 0;
  bool trace = false;
  bool list_profiles = false;
  std::string json;
  std::string inject_fault;
};

int Complain(const std::string& sentence) {
  return gaios::Complain("gaios-sim", sentence);
}

void AddFlags(CLI::App& app, Flags& flags) {
  app.add_option("--seeds", flags.seeds, "how many runs")
      ->check(CLI::Range(1, 1'000'000'000))
      ->capture_default_str();
  app.add_option("--start", flags.start, "seed of the first run, the others follow")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--profile", flags.profile, "what the runs are like, see --list-profiles")
      ->capture_default_str();
  app.add_option("--replicas", flags.replicas, "3, 5 or 7; without it each run draws its own");
  app.add_flag(
      "--trace", flags.trace,
      "print what each replica did, of a single run or of every run that fails; to stdout, or to stderr "
      "with --json -");
  app.add_flag("--list-profiles", flags.list_profiles, "name the profiles and stop");
  app.add_option(
      "--inject-fault", flags.inject_fault,
      "break something on purpose, to see it found: no-fence, empty-promise, diverge, lose, duplicate, "
      "stale-read or abort");
  app.add_option("--json", flags.json, "write the summary as JSON to this file, - for stdout");
}

std::string Replay(const Flags& flags, std::uint64_t seed) {
  return absl::StrCat("gaios-sim --seeds 1 --start ", seed, " --profile ", flags.profile,
                      flags.replicas != 0 ? absl::StrCat(" --replicas ", flags.replicas) : "",
                      flags.inject_fault.empty() ? "" : absl::StrCat(" --inject-fault ", flags.inject_fault),
                      " --trace");
}

// False when it could not be written.
bool WriteText(const std::string& text, const std::string& destination) {
  if (destination == "-") {
    return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
  }
  std::ofstream file(destination);
  file << text;
  file.close();
  return static_cast<bool>(file);
}

void Report(const Flags& flags, std::uint64_t seed, const Outcome& outcome) {
  std::fprintf(stderr, "seed %llu failed:\n", static_cast<unsigned long long>(seed));
  for (const std::string& failure : outcome.failures) {
    std::fprintf(stderr, "  %s\n", failure.c_str());
  }
  std::fprintf(stderr, "to see it again: %s\n", Replay(flags, seed).c_str());
}

// Whether the runs have met with everything that they should.
bool Covers(const Flags& flags, const Summary& summary) {
  if (flags.seeds < kRunsForCoverage || flags.profile != "default") {
    return true;
  }
  for (const FaultKind kind : summary.Missing()) {
    std::fprintf(stderr, "no run has met with %s: the runs do not show what they should\n",
                 std::string(FaultName(kind)).c_str());
  }
  for (const std::uint64_t seed : summary.meagre_seeds()) {
    std::fprintf(stderr, "seed %llu met with too little: see --json\n",
                 static_cast<unsigned long long>(seed));
  }
  return summary.Missing().empty() && summary.meagre_seeds().empty();
}

int CannotWrite(const Flags& flags) {
  return Complain(absl::StrCat("cannot write --json ", flags.json,
                               ": name a file in a directory that this user may write to"));
}

int RunAll(const Flags& flags, const RunnerOptions& options) {
  if (!flags.json.empty() && flags.json != "-" && !WriteText("", flags.json)) {
    return CannotWrite(flags);  // before the runs, not after
  }
  using Clock = std::chrono::steady_clock;
  const Clock::time_point began = Clock::now();
  const auto seconds = [began] { return std::chrono::duration<double>(Clock::now() - began).count(); };
  std::FILE* const trace_out = flags.json == "-" ? stderr : stdout;
  const Runner runner(options);
  Summary summary;
  double reported_s = 0;
  const auto on_outcome = [&](std::uint64_t seed, const Outcome& outcome) {
    summary.Add(seed, outcome);
    if (!outcome.failures.empty()) {
      Report(flags, seed, outcome);
      if (flags.trace && flags.seeds > 1) {
        static_cast<void>(runner.RunTraced(seed, trace_out));
      }
    }
    if (const double now_s = seconds();
        now_s - reported_s >= kReportEveryS || summary.runs() == flags.seeds) {
      reported_s = now_s;
      std::fprintf(stderr, "%llu of %llu seeds, %zu failed, %.1f simulated seconds a second\n",
                   static_cast<unsigned long long>(summary.runs()),
                   static_cast<unsigned long long>(flags.seeds), summary.failed_seeds().size(),
                   summary.simulated_seconds() / now_s);
    }
  };
  if (flags.trace && flags.seeds == 1) {
    on_outcome(flags.start, runner.RunTraced(flags.start, trace_out));
  } else {
    runner.Run(flags.start, flags.seeds, on_outcome);
  }
  summary.set_wall_seconds(seconds());
  std::fputs(summary.Text().c_str(), stderr);
  const bool covers = Covers(flags, summary);
  if (!flags.json.empty() && !WriteText(summary.Json(), flags.json)) {
    return CannotWrite(flags);
  }
  std::fprintf(trace_out, "%llu passed, %zu failed\n", static_cast<unsigned long long>(summary.passed()),
               summary.failed_seeds().size());
  return summary.failed_seeds().empty() && covers ? kExitPassed : kExitFailed;
}

int ListProfiles() {
  for (const Profile& profile : Profiles()) {
    std::printf("%-12s %s\n", std::string(profile.name).c_str(), std::string(profile.description).c_str());
  }
  return kExitPassed;
}

std::string ProfileNames() {
  std::string names;
  for (const Profile& profile : Profiles()) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", std::string(profile.name));
  }
  return names;
}

int Run(int argc, char** argv) {
  CLI::App app(
      "Runs whole groups in one thread on a virtual clock, with faults, each run from its seed.\n"
      "Exit codes: 0 all passed, 1 not, with the command that shows it again, 2 wrong usage.",
      "gaios-sim");
  Flags flags;
  AddFlags(app, flags);
  if (const std::optional<int> code = EndsWithItsFlags(app, argc, argv); code.has_value()) {
    return *code;
  }
  if (flags.list_profiles) {
    return ListProfiles();
  }
  if (flags.seeds - 1 > std::numeric_limits<std::uint64_t>::max() - flags.start) {
    return Complain(
        absl::StrCat("--start is ", flags.start, ": there are no ", flags.seeds, " seeds from there on"));
  }
  const Profile* const profile = FindProfile(flags.profile);
  if (profile == nullptr) {
    return Complain(absl::StrCat("--profile is \"", flags.profile, "\": say one of ", ProfileNames()));
  }
  if (flags.replicas != 0 && flags.replicas != 3 && flags.replicas != 5 && flags.replicas != 7) {
    return Complain(absl::StrCat("--replicas is ", flags.replicas, ": say 3, 5 or 7, or leave it out"));
  }
  RunnerOptions options;
  options.profile = profile;
  options.replicas = flags.replicas;
  if (!flags.inject_fault.empty()) {
    const std::optional<Sabotage> sabotage = SabotageNamed(flags.inject_fault);
    if (!sabotage.has_value()) {
      return Complain(
          absl::StrCat("--inject-fault is \"", flags.inject_fault, "\": see --help for what it may be"));
    }
    options.sabotage = *sabotage;
  }
  return RunAll(flags, options);
}

}  // namespace
}  // namespace gaios::sim

int main(int argc, char** argv) {
  try {
    return gaios::sim::Run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gaios-sim: failed: %s\n", error.what());
    return gaios::sim::kExitFailed;
  }
}

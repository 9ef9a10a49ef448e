// gaios-sim: runs whole groups with faults, each run from a seed. Exit codes: 0 all passed, 1 one did not or
// a kind of fault did not happen, 2 wrong usage.

#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>

#include <CLI/CLI.hpp>
#include <absl/strings/str_cat.h>

#include "tests/sim/plan.h"
#include "tests/sim/profile.h"
#include "tests/sim/simulation.h"
#include "tests/sim/summary.h"
#include "tests/sim/trace.h"

namespace gaios::sim {
namespace {

constexpr int kExitPassed = 0;
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

// From so many runs of the default profile on, every kind of fault must have happened.
constexpr std::uint64_t kRunsForCoverage = 200;

struct Flags {
  std::uint64_t seeds = 100;
  std::uint64_t start = 1;
  std::string profile = "default";
  std::size_t replicas = 0;
  bool trace = false;
  bool list_profiles = false;
  std::string json;
};

int Complain(const std::string& sentence) {
  std::fprintf(stderr, "gaios-sim: %s\n", sentence.c_str());
  return kExitUsage;
}

void AddFlags(CLI::App& app, Flags& flags) {
  app.add_option("--seeds", flags.seeds, "how many runs")
      ->check(CLI::Range(1, 1'000'000'000))
      ->capture_default_str();
  app.add_option("--start", flags.start, "seed of the first run, the others follow")->capture_default_str();
  app.add_option("--profile", flags.profile, "what the runs are like, see --list-profiles")
      ->capture_default_str();
  app.add_option("--replicas", flags.replicas, "3, 5 or 7; without it each run draws its own");
  app.add_flag(
      "--trace", flags.trace,
      "print what each replica did, of a single run or of every run that fails; to stdout, or to stderr "
      "with --json -");
  app.add_flag("--list-profiles", flags.list_profiles, "name the profiles and stop");
  app.add_option("--json", flags.json, "write the summary as JSON to this file, - for stdout");
}

std::string Replay(const Flags& flags, std::uint64_t seed) {
  return absl::StrCat("gaios-sim --seeds 1 --start ", seed, " --profile ", flags.profile,
                      flags.replicas != 0 ? absl::StrCat(" --replicas ", flags.replicas) : "", " --trace");
}

Outcome RunSeed(const Flags& flags, const Profile& profile, std::uint64_t seed, std::FILE* trace_out) {
  Trace trace(trace_out);
  return Simulation(Plan::Draw(profile, seed, flags.replicas), trace).Run();
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

int RunAll(const Flags& flags, const Profile& profile) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point began = Clock::now();
  const auto seconds = [began] { return std::chrono::duration<double>(Clock::now() - began).count(); };
  std::FILE* const trace_out = !flags.trace ? nullptr : flags.json == "-" ? stderr : stdout;
  Summary summary;
  double reported_s = 0;
  for (std::uint64_t i = 0; i < flags.seeds; ++i) {
    const std::uint64_t seed = flags.start + i;
    const Outcome outcome = RunSeed(flags, profile, seed, flags.seeds == 1 ? trace_out : nullptr);
    summary.Add(seed, outcome);
    if (!outcome.failures.empty()) {
      std::fprintf(stderr, "seed %llu failed:\n", static_cast<unsigned long long>(seed));
      for (const std::string& failure : outcome.failures) {
        std::fprintf(stderr, "  %s\n", failure.c_str());
      }
      std::fprintf(stderr, "to see it again: %s\n", Replay(flags, seed).c_str());
      if (flags.seeds > 1 && trace_out != nullptr) {
        static_cast<void>(RunSeed(flags, profile, seed, trace_out));
      }
    }
    if (const double now_s = seconds(); now_s - reported_s >= 5 || i + 1 == flags.seeds) {
      reported_s = now_s;
      std::fprintf(stderr, "%llu of %llu seeds, %zu failed, %.1f simulated seconds a second\n",
                   static_cast<unsigned long long>(i + 1), static_cast<unsigned long long>(flags.seeds),
                   summary.failed_seeds().size(), summary.simulated_seconds() / now_s);
    }
  }
  summary.set_wall_seconds(seconds());
  std::fputs(summary.Text().c_str(), stderr);
  bool missing = false;
  if (flags.seeds >= kRunsForCoverage && flags.profile == "default") {
    for (const FaultKind kind : summary.Missing()) {
      missing = true;
      std::fprintf(stderr, "no run has met with %s: the runs do not show what they should\n",
                   std::string(FaultName(kind)).c_str());
    }
  }
  if (!flags.json.empty() && !WriteText(summary.Json(), flags.json)) {
    return Complain(absl::StrCat("cannot write --json ", flags.json,
                                 ": name a file in a directory that this user may write to"));
  }
  std::fprintf(flags.json == "-" ? stderr : stdout, "%llu passed, %zu failed\n",
               static_cast<unsigned long long>(summary.passed()), summary.failed_seeds().size());
  return summary.failed_seeds().empty() && !missing ? kExitPassed : kExitFailed;
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
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
      return app.exit(error);  // --help
    }
    return Complain(absl::StrCat(error.what(), "; see gaios-sim --help"));
  }
  if (flags.list_profiles) {
    return ListProfiles();
  }
  const Profile* const profile = FindProfile(flags.profile);
  if (profile == nullptr) {
    return Complain(absl::StrCat("--profile is \"", flags.profile, "\": say one of ", ProfileNames()));
  }
  if (flags.replicas != 0 && flags.replicas != 3 && flags.replicas != 5 && flags.replicas != 7) {
    return Complain(absl::StrCat("--replicas is ", flags.replicas, ": say 3, 5 or 7, or leave it out"));
  }
  return RunAll(flags, *profile);
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

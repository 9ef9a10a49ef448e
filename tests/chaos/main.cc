// gaios-chaos: real replicas under fire, rounds in a row, each with a group of its own.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "gaios/cli/demo/journaled_machine.h"
#include "gaios/cli/write_json.h"

#include "tests/chaos/round.h"
#include "tests/support/command_line.h"

namespace gaios::chaos {
namespace {

constexpr int kExitGood = 0;
constexpr int kExitFailed = 1;
constexpr std::uint32_t kMostSlower = 100;

struct Flags {
  std::uint64_t seed = 1;
  double seconds = 60;
  std::size_t replicas = 0;
  std::uint64_t rounds = 0;
  bool members = false;
  std::string transport = "shm";
  std::uint32_t slower = 1;
  bool plan = false;
  std::string fault;
  std::string keep = ".";
  bool keep_good = false;
  std::string json;
};

int Complain(const std::string& sentence) {
  return gaios::Complain("gaios-chaos", sentence);
}

void AddFlags(CLI::App& app, Flags& flags) {
  app.add_option("--seed", flags.seed, "of the first round; each round has the next")->capture_default_str();
  app.add_option("--seconds", flags.seconds, "rounds are begun for so long")->capture_default_str();
  app.add_option("--replicas", flags.replicas, "1 to 7; default three or five, by the seed");
  app.add_option("--rounds", flags.rounds, "so many rounds, whatever time they take");
  app.add_flag("--members", flags.members, "replicas are added, removed and replaced too");
  app.add_option("--transport", flags.transport, "shm, or verbs for processes that share an RDMA device")
      ->capture_default_str();
  app.add_option("--slower", flags.slower, "faults come so many times later, and last so many times as long")
      ->capture_default_str();
  app.add_flag("--plan", flags.plan, "tell what is planned for each of --rounds (1), and run nothing");
  app.add_option("--inject-fault", flags.fault,
                 "lose, duplicate, reorder or diverge: all replicas do that damage, to see that it is found");
  app.add_option("--keep", flags.keep, "where the files of a round that failed are kept, in a directory")
      ->capture_default_str();
  app.add_flag("--keep-good", flags.keep_good, "also those of rounds that passed");
  app.add_option("--json", flags.json, "write the result as JSON to this file, - for stdout");
}

struct Totals {
  std::uint64_t passed = 0;
  std::vector<std::uint64_t> failed_seeds;
  std::uint64_t operations = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t unknown = 0;
  std::uint64_t leader_changes = 0;
  std::uint64_t ring_wraps = 0;
  std::uint64_t planned = 0;
  FaultCounts faults = {};

  void Add(std::uint64_t seed, const RoundResult& round) {
    if (round.passed()) {
      ++passed;
    } else {
      failed_seeds.push_back(seed);
    }
    operations += round.operations;
    acknowledged += round.acknowledged;
    unknown += round.unknown;
    leader_changes += round.leader_changes;
    ring_wraps += round.ring_wraps;
    planned += round.planned;
    for (std::size_t i = 0; i < faults.size(); ++i) {
      faults[i] += round.faults[i];
    }
  }
  [[nodiscard]] nlohmann::json Json(double wall_seconds) const {
    nlohmann::json counts = nlohmann::json::object();
    for (std::size_t i = 0; i < faults.size(); ++i) {
      counts[FaultName(static_cast<FaultKind>(i))] = faults[i];
    }
    return {{"passed", passed},         {"failed_seeds", failed_seeds},
            {"planned", planned},       {"faults", std::move(counts)},
            {"operations", operations}, {"acknowledged", acknowledged},
            {"unknown", unknown},       {"leader_changes", leader_changes},
            {"ring_wraps", ring_wraps}, {"wall_seconds", wall_seconds}};
  }
};

std::string FaultsText(const FaultCounts& counts) {
  std::string text;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0) {
      absl::StrAppend(&text, text.empty() ? "" : ", ", FaultName(static_cast<FaultKind>(i)), " ", counts[i]);
    }
  }
  return text;
}

void Tell(std::FILE* out, const Flags& flags, std::uint64_t seed, const RoundResult& round) {
  absl::FPrintF(out,
                "seed %d: %s, %d replicas, rings of %d KiB wrapped %d times, %d clients, %d acknowledged, "
                "%d unknown, %d changes of leader, %.1f s; plan %s, of its %d faults: %s\n",
                seed, round.passed() ? "passed" : "FAILED", round.replicas, round.ring_bytes >> 10,
                round.ring_wraps, round.clients, round.acknowledged, round.unknown, round.leader_changes,
                round.seconds, round.plan_digest, round.planned, FaultsText(round.faults));
  for (const std::string& finding : round.findings) {
    absl::FPrintF(out, "  %s\n", finding);
  }
  if (!round.passed()) {
    absl::FPrintF(out, "  again: gaios-chaos --seed %d --rounds 1%s%s%s%s%s\n", seed,
                  flags.members ? " --members" : "",
                  flags.transport == "shm" ? "" : " --transport " + flags.transport,
                  flags.slower == 1 ? "" : absl::StrCat(" --slower ", flags.slower),
                  flags.replicas == 0 ? "" : absl::StrCat(" --replicas ", flags.replicas),
                  flags.fault.empty() ? "" : " --inject-fault " + flags.fault);
  }
  if (!round.kept.empty()) {
    absl::FPrintF(out, "  its history, journals and what was done when: %s\n", round.kept);
  }
  std::fflush(out);
}

RoundOptions OptionsOf(const Flags& flags, std::uint64_t seed) {
  return {.seed = seed,
          .replicas = flags.replicas,
          .slower = flags.slower,
          .transport = flags.transport == "verbs" ? rsm::TransportKind::kVerbs : rsm::TransportKind::kShm,
          .members = flags.members,
          .fault = flags.fault,
          .keep = flags.keep,
          .keep_good = flags.keep_good};
}

int TellPlans(const Flags& flags) {
  for (std::uint64_t i = 0; i < std::max<std::uint64_t>(flags.rounds, 1); ++i) {
    absl::PrintF("%s", RoundText(OptionsOf(flags, flags.seed + i)));
  }
  return kExitGood;
}

int RunRounds(const Flags& flags) {
  std::FILE* const out = cli::TextStream(flags.json);
  const auto begin = std::chrono::steady_clock::now();
  const auto elapsed = [begin] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  Totals totals;
  for (std::uint64_t done = 0; flags.rounds != 0 ? done < flags.rounds : elapsed() < flags.seconds; ++done) {
    const std::uint64_t seed = flags.seed + done;
    const RoundResult round = RunRound(OptionsOf(flags, seed));
    totals.Add(seed, round);
    Tell(out, flags, seed, round);
  }
  if (const absl::Status written = cli::WriteJson(totals.Json(elapsed()), flags.json); !written.ok()) {
    return Complain(std::string(written.message()));
  }
  absl::FPrintF(out, "in all %d operations, %d unknown, %d changes of leader; %s\n", totals.operations,
                totals.unknown, totals.leader_changes, FaultsText(totals.faults));
  absl::FPrintF(out, "%d passed, %d failed\n", totals.passed, totals.failed_seeds.size());
  return totals.failed_seeds.empty() ? kExitGood : kExitFailed;
}

int Run(int argc, char** argv) {
  CLI::App app(
      "Kills and stops real replicas while clients work, and judges what they were told.\n"
      "Exit codes: 0 all rounds passed, 1 one did not, 2 wrong usage.",
      "gaios-chaos");
  Flags flags;
  AddFlags(app, flags);
  if (const std::optional<int> code = EndsWithItsFlags(app, argc, argv); code.has_value()) {
    return *code;
  }
  if (flags.replicas > 7) {
    return Complain(absl::StrCat("--replicas is ", flags.replicas, ": give it 1 to 7, or leave it out"));
  }
  if (flags.transport != "shm" && flags.transport != "verbs") {
    return Complain(absl::StrCat("--transport is \"", flags.transport, "\": say shm or verbs"));
  }
  if (flags.members && flags.transport != "shm") {
    return Complain("--members is for --transport shm: over RDMA a group keeps its members");
  }
  if (!flags.fault.empty() && !cli::ParseFault(flags.fault).has_value()) {
    return Complain(
        absl::StrCat("--inject-fault is \"", flags.fault, "\": say lose, duplicate, reorder or diverge"));
  }
  if (flags.slower < 1 || flags.slower > kMostSlower) {
    return Complain(absl::StrCat("--slower is ", flags.slower, ": give it 1 to ", kMostSlower));
  }
  if (!(flags.seconds > 0)) {
    return Complain(absl::StrCat("--seconds is ", flags.seconds, ": give it more than 0"));
  }
  return flags.plan ? TellPlans(flags) : RunRounds(flags);
}

}  // namespace
}  // namespace gaios::chaos

int main(int argc, char** argv) {
  // The helpers of the tests say with expectations what does not hold; here these throw.
  GTEST_FLAG_SET(throw_on_failure, true);
  std::array<char*, 2> nothing = {argv[0], nullptr};
  int one = 1;
  testing::InitGoogleTest(&one, nothing.data());
  try {
    return gaios::chaos::Run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gaios-chaos: failed: %s\n", error.what());
    return gaios::chaos::kExitFailed;
  }
}

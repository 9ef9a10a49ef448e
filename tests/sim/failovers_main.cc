// gaios-failovers: how good elections are, in numbers. Exit codes: 0 counted, 1 the group did not do what it
// must, 2 wrong usage.

#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>
#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include "tests/sim/failovers.h"
#include "tests/support/command_line.h"

namespace gaios::sim {
namespace {

// Of one group; then there is another one.
constexpr std::uint64_t kFailoversOfAGroup = 100;

int Run(int argc, char** argv) {
  CLI::App app(
      "Counts elections that are begun and not won, where leaders die beside a replica that is in trouble, "
      "on a\n"
      "virtual clock. Exit codes: 0 counted, 1 a group did not do what it must, 2 wrong usage.",
      "gaios-failovers");
  FailoverOptions options;
  std::uint64_t failovers = 1000;
  std::string trouble;
  bool trace_on = false;
  app.add_option("--failovers", failovers, "how many for each kind of trouble")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  app.add_option("--trouble", trouble,
                 "none, rejoins, lags, stalled, leader-unheard or peer-unheard; all of them unless given");
  app.add_option("--replicas", options.replicas,
                 "3, 5 or 7; three beside none, rejoins and lags alone, for else the leader cannot be lost")
      ->check(CLI::IsMember({3, 5, 7}))
      ->capture_default_str();
  app.add_option("--delay-us", options.delay_us, "how long a message takes at most, us")
      ->check(CLI::Range(1, 20'000))
      ->capture_default_str();
  app.add_option("--start", options.seed, "seed of the first group, the others follow")
      ->capture_default_str();
  app.add_flag("--trace", trace_on, "print what each replica does");
  if (const std::optional<int> code = EndsWithItsFlags(app, argc, argv); code.has_value()) {
    return *code;
  }
  const std::optional<Trouble> only = TroubleNamed(trouble);
  if (!trouble.empty() && !only.has_value()) {
    return Complain("gaios-failovers",
                    absl::StrCat("--trouble is \"", trouble, "\": see --help for what it may be"));
  }
  bool good = true;
  nlohmann::ordered_json report;
  for (const Trouble each : kTroubles) {
    if ((only.has_value() && each != *only) || (options.replicas < 5 && each > Trouble::kLags)) {
      continue;
    }
    FailoverTally all;
    std::uint64_t seed = options.seed;
    while (all.failovers < failovers && good) {
      FailoverOptions group = options;
      group.trouble = each;
      group.seed = seed++;
      group.failovers = std::min(kFailoversOfAGroup, failovers - all.failovers);
      Trace trace(trace_on ? stderr : nullptr);
      const FailoverTally tally = Failovers(group, trace).Run();
      for (const std::string& failure : tally.failures) {
        std::fprintf(stderr, "%s, seed %llu: %s\n", std::string(TroubleName(each)).c_str(),
                     static_cast<unsigned long long>(group.seed), failure.c_str());
        good = false;
      }
      all.Add(tally);
    }
    std::ranges::sort(all.gaps_ns);
    const auto gap_ms = [&all](std::size_t per_cent) {
      return all.gaps_ns.empty()
                 ? 0.0
                 : static_cast<double>(all.gaps_ns[(all.gaps_ns.size() - 1) * per_cent / 100]) / 1e6;
    };
    report[std::string(TroubleName(each))] = {
        {"replicas", options.replicas},
        {"failovers", all.failovers},
        {"begun", all.begun},
        {"lost", all.lost},
        {"lost_by_troubled", all.lost_by_troubled},
        {"begun_for_nothing", all.begun_for_nothing},
        {"deposed", all.deposed},
        {"gap_ms", {{"p50", gap_ms(50)}, {"p99", gap_ms(99)}, {"max", gap_ms(100)}}}};
  }
  std::printf("%s\n", report.dump(2).c_str());
  return good ? 0 : 1;
}

}  // namespace
}  // namespace gaios::sim

int main(int argc, char** argv) {
  try {
    return gaios::sim::Run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gaios-failovers: failed: %s\n", error.what());
    return 1;
  }
}

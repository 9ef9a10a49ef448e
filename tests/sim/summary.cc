#include "tests/sim/summary.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <nlohmann/json.hpp>

#include "tests/sim/digest.h"

namespace gaios::sim {
namespace {

constexpr double kNsPerS = 1e9;

}  // namespace

void Summary::Add(std::uint64_t seed, const Outcome& outcome) {
  if (outcome.failures.empty()) {
    ++passed_;
    if (outcome.stranded) {
      stranded_seeds_.push_back(seed);
    }
    if (!outcome.Enough()) {
      meagre_seeds_.push_back(seed);
    }
  } else {
    failed_seeds_.push_back(seed);
  }
  faults_.Add(outcome.faults);
  for (std::size_t i = 0; i < kFaultKinds; ++i) {
    const auto kind = static_cast<FaultKind>(i);
    runs_with_.Add(kind, outcome.faults[kind] > 0 ? 1U : 0U);
  }
  commits_ += outcome.commits;
  reads_ += outcome.reads;
  leader_changes_ += outcome.leader_changes;
  simulated_ns_ += outcome.simulated_ns;
  digest_ = digest_ * 31 + outcome.digest;
}

double Summary::simulated_seconds() const {
  return static_cast<double>(simulated_ns_) / kNsPerS;
}

std::vector<FaultKind> Summary::Missing() const {
  std::vector<FaultKind> missing;
  for (std::size_t i = 0; i < kFaultKindsOfAnyProfile; ++i) {
    if (faults_[static_cast<FaultKind>(i)] == 0) {
      missing.push_back(static_cast<FaultKind>(i));
    }
  }
  return missing;
}

std::string Summary::Text() const {
  std::string text;
  for (std::size_t i = 0; i < kFaultKinds; ++i) {
    const auto kind = static_cast<FaultKind>(i);
    absl::StrAppendFormat(&text, "  %-26s %12d in %d runs\n", std::string(FaultName(kind)), faults_[kind],
                          runs_with_[kind]);
  }
  absl::StrAppendFormat(
      &text, "%d commits, %d reads, %d leader changes; %.1f simulated seconds in %.1f s, %.1f a second\n",
      commits_, reads_, leader_changes_, simulated_seconds(), wall_seconds_,
      wall_seconds_ > 0 ? simulated_seconds() / wall_seconds_ : 0);
  absl::StrAppendFormat(
      &text, "%d of %d runs that passed had fewer than %d commits, %d leader change or %d kinds of fault\n",
      meagre_seeds_.size(), passed_, Outcome::kLeastCommits, Outcome::kLeastLeaderChanges,
      Outcome::kLeastFaultKinds);
  absl::StrAppendFormat(&text,
                        "%d ended with a majority dead or passed by the ring, so without a liveness phase\n",
                        stranded_seeds_.size());
  return text;
}

std::string Summary::Json() const {
  nlohmann::ordered_json faults;
  nlohmann::ordered_json runs_with;
  for (std::size_t i = 0; i < kFaultKinds; ++i) {
    const auto kind = static_cast<FaultKind>(i);
    faults[std::string(FaultName(kind))] = faults_[kind];
    runs_with[std::string(FaultName(kind))] = runs_with_[kind];
  }
  const nlohmann::ordered_json json = {{"passed", passed_},
                                       {"failed_seeds", failed_seeds_},
                                       {"meagre_seeds", meagre_seeds_},
                                       {"stranded_seeds", stranded_seeds_},
                                       {"faults", faults},
                                       {"runs_with", runs_with},
                                       {"commits", commits_},
                                       {"reads", reads_},
                                       {"leader_changes", leader_changes_},
                                       {"simulated_seconds", simulated_seconds()},
                                       {"wall_seconds", wall_seconds_},
                                       {"digest", absl::StrFormat("%016x", digest_)}};
  return json.dump(2) + "\n";
}

}  // namespace gaios::sim

#include "tests/chaos/fault_plan.h"

#include <absl/strings/str_format.h>

#include "gaios/base/check.h"
#include "gaios/rsm/feeds/random.h"

namespace gaios::chaos {
namespace {

// How often each is drawn, of all that may be drawn. Kills soon come to their bound, so they need not be
// rare.
struct Weight {
  FaultKind kind;
  std::uint32_t weight;
};
constexpr auto kWeights = std::to_array<Weight>({{FaultKind::kKillLeader, 10},
                                                 {FaultKind::kKillFollower, 5},
                                                 {FaultKind::kKillStopped, 7},
                                                 {FaultKind::kKillLearner, 5},
                                                 {FaultKind::kStopLeader, 22},
                                                 {FaultKind::kStopFollower, 14},
                                                 {FaultKind::kStopSeveral, 10},
                                                 {FaultKind::kStopAll, 5},
                                                 {FaultKind::kStutter, 14},
                                                 {FaultKind::kHog, 10},
                                                 {FaultKind::kClientGone, 5},
                                                 // Only where members change, so last.
                                                 {FaultKind::kAdd, 15},
                                                 {FaultKind::kRemove, 10},
                                                 {FaultKind::kReplace, 15}});
constexpr std::uint32_t SumOfWeights(bool members) {
  std::uint32_t sum = 0;
  for (const Weight& each : kWeights) {
    sum += members || each.kind < FaultKind::kAdd ? each.weight : 0;
  }
  return sum;
}

FaultKind KindOf(std::uint32_t drawn) {
  for (const Weight& each : kWeights) {
    if (drawn < each.weight) {
      return each.kind;
    }
    drawn -= each.weight;
  }
  GAIOS_CHECK(false, "what is drawn is below the sum of all weights");
  return FaultKind::kKillLeader;
}

}  // namespace

const char* FaultName(FaultKind kind) {
  constexpr std::array<const char*, kFaultKinds> kNames = {
      "kill_leader",   "kill_follower", "kill_stopped", "kill_learner", "stop_leader",
      "stop_follower", "stop_several",  "stop_all",     "stutter",      "hog",
      "client_gone",   "restart",       "add",          "remove",       "replace"};
  return kNames[static_cast<std::size_t>(kind)];
}

FaultPlan PlanFaults(const FaultPlanSetting& setting, std::uint64_t seed) {
  feeds::Random random(seed);
  FaultPlan plan;
  for (std::uint64_t at_us = random.Geometric(setting.mean_gap_us); at_us < setting.length_us;
       at_us += random.Geometric(setting.mean_gap_us)) {
    const FaultKind kind = KindOf(random.Below(SumOfWeights(setting.members)));
    plan.push_back({.at_us = at_us, .kind = kind, .seed = random.Next()});
  }
  return plan;
}

std::string PlanText(const FaultPlan& plan) {
  constexpr double kUsPerMs = 1e3;
  std::string text;
  for (const PlannedFault& fault : plan) {
    absl::StrAppendFormat(&text, "%10.3f ms  %-13s  %016x\n", static_cast<double>(fault.at_us) / kUsPerMs,
                          FaultName(fault.kind), fault.seed);
  }
  return text;
}

std::string PlanDigest(const FaultPlan& plan) {
  std::uint64_t digest = 0;
  for (const PlannedFault& fault : plan) {
    for (const std::uint64_t word : {fault.at_us, static_cast<std::uint64_t>(fault.kind), fault.seed}) {
      digest = feeds::Random(digest ^ word).Next();
    }
  }
  return absl::StrFormat("%016x", digest);
}

}  // namespace gaios::chaos

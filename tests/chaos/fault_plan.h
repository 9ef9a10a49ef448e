#ifndef GAIOS_TESTS_CHAOS_FAULT_PLAN_H_
#define GAIOS_TESTS_CHAOS_FAULT_PLAN_H_

// Which faults befall a group, and when: drawn from a seed before anything is started, and from nothing
// else. So a seed means the same plan over every transport and on every machine. Whom a fault befalls of
// those that it may, and how long it lasts, is drawn from a seed of its own: that one fault could not be
// done, or came to another replica, changes nothing of those that follow.
//
// Plain values; any thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace gaios::chaos {

enum class FaultKind : std::uint8_t {
  kKillLeader,
  kKillFollower,
  kKillStopped,  // a voter that has stood still for a while
  kKillLearner,  // a replica that had been started again
  kStopLeader,
  kStopFollower,
  kStopSeveral,  // at once, each for as long as the draw says
  kStopAll,
  kStutter,  // one replica, stopped and let go many times
  kHog,      // processes that want the processors for themselves
  kClientGone,
  kRestart,  // follows a kill
  kAdd,      // a voter more; these three are counted when they are known to be made
  kRemove,
  kReplace,
};
inline constexpr std::size_t kFaultKinds = 15;
[[nodiscard]] const char* FaultName(FaultKind kind);

using FaultCounts = std::array<std::uint64_t, kFaultKinds>;

struct PlannedFault {
  std::uint64_t at_us = 0;  // after the faults have begun
  FaultKind kind = FaultKind::kKillLeader;
  std::uint64_t seed = 0;  // of all that is drawn for it when it comes
  friend bool operator==(const PlannedFault&, const PlannedFault&) = default;
};
using FaultPlan = std::vector<PlannedFault>;

struct FaultPlanSetting {
  std::uint32_t mean_gap_us = 100'000;  // between faults
  std::uint64_t length_us = 0;
  bool members = false;  // they change
};
[[nodiscard]] FaultPlan PlanFaults(const FaultPlanSetting& setting, std::uint64_t seed);

// A line each.
[[nodiscard]] std::string PlanText(const FaultPlan& plan);
// 16 hexadecimal digits that are equal for equal plans, and hardly for others.
[[nodiscard]] std::string PlanDigest(const FaultPlan& plan);

}  // namespace gaios::chaos

#endif  // GAIOS_TESTS_CHAOS_FAULT_PLAN_H_

// What a seed stands for: the faults of a round and their times.

#include "tests/chaos/fault_plan.h"

#include <algorithm>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/chaos/round.h"

namespace gaios::chaos {
namespace {

using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Lt;

constexpr FaultPlanSetting kSetting = {.mean_gap_us = 1'000, .length_us = 1'000'000};

TEST(FaultPlan, ASeedIsAPlanAndAnotherSeedAnother) {
  EXPECT_EQ(PlanFaults(kSetting, 7), PlanFaults(kSetting, 7));
  EXPECT_EQ(PlanDigest(PlanFaults(kSetting, 7)), PlanDigest(PlanFaults(kSetting, 7)));
  EXPECT_NE(PlanDigest(PlanFaults(kSetting, 7)), PlanDigest(PlanFaults(kSetting, 8)));
}

TEST(FaultPlan, FaultsComeInOrderWithinItsLengthAndNoMoreOftenThanAsked) {
  const FaultPlan plan = PlanFaults(kSetting, 7);
  EXPECT_TRUE(std::ranges::is_sorted(plan, {}, &PlannedFault::at_us));
  EXPECT_THAT(plan, Each(Field(&PlannedFault::at_us, Lt(kSetting.length_us))));
  EXPECT_NEAR(static_cast<double>(plan.size()), 1'000, 200);
}

TEST(FaultPlan, EveryKindIsDrawnAndMembersChangeOnlyWhereTheyAreTo) {
  FaultPlanSetting setting = kSetting;
  for (const bool members : {false, true}) {
    setting.members = members;
    std::set<FaultKind> kinds;
    for (const PlannedFault& fault : PlanFaults(setting, 7)) {
      kinds.insert(fault.kind);
    }
    // A restart follows a kill and is not drawn.
    EXPECT_EQ(kinds.size(), members ? kFaultKinds - 1 : kFaultKinds - 4);
    EXPECT_FALSE(kinds.contains(FaultKind::kRestart));
    EXPECT_EQ(kinds.contains(FaultKind::kAdd), members);
  }
}

TEST(FaultPlan, EachFaultDrawsByItself) {
  std::set<std::uint64_t> seeds;
  const FaultPlan plan = PlanFaults(kSetting, 7);
  for (const PlannedFault& fault : plan) {
    seeds.insert(fault.seed);
  }
  EXPECT_EQ(seeds.size(), plan.size());
}

TEST(FaultPlan, ARoundsPlanIsTheSameOverEveryTransport) {
  for (std::uint64_t seed = 300; seed < 320; ++seed) {
    RoundOptions options;
    options.seed = seed;
    options.replicas = 3;
    const std::string over_shared_memory = RoundText(options);
    EXPECT_THAT(over_shared_memory, HasSubstr(" ms  "));
    options.transport = rsm::TransportKind::kVerbs;
    options.slower = 4;
    EXPECT_EQ(RoundText(options), over_shared_memory);
    ++options.seed;
    EXPECT_NE(RoundText(options), over_shared_memory);
  }
}

}  // namespace
}  // namespace gaios::chaos

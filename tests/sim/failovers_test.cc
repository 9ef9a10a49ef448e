// Elections in numbers: next to none is begun in vain, and none because a replica is in trouble.

#include "tests/sim/failovers.h"

#include <cstdint>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/trace.h"
#include "tests/support/sanitized.h"

namespace gaios::sim {
namespace {

using ::testing::Each;
using ::testing::IsEmpty;
using ::testing::Lt;

constexpr std::uint64_t kFailovers = kSanitized ? 8 : 40;

FailoverTally Count(Trouble trouble, std::size_t replicas, std::uint64_t delay_us) {
  FailoverOptions options;
  options.trouble = trouble;
  options.replicas = replicas;
  options.failovers = kFailovers;
  options.delay_us = delay_us;
  Trace trace(nullptr);
  return Failovers(options, trace).Run();
}

class Elections : public ::testing::TestWithParam<Trouble> {};

// The thousands are counted by gaios-failovers.
TEST_P(Elections, AreWonByWhoBeginsThemAndNotBegunForNothing) {
  const FailoverTally tally = Count(GetParam(), 5, 10);
  EXPECT_THAT(tally.failures, IsEmpty());
  EXPECT_EQ(tally.failovers, kFailovers);
  EXPECT_GE(tally.begun, tally.failovers);
  EXPECT_EQ(tally.lost, 0);
  EXPECT_EQ(tally.begun_for_nothing, 0);
  EXPECT_EQ(tally.deposed, 0);
}

INSTANTIATE_TEST_SUITE_P(Beside, Elections, ::testing::ValuesIn(kTroubles), [](const auto& kind) {
  std::string name(TroubleName(kind.param));
  std::erase(name, '-');
  return name;
});

TEST(Elections, OfThreeReplicasToo) {
  const FailoverTally tally = Count(Trouble::kLags, 3, 10);
  EXPECT_THAT(tally.failures, IsEmpty());
  EXPECT_EQ(tally.failovers, kFailovers);
  EXPECT_EQ(tally.lost, 0);
  EXPECT_EQ(tally.begun_for_nothing, 0);
}

// On the virtual clock, where words take longer than a voter favours who asks again.
TEST(Elections, ComeToAnEndWhereWordsTakeLong) {
  const FailoverTally tally = Count(Trouble::kLeaderUnheard, 5, 5'000);
  EXPECT_THAT(tally.failures, IsEmpty());
  EXPECT_EQ(tally.gaps_ns.size(), kFailovers);
  EXPECT_THAT(tally.gaps_ns, Each(Lt(1'000'000'000)));
}

}  // namespace
}  // namespace gaios::sim

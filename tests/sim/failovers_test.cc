// Elections in numbers: next to none is begun in vain, and none because a replica is in trouble.

#include "tests/sim/failovers.h"

#include <cstdint>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/trace.h"

namespace gaios::sim {
namespace {

using ::testing::IsEmpty;

constexpr std::uint64_t kFailovers = 40;

FailoverTally Count(Trouble trouble, std::size_t replicas, std::uint64_t seed) {
  FailoverOptions options;
  options.trouble = trouble;
  options.replicas = replicas;
  options.failovers = kFailovers;
  options.seed = seed;
  Trace trace(nullptr);
  return Failovers(options, trace).Run();
}

class Elections : public ::testing::TestWithParam<Trouble> {};

// The thousands are counted by gaios-failovers.
TEST_P(Elections, AreWonByWhoBeginsThemAndNotBegunForNothing) {
  const FailoverTally tally = Count(GetParam(), 5, 1);
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
  const FailoverTally tally = Count(Trouble::kNone, 3, 1);
  EXPECT_THAT(tally.failures, IsEmpty());
  EXPECT_EQ(tally.failovers, kFailovers);
  EXPECT_EQ(tally.lost, 0);
  EXPECT_EQ(tally.begun_for_nothing, 0);
}

}  // namespace
}  // namespace gaios::sim

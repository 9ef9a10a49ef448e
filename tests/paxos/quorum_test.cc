#include "gaios/paxos/quorum.h"

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace gaios::paxos {
namespace {

TEST(Quorum, ReachedByIsTheLargestThatAMajorityHasReached) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 500; ++round) {
    std::vector<int> values(1 + random() % kMaxReplicas);
    for (int& value : values) {
      value = static_cast<int>(random() % 5);
    }
    const std::size_t majority = 1 + random() % values.size();
    const int reached = ReachedBy<int>(majority, values);
    const auto at_least = [&](int bound) {
      return static_cast<std::size_t>(
          std::ranges::count_if(values, [bound](int value) { return value >= bound; }));
    };
    EXPECT_GE(at_least(reached), majority);
    EXPECT_LT(at_least(reached + 1), majority);
  }
}

TEST(Quorum, VotesOfStrangersAndOfOtherLivesCountForNothing) {
  const Membership three(Configuration::Bootstrap(3));
  VoteCount votes;
  votes.Add(three, {ReplicaId(3), Incarnation(1)});
  votes.Add(three, {ReplicaId(1), Incarnation(2)});  // P7
  EXPECT_EQ(votes.voted().size(), 0U);
  votes.Add(three, {ReplicaId(1), Incarnation(1)});
  votes.Add(three, {ReplicaId(1), Incarnation(1)});  // again is once
  EXPECT_EQ(votes.voted().size(), 1U);
  EXPECT_FALSE(votes.Decides(three));
  votes.Add(three, {ReplicaId(2), Incarnation(1)});
  EXPECT_TRUE(votes.Decides(three));
  EXPECT_TRUE(votes.voted().Contains(ReplicaId(2)));
  votes.Reset();
  EXPECT_EQ(votes.voted().size(), 0U);
}

TEST(QuorumDeath, AMajorityOfNobodyIsImpossible) {
  const std::vector<int> values = {1};
  EXPECT_DEATH(static_cast<void>(ReachedBy<int>(2, values)), "no such majority");
  EXPECT_DEATH(static_cast<void>(ReachedBy<int>(0, values)), "no such majority");
}

}  // namespace
}  // namespace gaios::paxos

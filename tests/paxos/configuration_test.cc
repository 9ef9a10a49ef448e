#include "gaios/paxos/configuration.h"

#include <gtest/gtest.h>

namespace gaios::paxos {
namespace {

TEST(Configuration, MajorityIsMoreThanHalfWhetherTheyLiveOrNot) {
  constexpr std::size_t kMajority[] = {0, 1, 2, 2, 3, 3, 4, 4};
  for (std::size_t size = 1; size <= kMaxReplicas; ++size) {
    const Configuration configuration = Configuration::Bootstrap(size);
    EXPECT_EQ(configuration.size(), size);
    EXPECT_EQ(configuration.majority(), kMajority[size]);
    EXPECT_GT(2 * configuration.majority(), size);
  }
}

TEST(Configuration, AVoterIsAReplicaInOneIncarnation) {
  const Configuration configuration = Configuration::Bootstrap(3);
  EXPECT_TRUE(configuration.IsVoter({ReplicaId(2), Incarnation(1)}));
  EXPECT_FALSE(configuration.IsVoter({ReplicaId(2), Incarnation(2)}));  // P7
  EXPECT_FALSE(configuration.IsVoter({ReplicaId(3), Incarnation(1)}));
}

TEST(Configuration, AReadmittedReplicaVotesInItsNewIncarnationAlone) {
  Configuration configuration = Configuration::Bootstrap(3);
  configuration.Readmit(ReplicaId(2), Incarnation(4));
  EXPECT_EQ(configuration.size(), 3U);
  EXPECT_EQ(configuration.IncarnationOf(ReplicaId(2)), Incarnation(4));
  EXPECT_EQ(configuration.IncarnationOf(ReplicaId(3)), Incarnation());
  EXPECT_TRUE(configuration.IsVoter({ReplicaId(2), Incarnation(4)}));
  EXPECT_FALSE(configuration.IsVoter({ReplicaId(2), Incarnation(1)}));
}

TEST(ConfigurationDeath, RefusesImpossibleVoters) {
  Configuration configuration = Configuration::Bootstrap(3);
  EXPECT_DEATH(configuration.Readmit(ReplicaId(2), Incarnation(1)), "P7");
  EXPECT_DEATH(configuration.Readmit(ReplicaId(3), Incarnation(2)), "readmitted");
  EXPECT_DEATH(configuration.Add({ReplicaId(1), Incarnation(2)}), "votes once");
  EXPECT_DEATH(configuration.Add({ReplicaId(4), Incarnation(0)}), "incarnation");
  EXPECT_DEATH(static_cast<void>(Configuration::Bootstrap(kMaxReplicas + 1)), "kMaxReplicas");
}

}  // namespace
}  // namespace gaios::paxos

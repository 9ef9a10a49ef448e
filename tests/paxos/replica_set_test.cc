#include "gaios/paxos/replica_set.h"

#include <vector>

#include <gtest/gtest.h>

namespace gaios::paxos {
namespace {

TEST(ReplicaSet, HoldsWhatWasAddedInTheOrderOfTheIds) {
  ReplicaSet set;
  EXPECT_TRUE(set.empty());
  set.Add(ReplicaId(6));
  set.Add(ReplicaId(0));
  set.Add(ReplicaId(3));
  set.Add(ReplicaId(3));
  set.Remove(ReplicaId(0));
  std::vector<int> ids;
  for (const ReplicaId id : set) {
    ids.push_back(id.value());
  }
  EXPECT_EQ(ids, (std::vector<int>{3, 6}));
  EXPECT_EQ(set.size(), 2U);
  EXPECT_TRUE(set.Contains(ReplicaId(6)));
  EXPECT_FALSE(set.Contains(ReplicaId(0)));
  EXPECT_FALSE(set.Contains(ReplicaId(255)));
}

TEST(ReplicaSet, UnionIntersectionAndDifference) {
  ReplicaSet a;
  a.Add(ReplicaId(1));
  a.Add(ReplicaId(2));
  ReplicaSet b;
  b.Add(ReplicaId(2));
  b.Add(ReplicaId(4));
  EXPECT_EQ((a | b).size(), 3U);
  EXPECT_EQ((a & b).size(), 1U);
  EXPECT_TRUE((a - b).Contains(ReplicaId(1)));
  EXPECT_FALSE((a - b).Contains(ReplicaId(2)));
}

}  // namespace
}  // namespace gaios::paxos

// Two replicas are left. One has the longer log and an old commit, the other all that is committed and
// nothing to show from before: neither can be led from its own commit, yet the longer log can be adopted and
// its owner followed from its end. Found by gaios-sim, seed 18965: the two stood for election for ever.

#include <cstdint>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "tests/sim/cluster.h"

namespace gaios::sim {
namespace {

using transport::sim::Traffic;

constexpr std::uint64_t kMs = 1'000'000;

TEST(OldCommit, TheOwnerOfTheAdoptedLogIsFollowedFromItsEnd) {
  ClusterOptions options;
  options.orderly_elections = true;
  options.world.capacity_bytes = 16384;
  Cluster cluster(options);
  const ReplicaId old(0);
  const ReplicaId lagging(1);
  const ReplicaId current(2);
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.leader() == old; }, 2'000 * kMs));
  cluster.RunFor(20 * kMs);
  // The one hears of no other than the leader, and vouches for no more than its leader may lack.
  cluster.world().Hold(Traffic::kWrites, old, lagging);
  cluster.world().Cut(lagging, current);
  cluster.world().Cut(current, lagging);
  for (int i = 0; i < 8; ++i) {
    ASSERT_EQ(cluster.Propose(old, std::string(200, 'x')).refusal, paxos::Refusal::kNone);
    cluster.RunFor(kMs);
  }
  cluster.RunFor(10 * kMs);
  cluster.world().BreakPath(old, current);
  cluster.RunFor(40 * kMs);
  ASSERT_GT(cluster.core(current).retained(), cluster.core(lagging).commit());
  // The other gets the whole log, and one command more, from a leader that cannot prove itself: its last
  // record, which it appended at once, is not chosen, and so is to be proven behind.
  cluster.world().Cut(old, current);
  ASSERT_EQ(cluster.Propose(old, "more").refusal, paxos::Refusal::kNone);
  cluster.world().Hold(Traffic::kWords, old, lagging);
  cluster.world().Hold(Traffic::kReads, lagging, old);  // and does not lead by itself meanwhile
  for (int leadership = 0; leadership < 2; ++leadership) {
    const paxos::Ballot before = cluster.core(lagging).promised().ballot;
    ASSERT_TRUE(cluster.RunUntil(
        [&] {
          return cluster.core(lagging).promised().ballot > before &&
                 cluster.core(old).role() == paxos::Role::kLeader;
        },
        5'000 * kMs));
  }
  cluster.world().Release(Traffic::kWrites, old, lagging);
  cluster.RunFor(5 * kMs);
  cluster.Kill(old);
  cluster.world().Heal(lagging, current);
  cluster.world().Heal(current, lagging);
  ASSERT_GT(cluster.core(current).retained(), cluster.core(lagging).commit());

  EXPECT_TRUE(cluster.RunUntil([&] { return cluster.leader().has_value(); }, 5'000 * kMs));
  cluster.RunFor(50 * kMs);
  EXPECT_EQ(cluster.applied(lagging), cluster.applied(current));
  ASSERT_EQ(cluster.applied(current).size(), 9);
  EXPECT_EQ(cluster.applied(current).back(), "more");
  EXPECT_TRUE(cluster.invariants().violations().empty());
}

}  // namespace
}  // namespace gaios::sim

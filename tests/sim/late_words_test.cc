// Elections where words take long: on their way, or in the inbox of one that stands still.

#include <cstdint>
#include <optional>

#include <gtest/gtest.h>

#include "tests/sim/cluster.h"

namespace gaios::sim {
namespace {

constexpr std::uint64_t kFarMs = 1'000'000;

TEST(FarApart, ALeaderIsElectedAndThenAnother) {
  ClusterOptions options;
  options.world.min_delay_ns = 4 * kFarMs;
  options.world.max_delay_ns = 6 * kFarMs;
  Cluster cluster(options);
  ASSERT_TRUE(cluster.RunUntil([&cluster] { return cluster.leader().has_value(); }, 5'000 * kFarMs));
  cluster.RunFor(100 * kFarMs);
  const ReplicaId first = cluster.leader().value_or(ReplicaId());
  cluster.Kill(first);
  EXPECT_TRUE(cluster.RunUntil([&] { return cluster.leader().has_value() && cluster.leader() != first; },
                               5'000 * kFarMs));
  EXPECT_TRUE(cluster.invariants().violations().empty());
}

TEST(Backlog, TheWordOfAnotherBehindAYesIsHeardFirst) {
  ClusterOptions options;
  options.world.replicas = 5;
  Cluster cluster(options);
  const ReplicaId slow(1);
  ASSERT_TRUE(cluster.RunUntil([&cluster] { return cluster.leader() == ReplicaId(0); }, 5'000 * kFarMs));
  cluster.RunFor(100 * kFarMs);
  const paxos::ElectionCounts before = cluster.core(slow).elections();
  cluster.Kill(ReplicaId(0));
  ASSERT_TRUE(
      cluster.RunUntil([&] { return cluster.core(slow).elections().asked > before.asked; }, 5'000 * kFarMs));
  cluster.Pause(slow, true);
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.leader().has_value(); }, 5'000 * kFarMs));
  cluster.Pause(slow, false);
  cluster.RunFor(20 * kFarMs);
  EXPECT_EQ(cluster.core(slow).elections().begun, before.begun);
}

}  // namespace
}  // namespace gaios::sim

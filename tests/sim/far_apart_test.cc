// Replicas that are milliseconds apart elect leaders too: each yes comes late, and counts all the same.

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

}  // namespace
}  // namespace gaios::sim

// Replicas that are lost, one after another and for ever, and come back: filled, from a snapshot when the
// ring has passed them by, and readmitted.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/processes/group.h"

namespace gaios::cli {
namespace {

std::size_t Rounds(std::size_t usual) {
  const char* const text = std::getenv("GAIOS_REJOIN_ROUNDS");
  return text == nullptr ? usual : std::strtoull(text, nullptr, 10);
}

// Whether `replica` votes again in a life that has been started `starts` times, and is in sync with who
// leads.
bool IsBack(const Group& group, std::size_t replica, std::uint64_t starts) {
  const rsm::CounterData data = group.Counters(replica);
  const std::optional<std::size_t> leader = group.Leader();
  return data.incarnation == starts && data.voter == 1 && leader.has_value() &&
         (*leader == replica || (group.Counters(*leader).in_sync & (std::uint64_t{1} << replica)) != 0);
}

// Kills one replica after another, under load, and starts each again; every third time whoever leads.
void LoseOneAfterAnother(const GroupSettings& settings, std::size_t rounds) {
  Group group(settings);
  static_cast<void>(group.AwaitLeader());
  Counting client(group.config(), {});
  std::vector<std::uint64_t> starts(group.size(), 1);
  for (std::size_t round = 0; round < rounds; ++round) {
    const std::size_t leader = group.AwaitLeader();
    const std::size_t victim = round % 3 == 0 ? leader : round % group.size();
    client.Commit(200);
    group.Kill(victim);
    client.Commit(500);
    ++starts[victim];
    group.Start(victim);
    ASSERT_TRUE(Await([&] {
      client.Turn();
      return IsBack(group, victim, starts[victim]);
    })) << "round "
        << round << ", replica " << victim << "\n"
        << group.Json(0) << "\n"
        << group.Json(1) << "\n"
        << group.Json(2) << "\n"
        << group.Output(victim);
  }
  client.Settle();
  EXPECT_EQ(client.unknown(), 0U);
  EXPECT_EQ(client.sum(), client.submitted()) << "nothing lost, nothing doubled";
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < group.size(); ++i) {
    all.push_back(i);
  }
  EXPECT_TRUE(Await([&] { return group.Agree(all); }));
}

TEST(Rejoin, ThreeReplicasLostOneAfterAnotherLoseNothing) {
  GroupSettings settings;
  settings.capacity_bytes = std::uint64_t{64} << 10;
  LoseOneAfterAnother(settings, Rounds(24));
}

TEST(Rejoin, FiveReplicasWithALargeRingLoseNothing) {
  GroupSettings settings;
  settings.replicas = 5;
  LoseOneAfterAnother(settings, Rounds(10));
}

}  // namespace
}  // namespace gaios::cli

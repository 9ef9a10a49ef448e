// What a client sees while who leads is changed as planned, replicas come back, and who is in the group
// changes: a command is sent once more at most. (One whose leader is killed asks those who have not found
// that out yet.)

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "gaios/paxos/limits.h"

#include "tests/processes/group.h"
#include "tests/processes/load.h"
#include "tests/processes/member_command.h"

namespace gaios::cli {
namespace {

// One command at a time, so that one is under way in each change. A leader that is slow is waited for.
const Counting::Settings kOneByOne = {.answer_timeout_ns = 1'000'000'000, .window = 1};

// Twenty of them.
void HandOverAgainAndAgain(Group& group, const Counting::Settings& settings) {
  std::size_t leader = group.AwaitLeader();
  Load client(group.config(), settings);
  for (std::size_t round = 0; round < 20; ++round) {
    client.Await(200);
    leader = (leader + 1) % group.size();
    const Ran ran = RunGaios(group.scratch(), {"transfer-leader", "--config", group.config_path(), "--to",
                                               std::to_string(leader)});
    ASSERT_EQ(ran.exit_code, 0) << ran.output;
  }
  client.Settle();
  EXPECT_THAT(client.sent(), ::testing::ElementsAre(::testing::Gt(20U * 200), ::testing::Le(20U), 0U, 0U));
}

TEST(Retries, AHandOverCostsOneAtMost) {
  Group group;
  HandOverAgainAndAgain(group, kOneByOne);
}

TEST(Retries, AHandOverCostsOneAtMostOverTheNetwork) {
  GroupSettings settings;
  settings.network_clients = true;
  Group group(settings);
  Counting::Settings client = kOneByOne;
  client.network = true;
  HandOverAgainAndAgain(group, client);
}

TEST(Retries, FollowersThatAreLostAndComeBackCostNone) {
  Group group;
  static_cast<void>(group.AwaitLeader());  // else the first command is sent until there is one
  Load client(group.config(), kOneByOne);
  for (std::size_t round = 0; round < 6; ++round) {
    client.Await(200);
    const std::size_t victim = group.Followers(group.AwaitLeader())[round % 2];
    const std::uint64_t starts = group.Counters(victim).incarnation;
    group.Kill(victim);
    client.Await(200);
    group.Start(victim);
    ASSERT_TRUE(Await([&] {
      const rsm::CounterData data = group.Counters(victim);
      return data.incarnation == starts + 1 && data.voter == 1;
    })) << group.Output(victim);
  }
  client.Settle();
  EXPECT_THAT(client.sent(), ::testing::ElementsAre(::testing::Gt(6U * 200), 0U, 0U, 0U));
}

TEST(Retries, ChangesOfTheGroupCostOneAtMost) {
  GroupSettings settings;
  settings.replicas = 5;
  Group group(settings);
  static_cast<void>(group.AwaitLeader());
  Load client(group.config(), kOneByOne);
  for (std::size_t round = 0; round < 2; ++round) {
    client.Await(200);
    const std::size_t leader = group.AwaitLeader();
    std::vector<std::size_t> followers = group.Followers(leader);
    std::erase_if(followers, [&](std::size_t replica) { return group.Counters(replica).voter == 0; });
    const std::size_t removed = round == 0 ? leader : followers.at(0);
    static_cast<void>(Members(group, {"remove", "--id", std::to_string(removed)}));
    client.Await(200);
    ASSERT_TRUE(Await([&] { return group.Counters(removed).voter == 0; }));
  }
  client.Settle();
  EXPECT_THAT(client.sent(), ::testing::ElementsAre(::testing::Gt(2U * 200), ::testing::Le(1U), 0U, 0U));
}

// A fourth is added, a fifth takes a follower's place and a sixth the leader's.
TEST(Retries, OneThatIsAddedAndTwoThatAreReplacedCostOneAtMostEach) {
  Group group;
  const std::size_t first = group.AwaitLeader();
  Counting::Settings client = kOneByOne;
  client.replicas = paxos::kMaxReplicas;
  Load here(group.config(), client);
  here.Await(200);
  group.Start(3);
  EXPECT_EQ(Members(group, {"add", "--id", "3"})["voters"], nlohmann::json({0, 1, 2, 3}));
  here.Await(200);
  const std::size_t follower = group.Followers(first).at(0);
  group.Start(4);
  nlohmann::json members = Members(group, {"replace", "--id", std::to_string(follower), "--with", "4"});
  EXPECT_THAT(members["voters"], ::testing::Not(::testing::Contains(follower)));
  here.Await(200);
  group.Start(5);
  members = Members(group, {"replace", "--id", std::to_string(first), "--with", "5"});
  EXPECT_THAT(members["voters"], ::testing::Not(::testing::Contains(first)));
  here.Await(200);
  here.Settle();
  EXPECT_THAT(here.sent(), ::testing::ElementsAre(::testing::Gt(4U * 200), ::testing::Le(3U), 0U, 0U));
}

}  // namespace
}  // namespace gaios::cli

// `gaios drain` and preferred leaders on groups that work.

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/processes/group.h"
#include "tests/processes/load.h"

namespace gaios::cli {
namespace {

using ::testing::HasSubstr;

Ran Drain(const Group& group, std::size_t id, const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"drain", "--config", group.config_path(), "--id", std::to_string(id)};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return RunGaios(group.scratch(), arguments);
}

bool InSync(const Group& group, std::size_t leader, std::size_t id) {
  return (group.Counters(leader).in_sync & (std::uint64_t{1} << id)) != 0;
}

TEST(Drain, ALeaderHandsOverUnderLoadAndDoesNotLeadUntilItIsLetInAgain) {
  Group group;
  const std::size_t leader = group.AwaitLeader();
  Load load(group.config());
  load.Await(200);
  const Ran drained = Drain(group, leader, {"--json", "-"});
  ASSERT_EQ(drained.exit_code, 0) << drained.output;
  // What is for people goes to stderr, behind it.
  const nlohmann::json json = nlohmann::json::parse(drained.output.substr(0, drained.output.rfind('}') + 1));
  EXPECT_EQ(json["replica"], leader);
  EXPECT_EQ(json["drained"], true);
  EXPECT_EQ(json["led"], true);
  const std::size_t second = group.AwaitLeader(leader);
  EXPECT_EQ(json["leader"], second);
  EXPECT_EQ(group.Json(leader)["drained"], true);
  EXPECT_EQ(group.Json(second)["drained"], false);
  const Ran status = RunGaios(group.scratch(), {"status", "--config", group.config_path()});
  EXPECT_THAT(status.output, HasSubstr("drained: it leads only when nobody else does"));
  load.Await(200);

  const Ran handed = RunGaios(
      group.scratch(), {"transfer-leader", "--config", group.config_path(), "--to", std::to_string(leader)});
  EXPECT_EQ(handed.exit_code, 1);
  EXPECT_THAT(handed.output, HasSubstr("is drained: let it lead again first, by `gaios drain --id"));

  // The leader dies: of the two that are left the one that is not drained leads.
  const std::size_t third = 3 - leader - second;
  EXPECT_TRUE(Await([&] { return InSync(group, second, third) && InSync(group, second, leader); }));
  group.Kill(second);
  EXPECT_TRUE(Await(
      [&] { return group.AwaitLeader(second) == third; }));  // sooner or later, if it did not get to run
  load.Await(200);
  const Ran off = Drain(group, leader, {"--off"});
  EXPECT_EQ(off.exit_code, 0) << off.output;
  EXPECT_THAT(off.output, HasSubstr("may lead again"));
  EXPECT_EQ(group.Json(leader)["drained"], false);
  load.Settle();
}

TEST(Drain, SaysWhyItCannot) {
  Group group;
  const std::size_t leader = group.AwaitLeader();
  const std::vector<std::size_t> followers = group.Followers(leader);
  EXPECT_TRUE(
      Await([&] { return InSync(group, leader, followers[0]) && InSync(group, leader, followers[1]); }));
  for (const std::size_t follower : followers) {
    const Ran ran = Drain(group, follower);
    EXPECT_EQ(ran.exit_code, 0) << ran.output;
    EXPECT_THAT(ran.output, HasSubstr("is drained until it is started again"));
  }
  // The leader has looked at them since.
  const std::uint64_t drained_ns = group.Counters(leader).updated_ns;
  EXPECT_TRUE(Await([&] { return group.Counters(leader).updated_ns > drained_ns + 50'000'000; }));
  const Ran last = Drain(group, leader);
  EXPECT_EQ(last.exit_code, 1);
  EXPECT_THAT(last.output, HasSubstr("leads, and no other replica can take over now"));
  EXPECT_EQ(group.Leader(), leader);
  EXPECT_EQ(group.Json(leader)["drained"], false);
  group.Kill(followers[0]);
  const Ran dead = Drain(group, followers[0]);
  EXPECT_EQ(dead.exit_code, 2);
  EXPECT_THAT(dead.output, HasSubstr("does not run on this host"));
  EXPECT_THAT(Drain(group, 7).output, HasSubstr("there is no replica 7: ids are 0 to 6"));
}

// Replica 2 is preferred; 0 leads only when nobody else does.
TEST(Preferred, TheReplicaOfTheHighestPriorityLeadsWheneverItCan) {
  GroupSettings settings;
  settings.priorities = {0, 1, 7};
  Group group(settings, "[timing]\npreferred_after_ms = 1000\n");
  EXPECT_TRUE(Await([&] { return group.Leader() == 2; }));
  EXPECT_EQ(group.Json(2)["priority"], 7);
  Load load(group.config());
  load.Await(200);
  const std::uint64_t hand_overs = group.Counters(1).hand_overs;  // it may have led before 2 was there
  group.Kill(2);
  EXPECT_TRUE(Await([&] { return group.Leader(2) == 1; }));
  load.Await(200);
  group.Start(2);
  EXPECT_TRUE(Await([&] { return group.Leader() == 2; })) << group.Output(2);
  EXPECT_TRUE(Await([&] { return group.Counters(1).hand_overs > hand_overs; })) << "as planned";
  load.Await(200);
  EXPECT_TRUE(Await([&] { return InSync(group, 2, 0); })) << "who is to lead follows";
  // By its operator's word another leads, for a while.
  const Ran handed =
      RunGaios(group.scratch(), {"transfer-leader", "--config", group.config_path(), "--to", "0"});
  EXPECT_EQ(handed.exit_code, 0) << handed.output;
  EXPECT_THAT(handed.output, HasSubstr("replica 2 has a higher priority, and is handed the lead"));
  EXPECT_TRUE(Await([&] { return group.Leader() == 2; }));
  load.Settle();
}

}  // namespace
}  // namespace gaios::cli

// `gaios member` on groups of real processes, under load: members come and go, the leader among them, some of
// them by kill -9, and nothing is lost or doubled.

#include <csignal>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/processes/group.h"
#include "tests/processes/load.h"
#include "tests/processes/member_command.h"

namespace gaios::cli {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(MemberCommand, AGroupGrowsAndIsReplacedUnderLoadAndNothingIsLostOrDoubled) {
  Group group;
  const std::size_t first = group.AwaitLeader();
  Load load(group.config());
  load.Await(100);
  // A fourth, of which no config speaks.
  group.Start(3);
  nlohmann::json members = Members(group, {"add", "--id", "3"});
  EXPECT_EQ(members["voters"], nlohmann::json({0, 1, 2, 3}));
  EXPECT_EQ(members["majority"], 3);
  EXPECT_TRUE(members["settled"]);
  load.Await(100);
  // The leader dies, and is replaced by a fifth.
  group.Kill(first);
  const std::size_t second = group.AwaitLeader(first);
  load.Await(100);
  group.Start(4);
  members = Members(group, {"replace", "--id", std::to_string(first), "--with", "4"});
  EXPECT_EQ(members["voters"].size(), 4U);
  EXPECT_THAT(members["voters"], Not(Contains(first)));
  load.Await(100);
  // The one that leads now is removed while it works.
  members = Members(group, {"remove", "--id", std::to_string(second)});
  EXPECT_EQ(members["voters"].size(), 3U);
  EXPECT_TRUE(Await([&] { return group.Leader(second).has_value(); }));
  load.Await(100);
  // And one of those three may die.
  std::vector<std::size_t> voters = members["voters"];
  const std::size_t third = group.AwaitLeader(second);
  group.Kill(third);
  std::erase(voters, third);
  EXPECT_NE(group.AwaitLeader(third), second);
  load.Await(100);
  load.Settle();
  EXPECT_TRUE(Await([&] { return group.Agree(voters); }));
}

TEST(MemberCommand, OneThatDiesWhileItIsAddedIsFilledWhenItComesBack) {
  Group group;
  static_cast<void>(group.AwaitLeader());
  Load load(group.config());
  load.Await(100);
  const Ran waits = Member(group, {"add", "--id", "3", "--wait-s", "1"});
  EXPECT_EQ(waits.exit_code, 1) << waits.output;
  EXPECT_THAT(waits.output, HasSubstr("has been added and does not vote yet"));
  group.Start(3);
  group.Kill(3);
  group.Start(3);
  EXPECT_EQ(Members(group, {"add", "--id", "3"})["voters"], nlohmann::json({0, 1, 2, 3}));
  load.Settle();
  EXPECT_TRUE(Await([&] { return group.Agree({0, 1, 2, 3}); }));
}

TEST(MemberCommand, ARemovedOneComesBackAsAnotherLife) {
  Group group;
  const std::size_t removed = group.Followers(group.AwaitLeader())[0];
  const std::string id = std::to_string(removed);
  Load load(group.config());
  load.Await(100);
  EXPECT_EQ(Members(group, {"remove", "--id", id})["voters"].size(), 2U);
  EXPECT_TRUE(Await([&] { return group.Counters(removed).voter == 0; }));
  group.Kill(removed);
  group.Start(removed);
  EXPECT_EQ(Members(group, {"add", "--id", id})["voters"], nlohmann::json({0, 1, 2}));
  load.Settle();
  EXPECT_TRUE(Await([&] { return group.Agree({0, 1, 2}); }));
}

TEST(MemberCommand, ALearnerFollowsAndNeverVotes) {
  Group group;
  const std::size_t leader = group.AwaitLeader();
  group.Start(5);
  const nlohmann::json members = Members(group, {"add", "--id", "5", "--learner"});
  EXPECT_EQ(members["voters"], nlohmann::json({0, 1, 2}));
  EXPECT_EQ(members["learners"], nlohmann::json({5}));
  Counting client(group.config(), {});
  client.Commit(200);
  client.Settle();
  EXPECT_TRUE(Await([&] { return group.Agree({0, 1, 2, 5}); }));
  EXPECT_EQ(group.Json(leader)["learners"], nlohmann::json({5}));
  EXPECT_EQ(group.Json(5)["role"], "learner");
  EXPECT_FALSE(group.Json(5)["voter"]);
}

TEST(MemberCommand, SaysWhyItCannot) {
  Group group;
  const std::size_t leader = group.AwaitLeader();
  const std::vector<std::size_t> followers = group.Followers(leader);
  const auto refused = [&group](const std::vector<std::string>& more, int exit_code, const char* why) {
    const Ran ran = Member(group, more);
    EXPECT_EQ(ran.exit_code, exit_code) << ran.output;
    EXPECT_THAT(ran.output, HasSubstr(why));
  };
  refused({"remove", "--id", "9"}, 2, "ids are 0 to 6");
  refused({"replace", "--id", "1", "--with", "1"}, 2, "takes over its own vote by itself");
  refused({"add", "--id", "1", "--learner"}, 2, "is a voter already");
  const Ran list = Member(group, {"list"});
  EXPECT_EQ(list.exit_code, 0) << list.output;
  EXPECT_THAT(list.output, HasSubstr("replica 2  voter"));
  // Of the two that would be left one is dead.
  group.Kill(followers[1]);
  EXPECT_TRUE(Await([&] { return group.Json(leader)["links"].dump().find("down") != std::string::npos; }));
  refused({"remove", "--id", std::to_string(followers[0])}, 2, "too few keep up");
}

}  // namespace
}  // namespace gaios::cli

// `gaios status` and `gaios doctor`, as a script sees them.

#include <csignal>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/processes/group.h"

namespace gaios::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Status, TellsEachReplicaInJson) {
  Group group;
  std::size_t leader = 0;
  EXPECT_TRUE(Await([&] {
    leader = group.AwaitLeader();
    return group.Json(leader)["in_sync"].size() == 3 && group.Agree({0, 1, 2});
  })) << group.Json(leader);
  const std::string file = group.scratch().Path("status.json");
  ASSERT_EQ(RunGaios(group.scratch(), {"status", "--config", group.config_path(), "--json", file}).exit_code,
            0);
  const auto json = nlohmann::json::parse(ReadText(file));
  ASSERT_EQ(json.size(), 3U);
  for (const auto& replica : json) {
    for (const char* field : {"group", "replica", "incarnation", "role", "ballot", "leader", "commit",
                              "applied", "durable", "in_sync", "no_quorum", "links", "failovers"}) {
      EXPECT_TRUE(replica.contains(field)) << field;
    }
    EXPECT_EQ(replica["running"], true);
    EXPECT_EQ(replica["group"], "test");
    EXPECT_EQ(replica["incarnation"], 1);
    EXPECT_EQ(replica["ballot"]["id"], leader);
    ASSERT_EQ(replica["links"].size(), 2U);
    for (const char* field : {"peer", "path", "state", "acked", "lag_bytes", "rtt_ns", "loss", "switches"}) {
      EXPECT_TRUE(replica["links"][0].contains(field)) << field;
    }
  }
  EXPECT_EQ(json[leader]["role"], "leader");
  EXPECT_EQ(json[leader]["links"][0]["state"], "active");
  EXPECT_EQ(json[leader]["no_quorum"], false);
  ASSERT_FALSE(json[leader]["failovers"].empty());
  const auto& failover = json[leader]["failovers"][0];
  EXPECT_TRUE(failover["failover_us"].contains("total"));
  EXPECT_GT(failover["agree_us"], 0);
  EXPECT_LE(failover["agree_us"], failover["failover_us"]["fence"]);
}

TEST(Status, TellsWhoDoesNotRun) {
  Group group;
  const std::size_t leader = group.AwaitLeader();
  for (std::size_t i = 0; i < group.size(); ++i) {
    if (i != leader) {
      group.Kill(i);
    }
  }
  const Ran some = RunGaios(group.scratch(), {"status", "--config", group.config_path()});
  EXPECT_EQ(some.exit_code, 0);
  EXPECT_THAT(some.output, AllOf(HasSubstr("not running"), HasSubstr("group test")));
  group.Kill(leader);
  const Ran none = RunGaios(group.scratch(), {"status", "--config", group.config_path()});
  EXPECT_EQ(none.exit_code, 1);
}

TEST(Status, TellsAGroupThatWasNeverStarted) {
  const Scratch scratch;
  const std::string config = scratch.Write("group.toml", ConfigText(scratch.Path("group"), {}));
  const Ran ran = RunGaios(scratch, {"status", "--config", config});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.output, HasSubstr("has not been started"));
}

TEST(Status, ShowsAStoppedReplicaAsItLastWasAndDoesNotDisturbIt) {
  Group group;
  const std::size_t leader = group.AwaitLeader();
  const std::size_t follower = group.Followers(leader)[0];
  Counting client(group.config(), {});
  const auto commit = [&client](std::uint64_t target) {
    return Await([&client, target] {
      client.Turn();
      return client.committed() >= target;
    });
  };
  EXPECT_TRUE(commit(100));
  EXPECT_TRUE(Await([&] {
    client.Poll();
    return client.client().outstanding() == 0 && group.Agree({0, 1, 2});
  }));
  group.Stop(follower);
  const std::uint64_t applied = group.Counters(follower).applied;
  EXPECT_TRUE(commit(200));
  EXPECT_TRUE(Await([&] { return group.Counters(leader).applied > applied; }));

  const std::string file = group.scratch().Path("status.json");
  const Ran ran = RunGaios(group.scratch(), {"status", "--config", group.config_path(), "--json", file});
  ASSERT_EQ(ran.exit_code, 0) << ran.output;
  const auto json = nlohmann::json::parse(ReadText(file));
  EXPECT_EQ(json[follower]["running"], true);
  EXPECT_EQ(json[follower]["role"], "follower");
  EXPECT_EQ(json[follower]["leader"], leader);
  EXPECT_EQ(json[follower]["applied"], applied);
  EXPECT_EQ(json[leader]["role"], "leader");
  EXPECT_EQ(json[leader]["no_quorum"], false);
  EXPECT_GT(json[leader]["applied"], applied);
  for (const auto& link : json[leader]["links"]) {
    // It is stopped, but its memory is there.
    EXPECT_EQ(link["state"], "active");
    if (link["peer"] == follower) {
      EXPECT_GT(link["lag_bytes"], 0);
    }
  }
  EXPECT_EQ(group.Leader(), leader);
  group.Signal(follower, SIGCONT);
  EXPECT_TRUE(Await([&] {
    client.Poll();
    return client.client().outstanding() == 0 && group.Agree({0, 1, 2});
  }));
  EXPECT_EQ(client.unknown(), 0U);
  EXPECT_EQ(client.sum(), client.submitted());
}

TEST(Status, WatchesUntilInterrupted) {
  const Group group;
  static_cast<void>(group.AwaitLeader());
  const std::string output = group.scratch().Path("watch.log");
  const auto watch = StartGaios({"status", "--config", group.config_path(), "--watch"}, output);
  EXPECT_TRUE(Await([&] {
    const std::string text = ReadText(output);
    return text.find("group test", text.find("group test") + 1) != std::string::npos;
  }));
  watch->Signal(SIGINT);
  EXPECT_EQ(watch->Wait(std::chrono::minutes(1)), 0);
}

TEST(Doctor, TellsItsFindingsInJson) {
  const Scratch scratch;
  const std::string config = scratch.Write("group.toml", ConfigText(scratch.Path("group"), {}));
  const std::string file = scratch.Path("doctor.json");
  const Ran ran = RunGaios(scratch, {"doctor", "--config", config, "--json", file});
  EXPECT_LE(ran.exit_code, 1) << ran.output;
  const auto json = nlohmann::json::parse(ReadText(file));
  EXPECT_FALSE(json["findings"].empty());
  EXPECT_TRUE(json["built_with"].contains("verbs"));
}

}  // namespace
}  // namespace gaios::cli

// Replicas that are killed, stopped and started again.

#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gaios/paxos/state.h"
#include "gaios/rsm/marker.h"

#include "tests/processes/group.h"

namespace gaios::cli {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::uint64_t RoleOf(const Group& group, std::size_t replica) {
  return group.Counters(replica).role;
}

TEST(Faults, AFollowerKilledUnderLoadIsNotMissed) {
  Group group;
  const std::size_t leader = group.AwaitLeader();
  const std::vector<std::size_t> followers = group.Followers(leader);
  Counting client(group.config(), {});
  client.Commit(1000);
  group.Kill(followers[0]);
  client.Commit(1000);
  client.Settle();
  EXPECT_EQ(client.unknown(), 0U);
  EXPECT_EQ(client.sum(), client.submitted());
  EXPECT_EQ(group.Leader(), leader);
  EXPECT_TRUE(Await([&] { return group.Agree({leader, followers[1]}); }));
}

TEST(Faults, AKilledLeaderIsReplacedAndNothingIsLostOrDoubled) {
  Group group;
  const std::size_t leader = group.AwaitLeader();
  Counting client(group.config(), {});
  client.Commit(1000);
  group.Kill(leader);
  client.Commit(1000);
  client.Settle();
  EXPECT_EQ(client.unknown(), 0U);
  EXPECT_EQ(client.sum(), client.submitted());
  EXPECT_NE(group.AwaitLeader(), leader);
  EXPECT_TRUE(Await([&] { return group.Agree(group.Followers(leader)); }));
}

TEST(Faults, AStoppedLeaderFindsItselfFenced) {
  Group group;
  const std::size_t old_leader = group.AwaitLeader();
  Counting client(group.config(), {});
  client.Commit(500);
  group.Signal(old_leader, SIGSTOP);
  const std::size_t leader = group.AwaitLeader(old_leader);
  client.Commit(500);
  EXPECT_EQ(RoleOf(group, old_leader), static_cast<std::uint64_t>(paxos::Role::kLeader)) << "as it last said";
  group.Signal(old_leader, SIGCONT);
  EXPECT_TRUE(Await([&] {
    client.Turn();
    const rsm::CounterData data = group.Counters(old_leader);
    return data.role == static_cast<std::uint64_t>(paxos::Role::kFollower) &&
           data.leader_plus_one == leader + 1;
  })) << group.Json(old_leader);
  client.Settle();
  EXPECT_EQ(client.unknown(), 0U);
  EXPECT_EQ(client.sum(), client.submitted());
  // Nothing that it stored late has reached a log: all three agree, itself included.
  EXPECT_TRUE(Await([&] { return group.Agree({0, 1, 2}); }));
}

TEST(Faults, WhatAStoppedLeaderHadPendingIsUnknown) {
  Group group;
  // A leader that is stopped outside of its idle time may look at its logs before it looks at its clients,
  // and then takes nothing.
  for (int round = 0; round < 20; ++round) {
    const std::size_t old_leader = group.AwaitLeader();
    Wire wire(group.config(), old_leader);
    ASSERT_TRUE(wire.Add());
    ASSERT_EQ(wire.Await().status, rsm::ResponseStatus::kCommitted);
    group.Stop(old_leader);
    ASSERT_TRUE(wire.Add());
    static_cast<void>(group.AwaitLeader(old_leader));
    group.Signal(old_leader, SIGCONT);
    // It takes the command in the belief that it leads, finds itself fenced, and says that it cannot tell.
    const Wire::Answer answer = wire.Await();
    EXPECT_EQ(answer.request, wire.sent());
    // Whoever leads by now.
    EXPECT_TRUE(Await([&] { return group.Leader().has_value() && group.Agree({0, 1, 2}); }))
        << group.Json(0) << "\n"
        << group.Json(1) << "\n"
        << group.Json(2);
    if (answer.status == rsm::ResponseStatus::kUnknown) {
      return;
    }
    ASSERT_EQ(answer.status, rsm::ResponseStatus::kNotLeader);
  }
  FAIL() << "the leader was never stopped where it would take a command";
}

TEST(Faults, ARestartedReplicaIsFilledAndReadmitted) {
  Group group;
  const std::size_t leader = group.AwaitLeader();
  const std::vector<std::size_t> followers = group.Followers(leader);
  Counting client(group.config(), {});
  client.Commit(100);
  group.Kill(followers[0]);
  group.Start(followers[0]);
  EXPECT_TRUE(Await([&] { return group.Counters(followers[0]).incarnation == 2; }));
  // Why it does not vote is said once, and then how it stands.
  EXPECT_TRUE(
      Await([&] { return group.Output(followers[0]).find("then it is readmitted\n") != std::string::npos; }));
  client.Commit(100);
  EXPECT_TRUE(Await([&] { return group.Json(followers[0])["voter"] == true; })) << group.Json(followers[0]);
  EXPECT_EQ(group.Json(followers[0])["role"], "follower");
  const std::string output = group.Output(followers[0]);
  EXPECT_EQ(output.find("does not vote"), output.rfind("does not vote")) << output;
  // It makes a majority with the leader now.
  group.Kill(followers[1]);
  client.Commit(100);
  EXPECT_TRUE(Await([&] { return group.Agree({leader, followers[0]}); })) << group.Json(followers[0]);
}

// Kills both followers while commands are being sent to the leader. Returns the first answer that is not
// "committed".
Wire::Answer FirstAnswerWithoutFollowers(Group& group, std::size_t leader) {
  Wire wire(group.config(), leader);
  for (const std::size_t follower : group.Followers(leader)) {
    group.Signal(follower, SIGKILL);
  }
  Wire::Answer answer;
  std::uint64_t expected = 2;  // the session was the first
  EXPECT_TRUE(Await([&] {
    while (wire.sent() < expected + 15) {
      EXPECT_TRUE(wire.Add());
    }
    for (std::optional<Wire::Answer> next = wire.Take(); next.has_value(); next = wire.Take()) {
      answer = *next;
      EXPECT_EQ(answer.request, expected);
      ++expected;
      if (answer.status != rsm::ResponseStatus::kCommitted) {
        return true;
      }
    }
    return false;
  })) << group.Json(leader);
  return answer;
}

TEST(Faults, ALeaderWithoutFollowersReportsNoQuorumAndCommitsNothingMore) {
  Group group;
  const std::size_t leader = group.AwaitLeader();
  const Wire::Answer answer = FirstAnswerWithoutFollowers(group, leader);
  // Unknown when it was in the log by then; what comes later is refused, and which of the two comes first is
  // a matter of scheduling. tests/rsm has a replica whose pending commands end unknown every time.
  EXPECT_THAT(answer.status, AnyOf(rsm::ResponseStatus::kUnknown, rsm::ResponseStatus::kNotLeader));
  EXPECT_TRUE(Await([&] { return group.Counters(leader).no_quorum == 1; })) << group.Json(leader);
  EXPECT_EQ(group.Json(leader)["no_quorum"], true);
  EXPECT_EQ(group.Leader(), std::nullopt);
  const std::uint64_t commit = group.Counters(leader).commit;
  Counting::Settings impatient;
  impatient.operation_timeout_ns = 1'000'000'000;
  Counting client(group.config(), impatient);
  ASSERT_TRUE(client.Submit());
  EXPECT_TRUE(Await([&] {
    client.Poll();
    return client.unknown() == 1;
  }));
  EXPECT_EQ(group.Counters(leader).commit, commit) << "nothing is committed without a majority";
}

TEST(Faults, TheProcessOfARunningReplicaCannotBeDoubled) {
  Group group;
  static_cast<void>(group.AwaitLeader());
  const std::string marker_path = rsm::MarkerPath(group.config(), paxos::ReplicaId(1));
  // The leader may have been elected without it.
  EXPECT_TRUE(Await([&] { return ReadText(marker_path).find("\"starts\": 1") != std::string::npos; }));
  const std::string marker = ReadText(marker_path);
  const Ran second = RunGaios(group.scratch(), {"replica", "--config", group.config_path(), "--id", "1"});
  EXPECT_EQ(second.exit_code, 2) << second.output;
  EXPECT_THAT(second.output,
              HasSubstr("process " + std::to_string(group.process(1).pid()) + " already runs replica 1"));
  EXPECT_EQ(ReadText(marker_path), marker) << "the attempt does not count as a start";
  EXPECT_EQ(group.process(1).running(), true);
}

TEST(Faults, WhatACrashedRunLeftBehindIsNoHindrance) {
  Group group;
  static_cast<void>(group.AwaitLeader());
  for (std::size_t i = 0; i < group.size(); ++i) {
    group.Kill(i);
  }
  for (std::size_t i = 0; i < group.size(); ++i) {
    group.Start(i);
  }
  // They come up over the old sockets and regions, and none of them votes: what a majority held is gone.
  for (std::size_t i = 0; i < group.size(); ++i) {
    EXPECT_TRUE(Await([&] { return group.Counters(i).incarnation == 2 && group.Json(i)["running"] == true; }))
        << group.Output(i);
    EXPECT_EQ(group.Counters(i).voter, 0U);
  }
}

TEST(Faults, AReplicaStopsWhenToldTo) {
  Group group;
  static_cast<void>(group.AwaitLeader());
  group.Signal(0, SIGTERM);
  EXPECT_EQ(group.process(0).Wait(std::chrono::minutes(1)), 0);
  EXPECT_THAT(group.Output(0), HasSubstr("replica 0: stopped"));
}

}  // namespace
}  // namespace gaios::cli

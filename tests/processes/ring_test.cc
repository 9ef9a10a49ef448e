// Rings that are full, and wrap, because followers stand still.

#include <csignal>
#include <cstdint>
#include <optional>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/processes/group.h"

namespace gaios::cli {
namespace {

constexpr std::uint64_t kCapacity = std::uint64_t{1} << 16;
const GroupSettings kSmallRing = {.replicas = 3, .capacity_bytes = kCapacity};

std::uint64_t LagOf(const rsm::CounterData& leader, std::size_t peer) {
  for (std::size_t i = 0; i < leader.links_count; ++i) {
    if (leader.links[i].peer == peer) {
      return leader.links[i].lag_bytes;
    }
  }
  return 0;
}

TEST(Ring, FillsWhileBothFollowersAreStoppedAndGoesOnWithThem) {
  Group group(kSmallRing);
  const std::size_t leader = group.AwaitLeader();
  const std::vector<std::size_t> followers = group.Followers(leader);
  Counting client(group.config(), {});
  EXPECT_TRUE(Await([&] {
    client.Turn();
    return client.committed() >= 100;
  }));
  for (const std::size_t follower : followers) {
    group.Signal(follower, SIGSTOP);
  }
  // Stores into their memory still complete, so commits go on, until the ring is full.
  const std::uint64_t before = client.committed();
  EXPECT_TRUE(Await([&] {
    for (int i = 0; i < 100; ++i) {
      client.Turn();
    }
    const rsm::CounterData data = group.Counters(leader);
    return client.client().outstanding() == rsm::Sessions::kWindow &&
           LagOf(data, followers[0]) > kCapacity / 4 * 3 && LagOf(data, followers[1]) > kCapacity / 4 * 3;
  })) << group.Json(leader);
  EXPECT_GT(client.committed(), before);
  // The in-sync set does not fall below a majority, so nothing that they lack is overwritten.
  EXPECT_GE(group.Json(leader)["in_sync"].size(), 2U);
  EXPECT_LE(LagOf(group.Counters(leader), followers[0]), kCapacity);
  for (const std::size_t follower : followers) {
    group.Signal(follower, SIGCONT);
  }
  const std::uint64_t stalled = client.committed();
  EXPECT_TRUE(Await([&] {
    for (int i = 0; i < 100; ++i) {
      client.Turn();
    }
    return client.committed() > stalled + 5000;
  })) << group.Json(leader);
  EXPECT_EQ(client.unknown(), 0U);
}

TEST(Ring, WrapsManyTimesPastAStoppedFollower) {
  Group group(kSmallRing);
  const std::size_t leader = group.AwaitLeader();
  const std::vector<std::size_t> followers = group.Followers(leader);
  Counting client(group.config(), {});
  group.Signal(followers[0], SIGSTOP);
  EXPECT_TRUE(Await([&] {
    for (int i = 0; i < 1000; ++i) {
      client.Turn();
    }
    return group.Counters(leader).commit > 20 * kCapacity;
  })) << group.Json(leader);
  const std::uint64_t in_sync = group.Counters(leader).in_sync;
  EXPECT_EQ(in_sync, (std::uint64_t{1} << leader) | (std::uint64_t{1} << followers[1]));
  EXPECT_TRUE(Await([&client] {
    client.Poll();
    return client.client().outstanding() == 0;
  }));
  EXPECT_EQ(client.unknown(), 0U);
  EXPECT_EQ(client.sum(), client.submitted());
  EXPECT_TRUE(Await([&] { return group.Agree({leader, followers[1]}); }));
  // When it goes on it cannot be brought up to date from the ring, and disturbs nobody.
  group.Signal(followers[0], SIGCONT);
  const std::uint64_t committed = client.committed();
  EXPECT_TRUE(Await([&] {
    client.Turn();
    return client.committed() > committed + 1000;
  }));
  EXPECT_EQ(group.Leader(), leader);
  EXPECT_TRUE(group.process(followers[0]).running());
}

TEST(Ring, WhatItHasNoRoomForWaitsAndIsTakenOnceThereIs) {
  Group group(kSmallRing);
  const std::size_t leader = group.AwaitLeader();
  Wire wire(group.config(), leader);
  for (const std::size_t follower : group.Followers(leader)) {
    group.Stop(follower);
  }
  // All that is committed is answered, and the log has no room for more: what is left has been refused as
  // full by the replica, and fills the ring of requests.
  std::vector<Wire::Answer> answers;
  const auto take = [&] {
    for (std::optional<Wire::Answer> next = wire.Take(); next.has_value(); next = wire.Take()) {
      answers.push_back(*next);
    }
  };
  constexpr std::uint64_t kRequestsThatWait = 10'000;  // 48 bytes each, in a ring of 512 KiB
  EXPECT_TRUE(Await([&] {
    while (wire.Add()) {
      take();
    }
    take();
    return !answers.empty() && wire.sent() - 1 >= answers.size() + kRequestsThatWait && !wire.Add();
  })) << answers.size()
      << " answers to " << wire.sent() << " requests\n"
      << group.Json(leader);
  const std::size_t before = answers.size();
  EXPECT_GT(before, 0U);
  EXPECT_LT(before * 32, kCapacity) << "no more than the ring has room for";
  for (const std::size_t follower : group.Followers(leader)) {
    group.Signal(follower, SIGCONT);
  }
  EXPECT_TRUE(Await([&] {
    take();
    return answers.size() == wire.sent() - 1;
  })) << answers.size()
      << " answers to " << wire.sent() << " requests\n"
      << group.Json(leader);
  // Each once, in order.
  for (std::size_t i = 0; i < answers.size(); ++i) {
    ASSERT_EQ(answers[i].request, i + 2);
    ASSERT_EQ(answers[i].status, rsm::ResponseStatus::kCommitted);
    ASSERT_EQ(answers[i].how, rsm::Applied::kApplied);
    ASSERT_EQ(answers[i].sum, i + 1);
  }
}

TEST(Ring, ACommandLargerThanTheLimitIsRefusedInItsTurn) {
  const Group group(kSmallRing);
  Wire wire(group.config(), group.AwaitLeader());
  const std::size_t large = wire.max_command_bytes() + 1;
  ASSERT_TRUE(wire.Add());
  ASSERT_TRUE(wire.AddLarge(large));
  ASSERT_TRUE(wire.Add());
  const std::vector<Wire::Answer> answers = {wire.Await(), wire.Await(), wire.Await()};
  EXPECT_EQ(answers[0].status, rsm::ResponseStatus::kCommitted);
  EXPECT_EQ(answers[1].status, rsm::ResponseStatus::kTooLarge);
  EXPECT_EQ(answers[2].status, rsm::ResponseStatus::kCommitted);
  EXPECT_EQ(answers[2].how, rsm::Applied::kApplied);
  EXPECT_EQ(answers[2].sum, 2U);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(answers[i].request, i + 2);
  }
}

TEST(Ring, AClientThatKnowsTheLimitKeepsLargerCommandsToItself) {
  const Group group(kSmallRing);
  static_cast<void>(group.AwaitLeader());
  Counting client(group.config(), {});
  EXPECT_TRUE(Await([&] {
    client.Turn();
    return client.committed() > 0;
  }));
  const std::vector<std::byte> large(std::size_t{1} << 20);
  EXPECT_EQ(client.client().Submit(large, 1), rsm::Submitted::kTooLarge);
}

}  // namespace
}  // namespace gaios::cli

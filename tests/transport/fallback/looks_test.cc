#include "gaios/transport/fallback/looks.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gaios/base/clock.h"
#include "gaios/transport/fallback/fallback_transport.h"

namespace gaios::transport::fallback {
namespace {

// How many looks are lost when that path gives one up.
std::uint64_t Lost(Looks& looks, std::size_t path) {
  looks.GivenUp(path);
  return looks.TakeLost();
}

constexpr std::uint32_t kFirst = 1;
constexpr std::uint32_t kBoth = 3;

TEST(Looks, TheFirstAnswerIsTheOne) {
  Looks looks;
  looks.Post(kBoth);
  EXPECT_EQ(looks.Answered(1), 1U);
  EXPECT_EQ(looks.Answered(0), 0U);
  EXPECT_FALSE(looks.open());
}

TEST(Looks, AnAnswerAnswersEarlierLooksToo) {
  Looks looks;
  looks.Post(kFirst);  // the second path was not there
  looks.Post(kFirst);
  looks.Post(kBoth);
  EXPECT_EQ(looks.Answered(1), 3U);
  EXPECT_EQ(looks.Answered(0), 0U);
  EXPECT_EQ(looks.Answered(0), 0U);
  EXPECT_EQ(looks.Answered(0), 0U);
}

TEST(Looks, WhatOnePathGivesUpTheOtherMayAnswer) {
  Looks looks;
  looks.Post(kBoth);
  EXPECT_EQ(Lost(looks, 0), 0U);
  EXPECT_TRUE(looks.open());
  EXPECT_EQ(looks.Answered(1), 1U);
  EXPECT_EQ(looks.TakeLost(), 0U);
}

TEST(Looks, WhatNobodyAnswersIsLostInOrder) {
  Looks looks;
  looks.Post(kBoth);
  looks.Post(kFirst);
  EXPECT_EQ(Lost(looks, 0), 0U);
  EXPECT_EQ(Lost(looks, 0), 0U) << "the look before it is still open";
  EXPECT_EQ(Lost(looks, 1), 2U);
  EXPECT_FALSE(looks.open());
}

// What came for an earlier look may be older than this one.
TEST(Looks, OneThatWaitedForAnEarlierOneAloneIsLostWhenThatIsAnswered) {
  Looks looks;
  looks.Post(kBoth);
  looks.Post(kFirst);
  EXPECT_EQ(Lost(looks, 0), 0U);
  EXPECT_EQ(Lost(looks, 0), 0U);
  EXPECT_EQ(looks.Answered(1), 1U) << "the earlier one alone";
  EXPECT_EQ(looks.TakeLost(), 1U);
  EXPECT_FALSE(looks.open());
}

TEST(Looks, APathThatOwesTooManyIsFullAndTheOthersGoOn) {
  Looks looks;
  for (std::size_t i = 0; i < 3 * Looks::kMost; ++i) {
    ASSERT_FALSE(looks.full());
    looks.Post(looks.Full(0) ? 2 : kBoth);
    EXPECT_EQ(looks.Answered(1), 1U);
  }
  EXPECT_TRUE(looks.Full(0));
  EXPECT_FALSE(looks.Full(1));
  for (std::size_t i = 0; i < Looks::kMost; ++i) {
    EXPECT_EQ(looks.Answered(0), 0U);
  }
  looks.Post(kFirst);
  EXPECT_EQ(looks.Answered(0), 1U);
}

TEST(Looks, AnswersThatNobodyAskedForAreNone) {
  Looks looks;
  EXPECT_EQ(looks.Answered(0), 0U);
  EXPECT_EQ(Lost(looks, 0), 0U);
}

// A path that takes what it is given, looks only while it is told to, and reports what a test says.
class Script final : public Transport {
 public:
  bool takes_looks = true;
  std::function<void(EventHandler&)> next;  // at the next Poll
  std::size_t stood_by = 0;                 // how often

  [[nodiscard]] std::size_t capacity() const override { return log_of_all.size(); }
  [[nodiscard]] std::byte* log() override { return log_of_all.data(); }
  [[nodiscard]] std::uint64_t ReadLogWord(LogWord /*which*/) const override { return 0; }
  void Publish(ControlWord /*which*/, std::uint64_t /*value*/) override {}
  void GrantTo(ReplicaId /*to*/, Grant /*grant*/) override {}
  Post Write(ReplicaId, Grant, Incarnation, Range, std::uint64_t) override { return Post::kPosted; }
  Post WriteWord(ReplicaId, Grant, Incarnation, LogWord, std::uint64_t, std::uint64_t) override {
    return Post::kPosted;
  }
  Post ReadLog(ReplicaId, Grant, Incarnation, Range, std::uint64_t) override { return Post::kPosted; }
  Post ReadControl(ReplicaId /*peer*/) override { return takes_looks ? Post::kPosted : Post::kFull; }
  void Send(ReplicaId /*peer*/, std::span<const std::byte> /*message*/) override {}
  void Abandon(ReplicaId /*peer*/) override {}
  void StandBy() override { ++stood_by; }
  std::size_t Poll(EventHandler& handler) override {
    if (next) {
      std::exchange(next, nullptr)(handler);
    }
    return 0;
  }

 private:
  alignas(64) static inline std::array<std::byte, 4096> log_of_all = {};
};

class Outcomes final : public EventHandler {
 public:
  std::vector<Outcome> looks;
  void OnControl(ReplicaId /*peer*/, Outcome outcome, const ControlView& /*view*/) override {
    looks.push_back(outcome);
  }
  void OnCompletion(const Completion& /*completion*/) override {}
  void OnMessage(ReplicaId, Incarnation, std::span<const std::byte>) override {}
  void OnGranted(Grant /*grant*/) override {}
  void OnLinkUp(ReplicaId, Incarnation) override {}
  void OnLinkDown(ReplicaId /*peer*/) override {}
  Range LiveRange(const std::byte* /*log*/) override { return {}; }
};

TEST(LooksOfALink, NoneIsLeftOpenWhenItsOnlyPathHasGivenItUp) {
  const ReplicaId peer(1);
  base::ManualClock clock(1);
  std::array<Script, 2> paths;
  FallbackTransport transport({.self = ReplicaId(0), .clock = &clock},
                              std::array<Transport*, 2>{&paths[0], &paths[1]});
  Outcomes outcomes;
  for (Script& path : paths) {
    path.next = [&](EventHandler& handler) { handler.OnLinkUp(peer, Incarnation(1)); };
  }
  transport.Poll(outcomes);
  ASSERT_EQ(transport.ReadControl(peer), Post::kPosted);  // by both
  paths[1].takes_looks = false;
  ASSERT_EQ(transport.ReadControl(peer), Post::kPosted);  // by the first alone
  paths[0].next = [&](EventHandler& handler) {
    handler.OnControl(peer, Outcome::kDown, {});
    handler.OnControl(peer, Outcome::kDown, {});
  };
  transport.Poll(outcomes);
  EXPECT_THAT(outcomes.looks, testing::IsEmpty());
  paths[1].next = [&](EventHandler& handler) { handler.OnControl(peer, Outcome::kDone, {}); };
  transport.Poll(outcomes);
  EXPECT_THAT(outcomes.looks, testing::ElementsAre(Outcome::kDone, Outcome::kDown));
}

// Whichever carries what comes: which that will be is not known.
TEST(StandingBy, EachPathDoes) {
  base::ManualClock clock(1);
  std::array<Script, 2> paths;
  FallbackTransport transport({.self = ReplicaId(0), .clock = &clock},
                              std::array<Transport*, 2>{&paths[0], &paths[1]});
  transport.StandBy();
  EXPECT_EQ(paths[0].stood_by, 1U);
  EXPECT_EQ(paths[1].stood_by, 1U);
}

}  // namespace
}  // namespace gaios::transport::fallback

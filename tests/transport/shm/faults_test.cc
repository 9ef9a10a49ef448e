// Peers that are killed or stopped, as processes are: by signals, at any moment.

#include <sys/wait.h>

#include <csignal>
#include <ranges>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/transport/shm/fixture.h"

namespace gaios::transport::shm {
namespace {

using conformance::Event;

constexpr ReplicaId kPeer{1};
constexpr Range kLine = {.from = Position(0), .to = Position(64)};

Grant GrantOf(std::uint32_t round, ReplicaId to) {
  return {.ballot = paxos::Ballot(round, to, Incarnation(1)), .number = 1};
}

class FaultsTest : public ShmTest {
 protected:
  void OpenWithPeer(ReplicaId self, ReplicaId peer) {
    OpenSelf(OptionsOf(self));
    conformance::Endpoint& other = backend_.Start({.id = peer});
    bool other_linked = false;
    ASSERT_TRUE(PollUntil([&] {
      for (const Event& event : other.Poll()) {
        other_linked = other_linked || event.kind == Event::Kind::kLinkUp;
      }
      return other_linked && LinkedTo(peer, Incarnation(1));
    }));
  }

  // The peer, replica 0, grants its log to us.
  void TakeGrant(Grant grant) {
    backend_.process(ReplicaId(0)).GrantTo(kPeer, grant);
    ASSERT_TRUE(PollUntil(
        [&] {
          return self_->WriteWord(ReplicaId(0), grant, Incarnation(1), LogWord::kProbe, 1, 1) ==
                 Post::kPosted;
        },
        {ReplicaId(0)}));
    PollSelf();
    ASSERT_EQ(LastOutcome(), Outcome::kDone);
  }

  Outcome LastOutcome() {
    for (const Event& event : std::views::reverse(events_)) {
      if (event.kind == Event::Kind::kCompletion) {
        return event.completion.outcome;
      }
    }
    ADD_FAILURE() << "nothing completed";
    return Outcome::kDown;
  }

  std::uint64_t FirstNumber() {
    return reinterpret_cast<const SharedWord*>(self_->log())->load(std::memory_order_relaxed);
  }
};

TEST_F(FaultsTest, AStoppedWriterFindsItselfFencedAndItsLateStoresReachNothing) {
  OpenWithPeer(ReplicaId(0), kPeer);
  recorder_.SetLiveRange(kLine);
  for (std::uint32_t round = 1; round < 60; round += 2) {
    const std::uint64_t before = FirstNumber();
    self_->GrantTo(kPeer, GrantOf(round, kPeer));
    PollSelf();
    backend_.process(kPeer).StartAsking("race " + std::to_string(round) + " 64");
    while (FirstNumber() == before) {
      std::this_thread::yield();
    }
    // Stopped in the midst of writing, wherever that is.
    ASSERT_EQ(::kill(backend_.process(kPeer).pid(), SIGSTOP), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(backend_.process(kPeer).pid(), &status, WUNTRACED), backend_.process(kPeer).pid());
    ASSERT_TRUE(WIFSTOPPED(status));
    self_->GrantTo(ReplicaId(0), GrantOf(round + 1, ReplicaId(0)));
    PollSelf();
    const std::uint64_t kept = FirstNumber();
    // A stopped process keeps its connection.
    EXPECT_EQ(CountOf(Event::Kind::kLinkDown), 0U);
    ASSERT_EQ(::kill(backend_.process(kPeer).pid(), SIGCONT), 0);
    const std::uint64_t completed = std::stoull(backend_.process(kPeer).TakeAnswer());
    EXPECT_GE(kept, completed);
    EXPECT_LE(kept, completed + 1);
    EXPECT_EQ(FirstNumber(), kept);
  }
}

TEST_F(FaultsTest, WritesToAStoppedAcceptorComplete) {
  OpenWithPeer(kPeer, ReplicaId(0));
  const Grant grant = GrantOf(1, kPeer);
  TakeGrant(grant);
  ASSERT_EQ(::kill(backend_.process(ReplicaId(0)).pid(), SIGSTOP), 0);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(self_->Write(ReplicaId(0), grant, Incarnation(1), kLine, 7), Post::kPosted);
    PollSelf();
    ASSERT_EQ(LastOutcome(), Outcome::kDone);
  }
  EXPECT_EQ(CountOf(Event::Kind::kLinkDown), 0U);
  ASSERT_EQ(::kill(backend_.process(ReplicaId(0)).pid(), SIGCONT), 0);
}

TEST_F(FaultsTest, ManyWritesArePostedUpToTheFirstThatIsNotTaken) {
  OpenWithPeer(kPeer, ReplicaId(0));
  const Grant grant = GrantOf(1, kPeer);
  TakeGrant(grant);
  const auto write = [](Grant under, std::uint64_t token) {
    return RangeWrite{
        .peer = ReplicaId(0), .acceptor = Incarnation(1), .grant = under, .range = kLine, .token = token};
  };
  const Grant later = GrantOf(2, kPeer);  // that nobody has given
  EXPECT_EQ(self_->WriteMany(std::vector{write(grant, 7), write(later, 8), write(grant, 9)}), 1U);
  EXPECT_EQ(self_->WriteMany(std::vector{write(later, 8), write(grant, 9)}), 0U);
  EXPECT_EQ(self_->WriteMany(std::vector{write(grant, 9), write(grant, 10)}), 2U);
  PollSelf();
  EXPECT_EQ(LastOutcome(), Outcome::kDone);
  EXPECT_EQ(events_.back().completion.token, 10U);
}

TEST_F(FaultsTest, AWriteAtOnceIsDoneUnderTheGrantThatHoldsAndUnderNoOther) {
  OpenWithPeer(kPeer, ReplicaId(0));
  const Grant grant = GrantOf(1, kPeer);
  TakeGrant(grant);
  const auto target = [](Grant under, std::uint32_t incarnation) {
    return std::vector{paxos::WriteTarget{ReplicaId(0), Incarnation(incarnation), under}};
  };
  ASSERT_TRUE(self_->writes_at_once());
  const std::size_t completions = CountOf(Event::Kind::kCompletion);
  EXPECT_TRUE(self_->WriteToAll(target(grant, 1), 1, kLine));
  EXPECT_FALSE(self_->WriteToAll(target(GrantOf(2, kPeer), 1), 2, kLine)) << "that nobody has given";
  EXPECT_FALSE(self_->WriteToAll(target(grant, 2), 3, kLine)) << "by a life that is not";
  backend_.Kill(ReplicaId(0));
  backend_.Start({.id = ReplicaId(0), .incarnation = Incarnation(2)});
  EXPECT_FALSE(self_->WriteToAll(target(grant, 1), 1, kLine)) << "the new life has poisoned the old one";
  PollSelfAtOnce();
  EXPECT_EQ(CountOf(Event::Kind::kCompletion), completions) << "nothing tells of them";
}

TEST_F(FaultsTest, WhatAWriteAtOnceHasFoundOutIsKeptNoLongerThanThePath) {
  OpenWithPeer(kPeer, ReplicaId(0));
  const Grant grant = GrantOf(1, kPeer);
  TakeGrant(grant);
  const std::vector target{paxos::WriteTarget{ReplicaId(0), Incarnation(1), grant}};
  constexpr std::uint64_t kFormation = 1;
  ASSERT_TRUE(self_->WriteToAll(target, kFormation, kLine));
  self_->Abandon(ReplicaId(0));
  EXPECT_FALSE(self_->WriteToAll(target, kFormation, kLine)) << "there is no path any more";
  TakeGrant(GrantOf(2, kPeer));
  EXPECT_FALSE(self_->WriteToAll(target, kFormation, kLine)) << "the path there is now is of another grant";
}

TEST_F(FaultsTest, AKilledAcceptorIsNoticedAtTheNextLookAndItsMemoryUntilThen) {
  OpenWithPeer(kPeer, ReplicaId(0));
  const Grant grant = GrantOf(1, kPeer);
  TakeGrant(grant);
  backend_.Kill(ReplicaId(0));
  // The window: time stands still, nobody looks at the socket, and the memory of the dead is still there.
  ASSERT_EQ(self_->Write(ReplicaId(0), grant, Incarnation(1), kLine, 8), Post::kPosted);
  PollSelfAtOnce();
  EXPECT_EQ(LastOutcome(), Outcome::kDone);
  // It ends with the next look: what is posted before it completes first, then the link is down.
  ASSERT_EQ(self_->Write(ReplicaId(0), grant, Incarnation(1), kLine, 9), Post::kPosted);
  PollSelf();
  PollSelf();
  EXPECT_EQ(CountOf(Event::Kind::kLinkDown), 1U);
  EXPECT_EQ(self_->Write(ReplicaId(0), grant, Incarnation(1), kLine, 10), Post::kDown);
}

TEST_F(FaultsTest, ANewLifePoisonsTheOldOneBeforeItsDeathIsNoticed) {
  OpenWithPeer(kPeer, ReplicaId(0));
  const Grant grant = GrantOf(1, kPeer);
  TakeGrant(grant);
  backend_.Kill(ReplicaId(0));
  backend_.Start({.id = ReplicaId(0), .incarnation = Incarnation(2)});
  ASSERT_EQ(self_->Write(ReplicaId(0), grant, Incarnation(1), kLine, 8), Post::kPosted);
  ASSERT_EQ(self_->ReadControl(ReplicaId(0)), Post::kPosted);
  PollSelfAtOnce();
  EXPECT_EQ(LastOutcome(), Outcome::kFenced);
  ASSERT_EQ(CountOf(Event::Kind::kControl), 1U);
  EXPECT_EQ(events_.back().outcome, Outcome::kDown);
  EXPECT_EQ(CountOf(Event::Kind::kLinkDown), 0U);
  EXPECT_TRUE(PollUntil([&] { return LinkedTo(ReplicaId(0), Incarnation(2)); }, {ReplicaId(0)}));
  EXPECT_EQ(CountOf(Event::Kind::kLinkDown), 1U);
}

TEST_F(FaultsTest, AKilledWriterLeavesALogThatCanBeGrantedOn) {
  OpenWithPeer(ReplicaId(0), kPeer);
  recorder_.SetLiveRange(kLine);
  for (std::uint32_t round = 1; round <= 10; ++round) {
    const std::uint64_t before = FirstNumber();
    const Grant grant = {.ballot = paxos::Ballot(round, kPeer, Incarnation(round)), .number = 1};
    self_->GrantTo(kPeer, grant);
    PollSelf();
    backend_.process(kPeer).StartAsking("race " + std::to_string(round) + " 64");
    while (FirstNumber() == before) {
      std::this_thread::yield();
    }
    backend_.Kill(kPeer);
    const std::uint64_t kept = FirstNumber();
    self_->GrantTo(ReplicaId(0), {.ballot = grant.ballot, .number = 2});
    PollSelf();
    EXPECT_EQ(FirstNumber(), kept);
    *reinterpret_cast<std::uint64_t*>(self_->log()) = 0;
    const Incarnation next(round + 1);
    backend_.Start({.id = kPeer, .incarnation = next});
    ASSERT_TRUE(PollUntil([&] { return LinkedTo(kPeer, next); }, {kPeer}));
    for (int i = 0; i < 3; ++i) {
      (void)backend_.process(kPeer).Poll();
    }
  }
}

}  // namespace
}  // namespace gaios::transport::shm

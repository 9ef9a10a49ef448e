// Paths that are lost, stand still and come back, and what was under way on them.

#include <cstdint>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/conformance/suite.h"
#include "tests/transport/fallback/fallback_backend.h"

namespace gaios::transport::fallback {
namespace {

using conformance::Bytes;
using conformance::kAcceptor;
using conformance::kFirstLife;
using conformance::kRival;
using conformance::kWriter;
using conformance::MakeGrant;
using conformance::MakeRange;
using conformance::Pattern;

constexpr std::size_t kBetter = 0;
constexpr std::size_t kWorse = 1;
constexpr std::uint64_t kRoundNs = 20'000;
constexpr std::uint64_t kSettleNs = 2'000'000'000;
constexpr std::uint64_t kStallNs = 50'000'000;
constexpr std::size_t kShortBytes = 300;  // of a datagram without bytes of the log

class FallbackTest : public conformance::ConformanceTest {
 protected:
  void SetUp() override {
    ConformanceTest::SetUp();
    StartGroup();
    paths().BeginLooks();
    // Each by both paths.
    ASSERT_TRUE(PumpUntil([this] {
      for (const ReplicaId id : {kAcceptor, kWriter, kRival}) {
        for (const ReplicaId peer : {kAcceptor, kWriter, kRival}) {
          for (const std::size_t path : {kBetter, kWorse}) {
            if (id != peer && !paths().path(id, path).link_state(peer).up) {
              return false;
            }
          }
        }
      }
      return true;
    }));
  }
  FallbackBackend& paths() { return static_cast<FallbackBackend&>(backend()); }
  FallbackTransport& transport(ReplicaId id) { return paths().transport(id); }

  // Rounds in which so much time passes.
  void PumpFor(std::uint64_t time_ns) {
    for (std::uint64_t passed_ns = 0; passed_ns < time_ns; passed_ns += kRoundNs) {
      Pump();
    }
  }
  // The same in few rounds, each long.
  void LetPass(std::uint64_t time_ns) {
    constexpr std::uint64_t kLong = 2'000'000;
    for (std::uint64_t passed_ns = 0; passed_ns < time_ns; passed_ns += kLong) {
      paths().clock().AdvanceNs(kLong - kRoundNs);
      Pump();
    }
  }
  // The next grant of the acceptor's log to the writer, as its core asks for it, and a probe under it.
  Grant Regrant() {
    const Grant grant = MakeGrant(1, kWriter, ++number_);
    Give(kAcceptor, kWriter, grant);
    EXPECT_EQ(ProbeAndWait(grant), Outcome::kDone);
    return grant;
  }
  // A write of a word into that follower's log.
  Post Probe(ReplicaId follower, Grant grant) {
    return at(kWriter).WriteWord(follower, grant, kFirstLife, LogWord::kProbe, 1, NextToken());
  }
  // Writes go through until one is refused as down.
  bool Refused(Grant grant) {
    return at(kWriter).WriteWord(kAcceptor, grant, kFirstLife, LogWord::kProbe, 1, NextToken()) ==
           Post::kDown;
  }
  // A read of the acceptor's log, as soon as its path takes one; the token.
  std::uint64_t Read(Grant grant) {
    const std::uint64_t token = NextToken();
    constexpr int kRounds = 1'000;
    Post posted = Post::kDown;
    for (int round = 0; round < kRounds && posted != Post::kPosted; ++round) {
      posted = at(kWriter).ReadLog(kAcceptor, grant, kFirstLife, MakeRange(0, 1'000), token);
      Pump();
    }
    EXPECT_EQ(posted, Post::kPosted);
    return token;
  }
  // Short writes, several at a time. False when none of so many is refused.
  bool WriteUntilRefused(Grant grant, std::uint64_t writes) {
    for (std::uint64_t i = 0; i < writes; ++i) {
      const std::uint64_t from = i % 64 * 64;
      const Post posted =
          at(kWriter).Write(kAcceptor, grant, kFirstLife, MakeRange(from, from + 64), NextToken());
      if (posted == Post::kDown) {
        return true;
      }
      if (i % 4 == 0 || posted == Post::kFull) {
        Pump();
      }
    }
    return false;
  }
  void CutBetter() {
    paths().Cut(kBetter, kWriter, kAcceptor);
    ASSERT_TRUE(PumpUntil([this] { return !paths().path(kWriter, kBetter).link_state(kAcceptor).up; }));
  }
  void HealBetter() {
    paths().Heal(kBetter, kWriter, kAcceptor);
    ASSERT_TRUE(PumpUntil([this] {
      return paths().path(kWriter, kBetter).link_state(kAcceptor).up &&
             paths().path(kAcceptor, kBetter).link_state(kWriter).up;
    }));
  }

 private:
  std::uint64_t number_ = 0;
};

TEST_P(FallbackTest, TheBestPathCarriesTheWrites) {
  const Grant grant = Regrant();
  EXPECT_EQ(transport(kWriter).path(kAcceptor), kBetter);
  const Bytes bytes = Pattern(600, 1);
  at(kWriter).FillLog(Position(0), bytes);
  ASSERT_EQ(WriteAndWait(kWriter, grant, MakeRange(0, 600)), Outcome::kDone);
  EXPECT_EQ(at(kAcceptor).LogBytes(MakeRange(0, 600)), bytes);
  EXPECT_EQ(paths().path(kWriter, kWorse).counters().pieces_sent, 0U);
  EXPECT_EQ(transport(kWriter).switches(kAcceptor), 0U);
}

TEST_P(FallbackTest, WhenItsLinkIsDownTheNextPathTakesAnotherGrantAndGoesOn) {
  const Grant grant = Regrant();
  CutBetter();
  EXPECT_TRUE(Refused(grant)) << "the other path has it open, and must not be used under it";
  EXPECT_TRUE(Refused(grant));
  for (const conformance::Event& event : reported(kWriter)) {
    EXPECT_NE(event.kind, conformance::Event::Kind::kLinkDown) << "there is another way";
  }
  const Grant next = Regrant();
  EXPECT_EQ(transport(kWriter).path(kAcceptor), kWorse);
  const Bytes bytes = Pattern(600, 2);
  at(kWriter).FillLog(Position(0), bytes);
  ASSERT_EQ(WriteAndWait(kWriter, next, MakeRange(0, 600)), Outcome::kDone);
  EXPECT_EQ(at(kAcceptor).LogBytes(MakeRange(0, 600)), bytes);
  const std::vector<Switch> switches = transport(kWriter).TakeSwitches();
  ASSERT_EQ(switches.size(), 1U);
  EXPECT_EQ(switches[0].peer, kAcceptor);
  EXPECT_EQ(switches[0].from, kBetter);
  EXPECT_EQ(switches[0].to, kWorse);
  EXPECT_EQ(switches[0].reason, SwitchReason::kLinkDown);
  EXPECT_EQ(transport(kWriter).switches(SwitchReason::kLinkDown), 1U);
  EXPECT_EQ(transport(kWriter).last_switch(kAcceptor), SwitchReason::kLinkDown);
  EXPECT_EQ(transport(kWriter).last_switch(kRival), std::nullopt);
  EXPECT_TRUE(transport(kWriter).TakeSwitches().empty());
}

TEST_P(FallbackTest, APathThatStandsStillIsGivenUpLongBeforeItsLinkIs) {
  const Grant grant = Regrant();
  paths().network(kBetter).SetTap([](auto, auto, const auto&) { return false; });
  const std::uint64_t token = NextToken();
  ASSERT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, MakeRange(0, 64), token), Post::kPosted);
  EXPECT_EQ(AwaitCompletion(kWriter, token).outcome, Outcome::kDown);
  EXPECT_TRUE(paths().path(kWriter, kBetter).link_state(kAcceptor).up);
  EXPECT_TRUE(Refused(grant));
  const Grant next = Regrant();
  EXPECT_EQ(transport(kWriter).path(kAcceptor), kWorse);
  EXPECT_EQ(WriteAndWait(kWriter, next, MakeRange(0, 64)), Outcome::kDone);
  EXPECT_EQ(transport(kWriter).switches(SwitchReason::kStalled), 1U);
}

// Looks, messages and probes pass, and what carries bytes of the log does not: as where the network takes
// short datagrams alone from now on.
TEST_P(FallbackTest, AReadThatStandsStillIsGivenUpToo) {
  const Bytes bytes = Pattern(1'000, 5);
  at(kAcceptor).FillLog(Position(0), bytes);
  const Grant grant = Regrant();
  paths().network(kBetter).SetTap(
      [](auto, auto, const auto& datagram) { return datagram.size() < kShortBytes; });
  const std::uint64_t token = Read(grant);
  EXPECT_EQ(AwaitCompletion(kWriter, token).outcome, Outcome::kDown);
  EXPECT_TRUE(paths().path(kWriter, kBetter).link_state(kAcceptor).up);
  EXPECT_EQ(transport(kWriter).TakeSwitches().size(), 0U) << "not before another grant is used";
  const Grant next = Regrant();
  EXPECT_EQ(transport(kWriter).path(kAcceptor), kWorse);
  EXPECT_EQ(transport(kWriter).switches(SwitchReason::kStalled), 1U);
  EXPECT_EQ(AwaitCompletion(kWriter, Read(next)).outcome, Outcome::kDone);
  EXPECT_EQ(at(kWriter).LogBytes(MakeRange(0, 1'000)), bytes);
}

TEST_P(FallbackTest, ALongWriteThatGoesOnIsNoStall) {
  const Grant grant = Regrant();
  const std::uint64_t begun_ns = paths().clock().NowNs();
  std::uint64_t passed_ns = begun_ns;
  paths().network(kBetter).SetTap([&](auto, auto, const auto& datagram) {
    const std::uint64_t now_ns = paths().clock().NowNs();
    if (datagram.size() < kShortBytes || now_ns - passed_ns < kStallNs / 2) {
      return datagram.size() < kShortBytes;
    }
    passed_ns = now_ns;
    return true;
  });
  const Bytes bytes = Pattern(4'000, 6);
  at(kWriter).FillLog(Position(0), bytes);
  ASSERT_EQ(WriteAndWait(kWriter, grant, MakeRange(0, 4'000)), Outcome::kDone);
  EXPECT_GT(paths().clock().NowNs() - begun_ns, kStallNs * 3 / 2);
  EXPECT_EQ(at(kAcceptor).LogBytes(MakeRange(0, 4'000)), bytes);
  EXPECT_EQ(transport(kWriter).path(kAcceptor), kBetter);
}

// Phase 1 reads before anything is written. A better path that comes back meanwhile does not end it.
TEST_P(FallbackTest, NothingIsGoneBackToBeforeTheGrantWasWrittenUnder) {
  (void)Regrant();
  CutBetter();
  (void)Regrant();
  ASSERT_EQ(transport(kWriter).path(kAcceptor), kWorse);
  const Grant grant = MakeGrant(2, kWriter);
  Give(kAcceptor, kWriter, grant);
  EXPECT_EQ(AwaitCompletion(kWriter, Read(grant)).outcome, Outcome::kDone);
  HealBetter();
  LetPass(3 * kSettleNs);
  const std::uint64_t again = Read(grant);
  ASSERT_FALSE(HasFailure()) << "an election was broken off";
  EXPECT_EQ(AwaitCompletion(kWriter, again).outcome, Outcome::kDone);
  EXPECT_FALSE(Refused(grant));
  PumpFor(1'000'000);
  EXPECT_TRUE(Refused(grant)) << "phase 1 is over";
}

TEST_P(FallbackTest, APathThatLosesTooMuchIsGivenUp) {
  const Grant grant = Regrant();
  paths().SetFaults(kWriter, kBetter, {.seed = 9, .lost = 200});
  EXPECT_TRUE(WriteUntilRefused(grant, 20'000));
  const Grant next = Regrant();
  EXPECT_EQ(transport(kWriter).path(kAcceptor), kWorse);
  EXPECT_EQ(transport(kWriter).switches(SwitchReason::kLossy), 1U);
  EXPECT_FALSE(WriteUntilRefused(next, 2'000));
}

TEST_P(FallbackTest, TwoPathsThatLoseTooMuchDoNotTakeTurns) {
  const Grant grant = Regrant();
  for (const std::size_t path : {kBetter, kWorse}) {
    paths().SetFaults(kWriter, path, {.seed = 9, .lost = 200});
  }
  EXPECT_TRUE(WriteUntilRefused(grant, 20'000));
  const Grant next = Regrant();
  EXPECT_EQ(transport(kWriter).path(kAcceptor), kWorse);
  EXPECT_FALSE(WriteUntilRefused(next, 20'000)) << "the better one is no better";
}

TEST_P(FallbackTest, APathThatLosesLittleIsKept) {
  const Grant grant = Regrant();
  paths().SetFaults(kWriter, kBetter, {.seed = 9, .lost = 20});
  EXPECT_FALSE(WriteUntilRefused(grant, 20'000));
  EXPECT_GT(paths().path(kWriter, kBetter).counters().pieces_lost, 0U);
}

TEST_P(FallbackTest, APathThatLosesTooMuchIsKeptWhileThereIsNoOther) {
  const Grant grant = Regrant();
  paths().Cut(kWorse, kWriter, kAcceptor);
  ASSERT_TRUE(PumpUntil([this] { return !paths().path(kWriter, kWorse).link_state(kAcceptor).up; }));
  paths().SetFaults(kWriter, kBetter, {.seed = 9, .lost = 200});
  EXPECT_FALSE(WriteUntilRefused(grant, 5'000));
}

TEST_P(FallbackTest, APeerThatStandsStillIsNoPathThatDoes) {
  const Grant grant = Regrant();
  for (const std::size_t path : {kBetter, kWorse}) {
    paths().network(path).SetTap([](auto, auto, const auto&) { return false; });
  }
  const std::uint64_t token = NextToken();
  ASSERT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, MakeRange(0, 64), token), Post::kPosted);
  PumpFor(4 * kStallNs);
  for (const std::size_t path : {kBetter, kWorse}) {
    EXPECT_TRUE(paths().path(kWriter, path).link_state(kAcceptor).up) << "nobody has noticed it yet";
    paths().network(path).SetTap({});
  }
  EXPECT_EQ(AwaitCompletion(kWriter, token).outcome, Outcome::kDone);
  EXPECT_EQ(transport(kWriter).path(kAcceptor), kBetter);
}

TEST_P(FallbackTest, AWriterThatDoesNotPollTakesNoPathForStalled) {
  const Grant grant = Regrant();
  const std::uint64_t token = NextToken();
  ASSERT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, MakeRange(0, 64), token), Post::kPosted);
  paths().clock().AdvanceNs(200'000'000);
  EXPECT_EQ(AwaitCompletion(kWriter, token).outcome, Outcome::kDone);
  EXPECT_EQ(transport(kWriter).path(kAcceptor), kBetter);
}

// What this is all about: datagrams of writes by the better path are kept on their way, the writes are done
// again by the worse one and followed by others at the same places, and then what was kept arrives.
TEST_P(FallbackTest, LateWritesOfTheAbandonedPathDoNotChangeTheLog) {
  const Grant grant = Regrant();
  using Late = std::tuple<udp::Endpoint, udp::Endpoint, std::vector<std::byte>>;
  std::vector<Late> late;
  paths().network(kBetter).SetTap(
      [&late](udp::Endpoint from, udp::Endpoint to, const std::vector<std::byte>& bytes) {
        late.emplace_back(from, to, bytes);
        return false;
      });
  at(kWriter).FillLog(Position(0), Pattern(1'000, 3));
  const std::uint64_t token = NextToken();
  ASSERT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, MakeRange(0, 1'000), token), Post::kPosted);
  const std::uint64_t word = NextToken();
  ASSERT_EQ(at(kWriter).WriteWord(kAcceptor, grant, kFirstLife, LogWord::kCommit, 1'000, word),
            Post::kPosted);
  ASSERT_EQ(AwaitCompletion(kWriter, token).outcome, Outcome::kDown);
  const Grant next = Regrant();
  const Bytes bytes = Pattern(1'000, 4);
  at(kWriter).FillLog(Position(0), bytes);
  ASSERT_EQ(WriteAndWait(kWriter, next, MakeRange(0, 1'000)), Outcome::kDone);
  ASSERT_GT(late.size(), 0U);
  paths().network(kBetter).SetTap({});
  for (auto& [from, to, datagram] : late) {
    paths().network(kBetter).Deliver(from, to, std::move(datagram));
  }
  PumpFor(2'000'000);
  EXPECT_EQ(at(kAcceptor).LogBytes(MakeRange(0, 1'000)), bytes);
  EXPECT_EQ(at(kAcceptor).ReadLogWord(LogWord::kCommit), 0U);
  EXPECT_GT(paths().path(kAcceptor, kBetter).counters().writes_fenced, 0U) << "none of them arrived";
}

TEST_P(FallbackTest, TheBetterPathIsGoneBackToWhenItHasBeenBackForAWhile) {
  (void)Regrant();
  CutBetter();
  Grant grant = Regrant();
  ASSERT_EQ(transport(kWriter).path(kAcceptor), kWorse);
  HealBetter();
  LetPass(kSettleNs / 2);
  EXPECT_FALSE(Refused(grant)) << "too early";
  LetPass(kSettleNs);
  EXPECT_TRUE(Refused(grant));
  grant = Regrant();
  EXPECT_EQ(transport(kWriter).path(kAcceptor), kBetter);
  EXPECT_EQ(transport(kWriter).switches(SwitchReason::kBetterAgain), 1U);
  LetPass(3 * kSettleNs);
  EXPECT_FALSE(Refused(grant));
}

// The leader's followers are the acceptor and the rival: when the better network heals both links would go
// back in one look, and nobody would acknowledge anything.
TEST_P(FallbackTest, OneLinkAtATimeIsGoneBackToTheBetterPath) {
  std::uint64_t number = 0;
  const auto grant = [&](ReplicaId from) {
    const Grant next = MakeGrant(1, kWriter, ++number);
    Give(from, kWriter, next);
    EXPECT_EQ(PostWhenGranted([&] { return Probe(from, next); }), Post::kPosted);
    return next;
  };
  const auto over = [&](ReplicaId from, Grant held) { return Probe(from, held) == Post::kDown; };
  for (const ReplicaId follower : {kAcceptor, kRival}) {
    (void)grant(follower);
    paths().Cut(kBetter, kWriter, follower);
  }
  ASSERT_TRUE(PumpUntil([this] {
    return !transport(kWriter).up(kAcceptor, kBetter) && !transport(kWriter).up(kRival, kBetter);
  }));
  Grant of_acceptor = grant(kAcceptor);
  Grant of_rival = grant(kRival);
  ASSERT_EQ(transport(kWriter).path(kAcceptor), kWorse);
  ASSERT_EQ(transport(kWriter).path(kRival), kWorse);
  for (const ReplicaId follower : {kAcceptor, kRival}) {
    paths().Heal(kBetter, kWriter, follower);
  }
  ASSERT_TRUE(PumpUntil([this] {
    return transport(kWriter).up(kAcceptor, kBetter) && transport(kWriter).up(kRival, kBetter);
  }));
  LetPass(kSettleNs * 5 / 4);
  ASSERT_TRUE(over(kAcceptor, of_acceptor));
  EXPECT_FALSE(over(kRival, of_rival)) << "while the acceptor's has not been given again";
  LetPass(kSettleNs / 4);
  EXPECT_FALSE(over(kRival, of_rival));
  of_acceptor = grant(kAcceptor);
  EXPECT_EQ(transport(kWriter).path(kAcceptor), kBetter);
  PumpFor(1'000'000);
  EXPECT_TRUE(over(kRival, of_rival)) << "now it is its turn";
  EXPECT_FALSE(over(kAcceptor, of_acceptor));
  of_rival = grant(kRival);
  EXPECT_EQ(transport(kWriter).path(kRival), kBetter);
  EXPECT_EQ(transport(kWriter).switches(SwitchReason::kBetterAgain), 2U);
}

TEST_P(FallbackTest, AFollowerThatGrantsNoMoreDoesNotKeepTheOthersOnTheWorsePath) {
  const Grant first = MakeGrant(1, kWriter, 1);
  Give(kRival, kWriter, first);
  EXPECT_EQ(PostWhenGranted([&] { return Probe(kRival, first); }), Post::kPosted);
  (void)Regrant();
  CutBetter();
  const Grant grant = Regrant();
  ASSERT_EQ(transport(kWriter).path(kAcceptor), kWorse);
  HealBetter();
  LetPass(kSettleNs * 3 / 4);
  at(kWriter).Abandon(kRival);  // and it is not asked again
  LetPass(kSettleNs / 2);
  EXPECT_FALSE(Refused(grant));
  LetPass(kSettleNs);
  EXPECT_TRUE(Refused(grant));
}

TEST_P(FallbackTest, AReturnThatDidNotLastIsMadeLaterTheNextTime) {
  (void)Regrant();
  CutBetter();
  Grant grant = Regrant();
  std::uint64_t settle_ns = kSettleNs;
  for (int times = 0; times < 3; ++times) {
    HealBetter();
    LetPass(settle_ns * 3 / 4);
    EXPECT_FALSE(Refused(grant)) << times;
    LetPass(settle_ns / 2);
    EXPECT_TRUE(Refused(grant)) << times;
    (void)Regrant();
    ASSERT_EQ(transport(kWriter).path(kAcceptor), kBetter);
    CutBetter();
    grant = Regrant();
    ASSERT_EQ(transport(kWriter).path(kAcceptor), kWorse);
    settle_ns *= 2;
  }
}

TEST_P(FallbackTest, TheRivalsGrantFencesBothPaths) {
  const Grant grant = Regrant();
  CutBetter();
  const Grant by_worse = Regrant();
  const Grant rival = MakeGrant(2, kRival);
  Give(kAcceptor, kRival, rival);
  for (const Grant& old : {grant, by_worse}) {
    const std::uint64_t token = NextToken();
    const Post posted = at(kWriter).Write(kAcceptor, old, kFirstLife, MakeRange(0, 64), token);
    if (posted == Post::kPosted) {
      EXPECT_EQ(AwaitCompletion(kWriter, token).outcome, Outcome::kFenced);
    } else {
      EXPECT_EQ(posted, Post::kDown);
    }
  }
}

TEST_P(FallbackTest, MessagesAndLooksGoOnWhileOnePathIsSilent) {
  (void)Regrant();
  paths().network(kBetter).SetTap([](auto, auto, const auto&) { return false; });
  at(kAcceptor).Publish(ControlWord::kCommit, 77);
  at(kAcceptor).Send(kWriter, Pattern(40, 1));
  Await(kWriter, "the message",
        [](const conformance::Event& event) { return event.kind == conformance::Event::Kind::kMessage; });
  const conformance::Event look = LookAt(kWriter, kAcceptor);
  EXPECT_EQ(look.outcome, Outcome::kDone);
  EXPECT_EQ(look.control.word(ControlWord::kCommit), 77U);
  EXPECT_TRUE(paths().path(kWriter, kBetter).link_state(kAcceptor).up) << "nobody has noticed it yet";
}

TEST_P(FallbackTest, APeerThatComesBackByTheWorsePathFirstIsItsNewLifeOnBoth) {
  (void)Regrant();
  paths().Cut(kBetter, kWriter, kAcceptor);
  Kill(kAcceptor);
  Start({.id = kAcceptor, .incarnation = conformance::kSecondLife});
  AwaitLink(kWriter, kAcceptor, conformance::kSecondLife);
  Forget(kWriter);
  HealBetter();
  PumpFor(2'000'000);
  for (const conformance::Event& event : reported(kWriter)) {
    EXPECT_NE(event.kind, conformance::Event::Kind::kLinkUp) << "told once";
    EXPECT_NE(event.kind, conformance::Event::Kind::kLinkDown);
  }
}

TEST_P(FallbackTest, TheLinkIsDownWhenBothPathsAre) {
  CutBetter();
  paths().Cut(kWorse, kWriter, kAcceptor);
  Await(kWriter, "the end of the link", [](const conformance::Event& event) {
    return event.kind == conformance::Event::Kind::kLinkDown && event.peer == kAcceptor;
  });
  EXPECT_EQ(at(kWriter).ReadControl(kAcceptor), Post::kDown);
}

INSTANTIATE_TEST_SUITE_P(
    Udp, FallbackTest,
    testing::Values(conformance::BackendFactory{
        .name = "udp", .make = [] { return std::make_unique<FallbackBackend>(FallbackBackendOptions()); }}),
    conformance::NameOf);

}  // namespace
}  // namespace gaios::transport::fallback

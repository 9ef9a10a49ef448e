// When a follower suspects its leader: silence that it has seen, and no other.

#include "gaios/paxos/election.h"

#include <gtest/gtest.h>

#include "tests/paxos/ring.h"

namespace gaios::paxos {
namespace {

constexpr ReplicaId kLeader{0};
constexpr ReplicaId kSelf{1};
constexpr ReplicaId kOther{2};
constexpr TimeNs kMs = 1'000'000;
// How long after a no it asks again at the earliest, when it did not ask before its wait was over.
constexpr TimeNs kRestAfterANo = 5 * kMs;

class ElectionTest : public ::testing::Test {
 protected:
  explicit ElectionTest(std::size_t replicas = 3, TimeNs jitter_ns = Options().election_jitter_ns)
      : state_(MakeOptions(replicas, jitter_ns), ring_.memory.data(), nullptr), election_(state_) {
    state_.now = 1000 * kMs;
    for (std::size_t i = 0; i < replicas; ++i) {
      state_.peers[i].link_up = i != kSelf.value();
      state_.peers[i].incarnation = Incarnation(1);
    }
    Beat();  // the first look at its control region tells nothing yet
    Beat();
  }
  static Options MakeOptions(std::size_t replicas, TimeNs jitter_ns) {
    Options options;
    options.election_jitter_ns = jitter_ns;
    options.self = kSelf;
    options.group = kGroup;
    options.configuration = Configuration::Bootstrap(replicas);
    options.capacity_bytes = kRingBytes;
    return options;
  }
  void Beat() { election_.OnControl(kLeader, MakeBallot(1, kLeader.value()), ++beats_); }
  // Time goes by, in turns of a millisecond.
  // It asks, all others say no, and it has just asked for the second time.
  void FailOnceAndAskAgain() {
    while (!Asked()) {
      Run(kMs);
    }
    SayNo();
    SayNo(kLeader);
    while (state_.elections.asked == 1) {
      Run(kMs);
    }
  }
  void Run(TimeNs ns) {
    for (const TimeNs end = state_.now + ns; state_.now < end; state_.now += kMs) {
      static_cast<void>(election_.Tick(Ballot()));
      for (const Action& action : state_.actions.list()) {
        if (action.kind == ActionKind::kSend &&
            state_.actions.message(action).kind == MessageKind::kPreVote) {
          question_ = state_.actions.message(action).grant;
        }
      }
      state_.actions.Clear();
    }
  }
  // What `from` answers to the latest question.
  void SayNo(ReplicaId from = kOther) {
    Message no;
    no.kind = MessageKind::kReject;
    no.grant = question_;
    election_.OnReject(from, no);
  }
  bool SayYes(ReplicaId from) {
    Message yes;
    yes.kind = MessageKind::kPreVoteReply;
    yes.grant = question_;
    election_.OnPreVoteReply(from, yes);
    return election_.won();
  }
  bool SaysYesTo(ReplicaId candidate) {
    Message question;
    question.kind = MessageKind::kPreVote;
    question.grant = {MakeBallot(2, candidate.value()), 0};
    question.commit = state_.commit.position;
    state_.actions.Clear();
    election_.OnPreVote(candidate, question, Ballot());
    const bool yes = state_.actions.message(state_.actions.list().front()).kind == MessageKind::kPreVoteReply;
    state_.actions.Clear();
    return yes;
  }
  // Whether it has begun to ask for votes.
  [[nodiscard]] bool Asked() const { return state_.elections.asked > 0; }

  Ring ring_;
  State state_;
  Election election_;
  std::uint64_t beats_ = 0;
  Grant question_;
};

TEST_F(ElectionTest, ASilentLeaderIsSuspected) {
  Run(90 * kMs);
  EXPECT_FALSE(Asked());
  Run(40 * kMs);
  EXPECT_TRUE(Asked());
}

TEST_F(ElectionTest, OneThatHasBeenSeenToPauseIsGivenLonger) {
  Run(80 * kMs);
  Beat();
  EXPECT_EQ(election_.silence_limit(), 240 * kMs);
  Run(230 * kMs);
  EXPECT_FALSE(Asked());
  Run(40 * kMs);
  EXPECT_TRUE(Asked());
}

TEST_F(ElectionTest, AnotherLeadersBeatTellsNothingOfThePausesOfThisOne) {
  Run(80 * kMs);
  state_.peers[kOther.value()].seen = true;
  election_.OnControl(kOther, MakeBallot(2, kOther.value()), 1);
  EXPECT_EQ(election_.silence_limit(), 100 * kMs);
}

TEST_F(ElectionTest, WhatAnEarlierLifeOfItLeftIsNoBeat) {
  state_.peers[kLeader.value()].incarnation = Incarnation(2);
  for (int i = 0; i < 13; ++i) {
    Run(10 * kMs);
    Beat();  // as its first life
  }
  EXPECT_TRUE(Asked());
}

TEST_F(ElectionTest, TheOwnPauseIsNobodysSilence) {
  Run(50 * kMs);
  state_.now += 400 * kMs;
  state_.own_pause_ns = 395 * kMs;  // as Replica::Tick says
  static_cast<void>(election_.Tick(Ballot()));
  state_.own_pause_ns = 0;
  state_.actions.Clear();
  Run(30 * kMs);  // to look once more
  EXPECT_FALSE(Asked());
  Beat();
  EXPECT_EQ(election_.silence_limit(), TimeNs{3} * 85 * kMs)
      << "of 480 ms that went by it saw 80, and a heartbeat's length";
  Run(300 * kMs);
  EXPECT_TRUE(Asked());
}

TEST_F(ElectionTest, OneThatHasSentAPrepareAloneIsGivenNoLonger) {
  Run(80 * kMs);
  Beat();
  ASSERT_EQ(election_.silence_limit(), 240 * kMs);
  election_.OnPrepare(kOther);
  Run(130 * kMs);
  EXPECT_TRUE(Asked());
}

TEST_F(ElectionTest, TheTimeUntilItsFirstBeatIsNoPauseOfALeader) {
  election_.OnPrepare(kLeader);
  Run(90 * kMs);
  Beat();
  EXPECT_EQ(election_.silence_limit(), 100 * kMs);
}

TEST_F(ElectionTest, OneThatCouldNotWriteLetsOthersTryFirst) {
  election_.OnStepDown(1000 * kMs);
  Run(900 * kMs);
  EXPECT_FALSE(Asked());
  Run(200 * kMs);
  EXPECT_TRUE(Asked());
}

TEST_F(ElectionTest, ANoOfTheOnlyOneThatCanBeReachedIsNotWaitedOn) {
  Run(110 * kMs);
  state_.peers[kLeader.value()].link_up = false;
  Run(20 * kMs);
  ASSERT_EQ(state_.elections.asked, 1U);
  SayNo();
  Run(30 * kMs);
  EXPECT_EQ(state_.elections.asked, 2U) << "not only when the election timeout is over";
}

TEST_F(ElectionTest, TheNextInLineAsksAsSoonAsALeaderIsSilent) {
  while (!election_.awaiting()) {
    Run(kMs);
  }
  EXPECT_TRUE(Asked());
}

TEST_F(ElectionTest, OneBehindAnotherWaitsForASilentLeaderToo) {
  state_.leader = kOther;  // 0 can be reached, and goes first
  while (!election_.awaiting()) {
    Run(kMs);
  }
  EXPECT_FALSE(Asked());
  while (!Asked()) {
    Run(kMs);
  }
  state_.peers[kOther.value()].heartbeat_ballot = MakeBallot(1, kOther.value());
  SayNo(kLeader);
  Run(kRestAfterANo);
  EXPECT_EQ(state_.elections.asked, 1U);
  Run(15 * kMs);
  EXPECT_EQ(state_.elections.asked, 2U) << "though the link to the leader is up, and it may answer";
}

TEST_F(ElectionTest, OneThatLeadsNoMoreMayAgree) {
  while (!Asked()) {
    Run(kMs);
  }
  state_.peers[kLeader.value()].heartbeat_ballot = Ballot();  // it has stepped down
  SayNo();
  EXPECT_TRUE(SayYes(kLeader));
}

class ElectionOfFiveTest : public ElectionTest {
 protected:
  ElectionOfFiveTest() : ElectionTest(5) {}
};

TEST_F(ElectionOfFiveTest, ANoBesideOneThatIsSilentIsAskedAgain) {
  while (!Asked()) {
    Run(kMs);
  }
  EXPECT_FALSE(SayYes(ReplicaId(2)));
  SayNo(ReplicaId(3));  // has not found out yet; 4 says nothing, and could make three
  Run(2 * kMs);
  ASSERT_EQ(state_.elections.asked, 2U);
  EXPECT_FALSE(SayYes(ReplicaId(2)));
  EXPECT_TRUE(SayYes(ReplicaId(3)));
}

TEST_F(ElectionOfFiveTest, ALifeThatDoesNotCountIsNotWaitedFor) {
  state_.leader = kOther;  // 0 can be reached, and goes first: this one does not ask early
  state_.peers[kOther.value()].heartbeat_ballot = MakeBallot(1, kOther.value());
  state_.peers[4].incarnation = Incarnation(2);  // filled, and no voter yet
  while (!Asked()) {
    Run(kMs);
  }
  EXPECT_FALSE(SayYes(ReplicaId(3)));
  SayNo(kLeader);
  Run(20 * kMs);
  EXPECT_EQ(state_.elections.asked, 2U) << "not only when the election timeout is over";
}

TEST_F(ElectionTest, ALeaderThatIsSilentIsNotWaitedFor) {
  while (!Asked()) {
    Run(kMs);
  }
  SayNo();  // it has not found out yet
  Run(2 * kMs);
  EXPECT_EQ(state_.elections.asked, 2U) << "though the link to the leader is up, and it may answer";
}

// ---- a leader that is gone

class LeaderIsGoneTest : public ElectionTest {
 protected:
  LeaderIsGoneTest() {
    Run(5 * kMs);
    state_.peers[kLeader.value()].link_up = false;
  }
};

TEST_F(LeaderIsGoneTest, TheNextInLineAsksAtOnce) {
  Run(kMs);
  EXPECT_TRUE(Asked());
  EXPECT_TRUE(election_.awaiting());
}

TEST_F(LeaderIsGoneTest, OneBehindAnotherThatCanBeReachedWaits) {
  state_.peers[3].link_up = false;
  state_.leader = kOther;  // 0 can be reached, and goes first
  state_.peers[kLeader.value()].link_up = true;
  state_.peers[kOther.value()].link_up = false;
  Run(kMs);
  EXPECT_FALSE(Asked());
  EXPECT_TRUE(election_.awaiting());
  Run(20 * kMs);
  EXPECT_TRUE(Asked());
}

TEST_F(LeaderIsGoneTest, WhoStandsAsideWaitsAlthoughItIsTheNext) {
  state_.drained = true;
  Run(20 * kMs);
  EXPECT_FALSE(Asked());
}

// Its place in line alone is a wait of 114 ms.
class LongWaitTest : public ElectionTest {
 protected:
  LongWaitTest() : ElectionTest(3, 1600 * kMs) {}
};

TEST_F(LongWaitTest, ANoToOneThatAskedAtOnceMakesItAskAgainSoon) {
  Run(5 * kMs);
  state_.peers[kLeader.value()].link_up = false;
  Run(kMs);
  ASSERT_EQ(state_.elections.asked, 1U);
  SayNo();  // the other has not seen it yet
  Run(98 * kMs);
  EXPECT_EQ(state_.elections.asked, 1U);
  Run(5 * kMs);
  EXPECT_EQ(state_.elections.asked, 2U) << "a sixteenth of the jitter later";
  EXPECT_FALSE(SaysYesTo(kOther)) << "it still goes first: it has not failed";
}

TEST_F(LeaderIsGoneTest, OneThatIsAlwaysToldNoAsksForTheUsualWaitAndThenLetsOthersTry) {
  Run(kMs);
  std::uint64_t asked = 0;
  while (state_.elections.asked != asked) {
    asked = state_.elections.asked;
    ASSERT_LE(asked, 9U) << "its place in line and the longest of chances are 6.4 ms";
    SayNo();
    Run(2 * kMs);
  }
  EXPECT_LE(state_.now - state_.failover.suspected_ns, 9 * kMs);
  while (state_.elections.asked == asked) {
    Run(kMs);
  }
  EXPECT_FALSE(SaysYesTo(kOther)) << "it has just asked";
  Run(2 * kMs);
  EXPECT_TRUE(SaysYesTo(kOther)) << "while its own question is open: it has had its turn";
}

TEST_F(LeaderIsGoneTest, ALateNoIsNoneToTheNextQuestion) {
  Run(kMs);
  const Grant first = question_;
  SayNo();
  Run(2 * kMs);
  ASSERT_EQ(state_.elections.asked, 2U);
  ASSERT_NE(question_, first);
  Message late;
  late.kind = MessageKind::kReject;
  late.grant = first;
  election_.OnReject(kOther, late);
  EXPECT_TRUE(SayYes(kOther));
}

TEST_F(LeaderIsGoneTest, OneThatStandsAsideIsNotWaitedFor) {
  state_.leader = kOther;
  state_.peers[kLeader.value()].link_up = true;  // goes first by its id
  state_.peers[kLeader.value()].stands_aside = true;
  state_.peers[kOther.value()].link_up = false;
  Run(kMs);
  EXPECT_TRUE(Asked());
}

TEST_F(LeaderIsGoneTest, AnEarlyQuestionThatNobodyAnswersIsForgotten) {
  Run(kMs);
  ASSERT_EQ(state_.elections.asked, 1U);
  Run(125 * kMs);
  ASSERT_EQ(state_.elections.asked, 2U) << "after the election timeout, and a wait";
  SayNo();
  Run(kRestAfterANo);
  EXPECT_EQ(state_.elections.asked, 2U);
  Run(15 * kMs);
  EXPECT_EQ(state_.elections.asked, 3U);
}

TEST_F(LeaderIsGoneTest, AnEarlyQuestionOfOneThatGaveWayIsForgotten) {
  state_.peers[kLeader.value()].link_up = true;
  election_.OnStepDown(0);  // it has failed, so it gives way
  Run(kMs);
  state_.peers[kLeader.value()].link_up = false;
  Run(kMs);
  ASSERT_EQ(state_.elections.asked, 1U);
  Run(2 * kMs);
  ASSERT_TRUE(SaysYesTo(kOther));
  Run(15 * kMs);
  ASSERT_EQ(state_.elections.asked, 2U);
  SayNo();
  Run(kRestAfterANo);
  EXPECT_EQ(state_.elections.asked, 2U);
  Run(15 * kMs);
  EXPECT_EQ(state_.elections.asked, 3U);
}

TEST_F(LeaderIsGoneTest, NobodyStaysAwakeForAnElectionThatDoesNotComeAbout) {
  Run(kMs);
  for (int i = 0; i < 20; ++i) {
    SayNo();
    Run(10 * kMs);
  }
  EXPECT_FALSE(election_.awaiting());
}

// ---- who goes first

TEST_F(ElectionTest, OneThatHasSaidYesGivesWay) {
  Run(99 * kMs);
  ASSERT_FALSE(Asked());
  state_.now += 3 * kMs;
  EXPECT_TRUE(SaysYesTo(kOther));
  EXPECT_FALSE(SaysYesTo(kLeader)) << "to one at a time";
  EXPECT_TRUE(SaysYesTo(kOther)) << "that asks again";
  Run(8 * kMs);
  EXPECT_FALSE(Asked());
  Run(20 * kMs);
  EXPECT_TRUE(Asked()) << "when the other did not get on";
}

TEST_F(ElectionTest, OneThatDoesNotGetOnIsGivenWayOnce) {
  Run(99 * kMs);
  state_.now += 3 * kMs;
  EXPECT_TRUE(SaysYesTo(kOther));
  for (int i = 0; i < 8; ++i) {
    Run(4 * kMs);
    static_cast<void>(SaysYesTo(kOther));
  }
  EXPECT_TRUE(Asked());
}

// Found by counting elections that were begun and not won: it said yes to both.
TEST_F(ElectionTest, OneThatAsksAgainIsGivenWayForAMoment) {
  Run(99 * kMs);
  state_.now += 3 * kMs;
  ASSERT_TRUE(SaysYesTo(kOther));
  state_.now += 10 * kMs;
  ASSERT_TRUE(SaysYesTo(kOther)) << "again";
  EXPECT_FALSE(SaysYesTo(kLeader));
  EXPECT_FALSE(election_.Tick(Ballot()));
  EXPECT_FALSE(Asked()) << "not itself either";
  state_.now += 2 * kMs;
  EXPECT_TRUE(SaysYesTo(kLeader));
}

TEST_F(ElectionTest, WhoIsAskedAgainByOneThatGoesFirstAsksNoMoreItself) {
  Run(99 * kMs);
  state_.now += 3 * kMs;
  ASSERT_TRUE(SaysYesTo(kLeader));
  while (!Asked()) {
    Run(kMs);
  }
  EXPECT_TRUE(SaysYesTo(kLeader)) << "again";
  EXPECT_FALSE(SayYes(kOther)) << "it has given way";
  Run(15 * kMs);
  EXPECT_EQ(state_.elections.asked, 2U);
}

// Found by review: where words take longer than the moment in which it says no, both stopped for the other,
// for ever.
TEST_F(ElectionTest, WhoGoesFirstAsksOnThoughItSaysYesAgain) {
  Run(99 * kMs);
  state_.now += 3 * kMs;
  ASSERT_TRUE(SaysYesTo(kOther));
  FailOnceAndAskAgain();
  state_.now += 2 * kMs;
  EXPECT_TRUE(SaysYesTo(kOther)) << "it has failed, and does not stand in the way";
  EXPECT_TRUE(SayYes(kOther));
}

// Of two that have failed one must go first too, or each gives way to the other, or both begin.
TEST_F(ElectionTest, OneThatHasFailedGoesFirstForAMomentAfterItHasAsked) {
  Run(130 * kMs);
  ASSERT_TRUE(Asked());
  const std::uint64_t asked = state_.elections.asked;
  SayNo();
  SayNo(kLeader);
  while (state_.elections.asked == asked) {
    Run(kMs);
  }
  EXPECT_FALSE(SaysYesTo(kOther));
  EXPECT_TRUE(SayYes(kOther));
}

// It stood still meanwhile, and another was elected: the other's word is behind the yes.
TEST_F(ElectionTest, AYesIsForgottenWhenAnotherLeads) {
  Run(130 * kMs);
  ASSERT_TRUE(SayYes(kOther));
  election_.OnPrepare(kLeader);
  EXPECT_FALSE(election_.won());
}

TEST_F(ElectionTest, OneThatHasWonAndThenSaysYesToAnotherGivesItUp) {
  Run(99 * kMs);
  state_.now += 3 * kMs;
  ASSERT_TRUE(SaysYesTo(kOther));
  FailOnceAndAskAgain();
  state_.now += 2 * kMs;
  ASSERT_TRUE(SayYes(kLeader));
  ASSERT_TRUE(SaysYesTo(kOther)) << "with nobody's word that is younger";
  EXPECT_FALSE(election_.won());
}

TEST_F(ElectionTest, OneThatIsWithdrawnWinsNothing) {
  Run(130 * kMs);
  state_.withdrawn = true;
  EXPECT_FALSE(SayYes(kOther));
}

TEST_F(ElectionTest, OfTwoThatAskEachOtherTheLowerIdGoesFirst) {
  Run(130 * kMs);
  ASSERT_TRUE(Asked());
  EXPECT_FALSE(SaysYesTo(kOther));
  EXPECT_TRUE(SaysYesTo(kLeader));
  EXPECT_FALSE(SayYes(kOther)) << "it has given way";
}

TEST_F(ElectionTest, ACandidateSaysNo) {
  Run(130 * kMs);
  state_.role = Role::kCandidate;
  EXPECT_FALSE(SaysYesTo(kLeader));
}

TEST_F(ElectionTest, OneThatIsDrainedAsksASuspectTimeoutLater) {
  state_.drained = true;
  Run(200 * kMs);
  EXPECT_FALSE(Asked());
  Run(60 * kMs);
  EXPECT_TRUE(Asked());
}

TEST_F(ElectionTest, OneThatIsDrainedSaysYesToAnyLaterId) {
  Run(130 * kMs);
  ASSERT_TRUE(Asked());
  EXPECT_FALSE(SaysYesTo(kOther)) << "of two that ask each other the lower id goes first";
  state_.drained = true;
  EXPECT_TRUE(SaysYesTo(kOther));
}

TEST_F(ElectionTest, WhoStandsAsideSaysSoInThePlaceOfBeats) {
  state_.peers[kOther.value()].seen = true;
  election_.OnControl(kOther, Ballot(), kStandsAsideCounter);
  EXPECT_TRUE(state_.peers[kOther.value()].stands_aside);
  EXPECT_EQ(state_.leader, kLeader) << "it is no beat";
  election_.OnControl(kOther, MakeBallot(2, kOther.value()), kStandsAsideCounter);
  EXPECT_FALSE(state_.peers[kOther.value()].stands_aside) << "of a leader it is a beat like any";
  election_.OnControl(kOther, Ballot(), 17);
  EXPECT_FALSE(state_.peers[kOther.value()].stands_aside);
}

TEST(OptionsTest, AHigherPriorityGoesFirstAndOfEqualOnesTheLowerId) {
  Options options;
  options.self = ReplicaId(1);
  EXPECT_EQ(options.Rank(), 1U) << "as long as all are equal, the id";
  options.priorities[4] = 9;
  EXPECT_EQ(options.Rank(), 2U);
  options.priorities[1] = 9;
  EXPECT_EQ(options.Rank(), 0U);
  EXPECT_TRUE(options.GoesFirst(ReplicaId(1), ReplicaId(4)));
  EXPECT_TRUE(options.GoesFirst(ReplicaId(4), ReplicaId(0)));
  EXPECT_FALSE(options.GoesFirst(ReplicaId(3), ReplicaId(0)));
}

}  // namespace
}  // namespace gaios::paxos

#include "gaios/paxos/follower_reads.h"

#include <vector>

#include <gtest/gtest.h>

#include "tests/paxos/ring.h"

namespace gaios::paxos {
namespace {

constexpr ReplicaId kLeader{0};
constexpr ReplicaId kSelf{1};
constexpr ReplicaId kOther{2};

class FollowerReadsTest : public ::testing::Test {
 protected:
  explicit FollowerReadsTest(std::size_t replicas = 3, std::uint32_t incarnation = 1)
      : state_(MakeOptions(replicas, incarnation), ring_.memory.data(), nullptr), reads_(state_) {
    state_.now = 1;
    state_.commit.position = Position(128);
    state_.commit.ballot = ballot_;  // its ballot record, or an entry behind it
    for (std::size_t i = 0; i < replicas; ++i) {
      state_.peers[i].link_up = i != kSelf.value();
      state_.peers[i].incarnation = Incarnation(1);
    }
  }

  static Options MakeOptions(std::size_t replicas, std::uint32_t incarnation) {
    Options options;
    options.self = kSelf;
    options.incarnation = Incarnation(incarnation);
    options.group = kGroup;
    options.configuration = Configuration::Bootstrap(replicas);
    options.capacity_bytes = kRingBytes;
    return options;
  }

  // Asks, and begins the round.
  std::uint64_t AskAndBegin() {
    const std::optional<std::uint64_t> round = reads_.Start(ballot_);
    EXPECT_TRUE(round.has_value());
    EXPECT_TRUE(reads_.wants_round());
    reads_.Begin();
    return round.value_or(0);
  }

  // Whose control regions are to be read.
  std::vector<ReplicaId> Posted() {
    std::vector<ReplicaId> posted;
    for (const Action& action : state_.actions.list()) {
      EXPECT_EQ(action.kind, ActionKind::kReadControl);
      posted.push_back(action.peer);
    }
    state_.actions.Clear();
    return posted;
  }

  void Answer(ReplicaId peer, Ballot promised, std::uint64_t commit) {
    ++state_.control_reads[peer.value()].answered;
    ControlWords words;
    words.incarnation = Incarnation(1);
    words.promised = {promised, 1};
    words.commit = Position(commit);
    reads_.OnControl(peer, words);
  }
  void Fail(ReplicaId peer) {
    ++state_.control_reads[peer.value()].answered;
    reads_.OnControlFailed(peer);
  }

  Ring ring_;
  State state_;
  FollowerReads reads_;
  const Ballot ballot_ = MakeBallot(3, kLeader.value());
  const Ballot higher_ = MakeBallot(4, kOther.value());
};

TEST_F(FollowerReadsTest, TheLeadersCommitAndAMajorityConfirm) {
  const std::uint64_t round = AskAndBegin();
  EXPECT_EQ(Posted(), (std::vector<ReplicaId>{kLeader, kOther}));
  Answer(kOther, ballot_, 0);
  EXPECT_LT(reads_.confirmed(), round);  // two of three promise, and nobody said how far the leader is
  Answer(kLeader, ballot_, 512);
  EXPECT_EQ(reads_.confirmed(), round);
  EXPECT_EQ(reads_.index(), Position(512));
  EXPECT_FALSE(reads_.wants_round());
}

TEST_F(FollowerReadsTest, OnlyAFollowerThatKnowsItsLeadersRecordToBeCommittedTakesReads) {
  EXPECT_FALSE(reads_.Start(Ballot()).has_value());
  EXPECT_FALSE(reads_.Start(higher_).has_value());  // promised, and nothing of it is committed here
  EXPECT_FALSE(reads_.Start(MakeBallot(3, kSelf.value())).has_value());
  state_.commit.ballot = MakeBallot(3, kSelf.value());
  EXPECT_FALSE(reads_.Start(state_.commit.ballot).has_value());  // granted to itself
  state_.commit.ballot = ballot_;
  for (const Role role : {Role::kLearner, Role::kCandidate, Role::kLeader}) {
    state_.role = role;
    EXPECT_FALSE(reads_.Start(ballot_).has_value());
  }
  state_.role = Role::kFollower;
  state_.peers[kLeader.value()].link_up = false;
  EXPECT_FALSE(reads_.Start(ballot_).has_value());
  state_.peers[kLeader.value()].link_up = true;
  state_.peers[kLeader.value()].incarnation = Incarnation(2);  // another life than the one that leads
  EXPECT_FALSE(reads_.Start(ballot_).has_value());
  state_.peers[kLeader.value()].incarnation = Incarnation(1);
  state_.withdrawn = true;
  EXPECT_FALSE(reads_.Start(ballot_).has_value());
  state_.withdrawn = false;
  EXPECT_TRUE(reads_.Start(ballot_).has_value());
}

TEST_F(FollowerReadsTest, AnAnswerToAReadThatWasPostedBeforeTheRoundBeganDoesNotCount) {
  state_.ReadControl(kLeader);  // some other part's
  state_.ReadControl(kLeader);
  state_.ReadControl(kOther);
  const std::uint64_t round = AskAndBegin();
  Answer(kLeader, ballot_, 256);
  Answer(kLeader, ballot_, 256);
  Answer(kOther, ballot_, 0);
  EXPECT_LT(reads_.confirmed(), round);
  Answer(kLeader, ballot_, 512);
  EXPECT_EQ(reads_.confirmed(), round);
  EXPECT_EQ(reads_.index(), Position(512));
}

TEST_F(FollowerReadsTest, FailedReadsCountAsAnswersOfTheirTurn) {
  state_.ReadControl(kLeader);
  const std::uint64_t round = AskAndBegin();
  Fail(kLeader);  // the earlier one
  Answer(kLeader, ballot_, 512);
  EXPECT_EQ(reads_.confirmed(), round);
}

TEST_F(FollowerReadsTest, AReadThatCouldNotBePostedLetsNoEarlierAnswerPassForItsOwn) {
  state_.ReadControl(kLeader);
  const std::uint64_t round = AskAndBegin();
  --state_.control_reads[kLeader.value()].posted;
  reads_.OnControlNotPosted(kLeader);
  Answer(kLeader, ballot_, 256);  // of the earlier one
  EXPECT_LT(reads_.confirmed(), round);
}

TEST_F(FollowerReadsTest, OneThatHasPromisedMoreDoesNotCount) {
  const std::uint64_t round = AskAndBegin();
  Answer(kLeader, higher_, 512);
  EXPECT_LT(reads_.confirmed(), round);
  Answer(kOther, ballot_, 0);  // this replica and that one are a majority
  EXPECT_EQ(reads_.confirmed(), round);
  EXPECT_EQ(reads_.index(), Position(512));
}

TEST_F(FollowerReadsTest, ARoundThatNoMajorityConfirmsIsTriedAgainAtTheNextTick) {
  const std::uint64_t round = AskAndBegin();
  Answer(kLeader, higher_, 512);
  Answer(kOther, higher_, 0);
  EXPECT_LT(reads_.confirmed(), round);
  EXPECT_FALSE(reads_.wants_round());  // not before time has passed
  reads_.Tick();
  ASSERT_TRUE(reads_.wants_round());
  reads_.Begin();
  Answer(kLeader, ballot_, 512);
  EXPECT_GE(reads_.confirmed(), round);
  EXPECT_EQ(reads_.epoch(), 0U);
}

TEST_F(FollowerReadsTest, ARoundWithoutTheLeaderHasFailed) {
  AskAndBegin();
  Fail(kLeader);
  reads_.Tick();
  EXPECT_TRUE(reads_.wants_round());
  reads_.Begin();
  --state_.control_reads[kLeader.value()].posted;
  reads_.OnControlNotPosted(kLeader);
  EXPECT_FALSE(reads_.wants_round());
  reads_.Tick();
  state_.peers[kLeader.value()].link_up = false;
  static_cast<void>(Posted());
  reads_.Begin();
  EXPECT_EQ(Posted(), std::vector<ReplicaId>{kOther});
  EXPECT_FALSE(reads_.wants_round());
  reads_.Tick();
  EXPECT_TRUE(reads_.wants_round());
}

TEST_F(FollowerReadsTest, WhatIsAskedForWhileARoundIsUnderWaySharesTheNextOne) {
  const std::uint64_t first = AskAndBegin();
  const std::optional<std::uint64_t> second = reads_.Start(ballot_);
  EXPECT_EQ(reads_.Start(ballot_), second);
  EXPECT_FALSE(reads_.wants_round());
  Answer(kLeader, ballot_, 256);
  EXPECT_EQ(reads_.confirmed(), first);
  EXPECT_LT(reads_.confirmed(), second);
  ASSERT_TRUE(reads_.wants_round());
  reads_.Begin();
  Answer(kLeader, ballot_, 512);
  EXPECT_EQ(reads_.confirmed(), second);
  EXPECT_EQ(reads_.index(), Position(512));
  Answer(kOther, ballot_, 0);  // late: of the first round
  Answer(kOther, ballot_, 0);
  EXPECT_FALSE(reads_.wants_round());
}

TEST_F(FollowerReadsTest, TheIndexIsNotBelowWhatIsKnownHere) {
  state_.commit.position = Position(1024);
  AskAndBegin();
  Answer(kLeader, ballot_, 512);
  EXPECT_EQ(reads_.index(), Position(1024));
}

TEST_F(FollowerReadsTest, WhatIsLostIsNeverConfirmed) {
  const std::uint64_t round = AskAndBegin();
  reads_.Lose();
  EXPECT_EQ(reads_.epoch(), 1U);
  Answer(kLeader, ballot_, 512);
  EXPECT_FALSE(reads_.wants_round());
  state_.commit.ballot = higher_;
  const std::uint64_t next = reads_.Start(higher_).value_or(0);
  EXPECT_GT(next, round);
  EXPECT_GT(next, reads_.confirmed());
}

TEST_F(FollowerReadsTest, WhatNobodyConfirmsForTheSuspectTimeoutIsLost) {
  AskAndBegin();
  state_.now += state_.options.suspect_timeout_ns;
  reads_.Tick();
  EXPECT_EQ(reads_.epoch(), 0U);
  ++state_.now;
  reads_.Tick();
  EXPECT_EQ(reads_.epoch(), 1U);
  EXPECT_FALSE(reads_.wants_round());
}

class FiveFollowerReadsTest : public FollowerReadsTest {
 protected:
  FiveFollowerReadsTest() : FollowerReadsTest(5) {}
};

TEST_F(FiveFollowerReadsTest, P7OnlyVotersOfTheirIncarnationAreReadAndCounted) {
  state_.peers[3].incarnation = Incarnation(2);
  const std::uint64_t round = AskAndBegin();
  EXPECT_EQ(Posted(), (std::vector<ReplicaId>{kLeader, kOther, ReplicaId(4)}));
  Answer(kLeader, ballot_, 512);
  Answer(kLeader, ballot_, 512);  // again is once
  EXPECT_LT(reads_.confirmed(), round);
  Fail(ReplicaId(4));
  EXPECT_LT(reads_.confirmed(), round);
  Answer(kOther, ballot_, 0);
  EXPECT_EQ(reads_.confirmed(), round);
}

class ForgetfulFollowerReadsTest : public FollowerReadsTest {
 protected:
  ForgetfulFollowerReadsTest() : FollowerReadsTest(3, 2) {}
};

TEST_F(ForgetfulFollowerReadsTest, P7OneThatForgotTakesNoReads) {
  EXPECT_FALSE(reads_.Start(ballot_).has_value());
}

}  // namespace
}  // namespace gaios::paxos

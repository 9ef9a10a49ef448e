#include "gaios/paxos/learner.h"

#include <gtest/gtest.h>

#include "tests/paxos/ring.h"

namespace gaios::paxos {
namespace {

class LearnerTest : public ::testing::Test {
 protected:
  LearnerTest() : state_(MakeOptions(), ring_.memory.data(), nullptr), learner_(state_) {}

  static Options MakeOptions() {
    Options options;
    options.self = ReplicaId(1);
    options.group = kGroup;
    options.configuration = Configuration::Bootstrap(3);
    options.capacity_bytes = kRingBytes;
    return options;
  }

  Ring ring_;  // this replica's log, in which the leader writes
  State state_;
  Learner learner_;
  const Ballot old_ = MakeBallot(1, 0);
  const Ballot new_ = MakeBallot(2, 2);
};

TEST_F(LearnerTest, TheCommitIsTheWordAsFarAsTheChainReaches) {
  ring_.Append("", old_, Position(), EntryKind::kBallotRecord);
  const Cursor first = ring_.end;
  ring_.Append("a", old_);
  EXPECT_TRUE(learner_.Learn(old_, first.position));
  EXPECT_EQ(state_.commit, first);
  EXPECT_TRUE(learner_.Learn(old_, Position(kRingBytes)));  // the word is ahead of the bytes
  EXPECT_EQ(state_.commit, ring_.end);
  EXPECT_FALSE(learner_.Learn(old_, first.position));  // late: a commit never goes back
  EXPECT_EQ(state_.commit, ring_.end);
}

TEST_F(LearnerTest, EntriesCarryTheCommitTooButOnlyUnderTheLeadersBallot) {
  ring_.Append("", old_, Position(), EntryKind::kBallotRecord);
  const Cursor first = ring_.end;
  ring_.Append("a", old_, first.position);
  EXPECT_TRUE(learner_.Learn(old_, Position()));
  EXPECT_EQ(state_.commit, first);
}

TEST_F(LearnerTest, AnOldSuffixIsNotLearnedFrom) {
  ring_.Append("", old_, Position(), EntryKind::kBallotRecord);
  ring_.Append("a", old_, ring_.end.position);
  learner_.Reset();
  learner_.Learn(new_, ring_.end.position);
  EXPECT_EQ(state_.commit, StartOfLog(kGroup));
  ring_.end = StartOfLog(kGroup);  // the new leader writes over it, from this replica's commit on
  ring_.Append("b", MakeBallot(1, 2));
  ring_.Append("", new_, Position(), EntryKind::kBallotRecord);
  learner_.Rescan(new_);
  EXPECT_TRUE(learner_.Learn(new_, ring_.end.position));
  EXPECT_EQ(state_.commit, ring_.end);
}

TEST_F(LearnerTest, AWordWithinAnEntryIsNoNews) {
  ring_.Append("", old_, Position(), EntryKind::kBallotRecord);
  const Cursor first = ring_.end;
  ring_.Append("a long enough command to take more than one unit of the ring, which is a cache line", old_);
  EXPECT_TRUE(learner_.Learn(old_, first.position + 64));
  EXPECT_EQ(state_.commit, first);
  EXPECT_FALSE(learner_.Learn(old_, first.position + 64));
  EXPECT_EQ(state_.commit, first);
}

TEST_F(LearnerTest, LooksAtABoundedNumberOfEntriesACall) {
  for (std::size_t at = 0; at < kRingBytes; at += kEntryAlignment) {
    ring_.Append("", old_, Position(), EntryKind::kBallotRecord);
  }
  int calls = 0;
  while (learner_.Learn(old_, Position())) {
    ++calls;
  }
  EXPECT_GE(calls, 1);
  EXPECT_EQ(state_.end, ring_.end);  // a whole ring, and not a second lap
}

}  // namespace
}  // namespace gaios::paxos

// The checker is shown histories that break each of P1-P8 on purpose, and must name the one that is broken.

#include "gaios/paxos/invariants.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/paxos/ring.h"

namespace gaios::paxos {
namespace {

Member Life(std::uint8_t id, std::uint32_t incarnation = 1) {
  return {ReplicaId(id), Incarnation(incarnation)};
}

class InvariantsTest : public ::testing::Test {
 protected:
  // `leader` wins `ballot` from a log that is `ring`'s, on the promises of itself and `other`.
  void Lead(std::uint8_t leader, std::uint8_t other, Ballot ballot, const Ring& ring) {
    const std::vector<Member> voters = {Life(leader), Life(other)};
    for (const Member& voter : voters) {
      checker_.OnPromise(voter, {ballot, 1});
    }
    checker_.OnLead(Life(leader), ballot, voters, ring.end);
  }
  void Append(std::uint8_t leader, Ballot ballot, Ring& ring, std::string_view payload,
              EntryKind kind = EntryKind::kBatch) {
    const Cursor before = ring.end;
    ring.Append(payload, ballot, Position(), kind);
    checker_.OnAppend(Life(leader), ballot, ring.log.Known(before));
  }
  // Replica 0 leads ballot 1, and its record and one command are chosen by it and replica 1.
  void Begin() {
    Lead(0, 1, first_, ring_);
    Append(0, first_, ring_, "", EntryKind::kBallotRecord);
    record_ = ring_.end;
    Append(0, first_, ring_, "a");
    checker_.OnAccept(Life(0), first_, Life(1), ring_.end.position);
    ASSERT_EQ(Names(), "");
  }
  // The names of what was broken, each once, in order.
  std::string Names() const {
    std::string names;
    for (const std::string& violation : checker_.violations()) {
      const std::string name = violation.substr(0, 2);
      if (names.find(name) == std::string::npos) {
        names += (names.empty() ? "" : " ") + name;
      }
    }
    return names;
  }

  Invariants checker_{Configuration::Bootstrap(3)};
  Ring ring_;
  Cursor record_;
  const Ballot first_ = MakeBallot(1, 0);
  const Ballot second_ = MakeBallot(2, 1);
};

TEST_F(InvariantsTest, AGoodHistoryIsGood) {
  Begin();
  checker_.OnCommit(Life(0), ring_.end);
  checker_.OnCommit(Life(1), record_);
  checker_.OnCommit(Life(1), ring_.end);
  checker_.OnApply(Life(1), ring_.log.Known(StartOfLog(kGroup)));
  checker_.OnApply(Life(1), ring_.log.Known(record_));
  Lead(1, 2, second_, ring_);
  Append(1, second_, ring_, "", EntryKind::kBallotRecord);
  EXPECT_EQ(Names(), "");
  EXPECT_EQ(checker_.chosen_entries(), 2U);
}

TEST_F(InvariantsTest, P1PromiseGoesDown) {
  checker_.OnPromise(Life(0), {second_, 1});
  checker_.OnPromise(Life(0), {second_, 2});
  EXPECT_EQ(Names(), "");
  checker_.OnPromise(Life(0), {second_, 1});
  EXPECT_EQ(Names(), "P1");
}

TEST_F(InvariantsTest, P1PromiseThatWasNotGivenIsCounted) {
  checker_.OnPromise(Life(0), {first_, 1});
  const std::vector<Member> voters = {Life(0), Life(1)};
  checker_.OnLead(Life(0), first_, voters, ring_.end);
  EXPECT_EQ(Names(), "P1");
}

TEST_F(InvariantsTest, P2WriteUnderAnEarlierGrant) {
  checker_.OnRemoteWrite(Life(0), {second_, 1}, {second_, 1});
  EXPECT_EQ(Names(), "");
  checker_.OnRemoteWrite(Life(0), {first_, 1}, {second_, 1});
  EXPECT_EQ(Names(), "P2");
}

TEST_F(InvariantsTest, P3TwoValuesInOneSlotOfOneBallot) {
  Begin();
  Ring other;
  other.Append("", first_, Position(), EntryKind::kBallotRecord);
  const Cursor before = other.end;
  other.Append("b", first_);
  checker_.OnAppend(Life(0), first_, other.log.Known(before));
  EXPECT_EQ(Names(), "P3");
}

TEST_F(InvariantsTest, P3BallotLedTwice) {
  Begin();
  Lead(0, 2, first_, ring_);
  EXPECT_EQ(Names(), "P3");
}

TEST_F(InvariantsTest, P3AppendByAnotherThanTheLeader) {
  Begin();
  Append(1, first_, ring_, "b");
  EXPECT_EQ(Names(), "P3");
}

TEST_F(InvariantsTest, P4ChosenEntryMissingInAHigherBallot) {
  Begin();
  const Ring empty;
  Lead(1, 2, second_, empty);
  EXPECT_EQ(Names(), "P4");
}

TEST_F(InvariantsTest, P4AnotherValueInAHigherBallot) {
  // Replica 2 leads ballot 1/2 with two entries of its own that nobody accepts; what ballot 1/0 chose is not
  // in them.
  Ring other;
  const Ballot between = MakeBallot(1, 2);
  Lead(0, 1, first_, ring_);
  Lead(2, 1, between, other);
  Append(2, between, other, "", EntryKind::kBallotRecord);
  Append(2, between, other, "b");
  Append(0, first_, ring_, "", EntryKind::kBallotRecord);
  Append(0, first_, ring_, "a");
  checker_.OnAccept(Life(0), first_, Life(1), ring_.end.position);
  ASSERT_EQ(Names(), "");
  Lead(2, 1, MakeBallot(2, 2), other);
  EXPECT_EQ(Names(), "P4");
}

TEST_F(InvariantsTest, ALowerBallotNeedNotKnowWhatAHigherOneHasChosen) {
  const Ballot third = MakeBallot(3, 2);
  const Ring empty;
  checker_.OnPromise(Life(0), {first_, 1});
  checker_.OnPromise(Life(1), {first_, 1});
  Ring other;
  Lead(2, 1, third, other);
  Append(2, third, other, "", EntryKind::kBallotRecord);
  checker_.OnAccept(Life(2), third, Life(1), other.end.position);
  EXPECT_EQ(checker_.chosen_entries(), 1U);
  const std::vector<Member> voters = {Life(0), Life(1)};
  checker_.OnLead(Life(0), first_, voters, empty.end);  // won late: it will find itself fenced
  EXPECT_EQ(Names(), "");
}

TEST_F(InvariantsTest, P4LeadingOnAMinority) {
  checker_.OnPromise(Life(0), {first_, 1});
  const std::vector<Member> voters = {Life(0)};
  checker_.OnLead(Life(0), first_, voters, ring_.end);
  EXPECT_EQ(Names(), "P4");
}

TEST_F(InvariantsTest, P4NoBallotRecord) {
  Lead(0, 1, first_, ring_);
  Append(0, first_, ring_, "a");
  EXPECT_EQ(Names(), "P4");
}

TEST_F(InvariantsTest, P5CommitGoesBack) {
  Begin();
  checker_.OnCommit(Life(1), ring_.end);
  checker_.OnCommit(Life(1), record_);
  EXPECT_EQ(Names(), "P5");
}

TEST_F(InvariantsTest, P5CommitPassesTheMajority) {
  Begin();
  Append(0, first_, ring_, "b");
  checker_.OnCommit(Life(0), ring_.end);
  EXPECT_EQ(Names(), "P5");
}

TEST_F(InvariantsTest, P5NothingIsChosenBeforeTheRecordIs) {
  Begin();
  Ring longer = ring_;
  longer.log.MoveTo(longer.memory.data());
  Append(0, first_, longer, "b");  // accepted by nobody else
  Lead(1, 2, second_, longer);
  const Cursor adopted = longer.end;
  Append(1, second_, longer, "", EntryKind::kBallotRecord);
  checker_.OnAccept(Life(1), second_, Life(2), adopted.position);
  checker_.OnCommit(Life(1), adopted);
  EXPECT_EQ(Names(), "P5");
}

TEST_F(InvariantsTest, P6AnotherValueOrOrderIsApplied) {
  Begin();
  const Entry record = ring_.log.Known(StartOfLog(kGroup));
  const Entry command = ring_.log.Known(record_);
  checker_.OnApply(Life(0), record);
  checker_.OnApply(Life(0), command);
  checker_.OnApply(Life(1), record);
  EXPECT_EQ(Names(), "");
  Ring other;
  other.Append("x", first_);
  checker_.OnApply(Life(2), other.log.Known(StartOfLog(kGroup)));
  EXPECT_EQ(Names(), "P6");
}

TEST_F(InvariantsTest, P6ASlotIsSkipped) {
  Begin();
  checker_.OnApply(Life(0), ring_.log.Known(record_));
  EXPECT_EQ(Names(), "P6");
}

TEST_F(InvariantsTest, P7AForgetfulLifeMakesNoMajorityOfPromises) {
  const std::vector<Member> voters = {Life(0), Life(2, 2)};
  for (const Member& voter : voters) {
    checker_.OnPromise(voter, {first_, 1});  // which it may: its log is granted so that it can be filled
  }
  EXPECT_EQ(Names(), "");
  checker_.OnLead(Life(0), first_, voters, ring_.end);
  EXPECT_EQ(Names(), "P7 P4");
}

TEST_F(InvariantsTest, P7WhatAForgetfulLifeAcceptsChoosesNothing) {
  Lead(0, 1, first_, ring_);
  Append(0, first_, ring_, "", EntryKind::kBallotRecord);
  checker_.OnAccept(Life(0), first_, Life(2, 2), ring_.end.position);
  EXPECT_EQ(checker_.chosen_entries(), 0U);
  checker_.OnCommit(Life(0), ring_.end);
  EXPECT_EQ(Names(), "P5");
}

class ReadmissionInvariantsTest : public InvariantsTest {
 protected:
  // Puts into the log that replica 2 is readmitted in its second life.
  void AppendReadmission(std::uint32_t old, std::uint32_t fresh) {
    std::array<std::byte, kReadmissionBytes> bytes;
    EncodeReadmission({ReplicaId(2), Incarnation(old), Incarnation(fresh)}, bytes);
    Append(0, first_, ring_, {reinterpret_cast<const char*>(bytes.data()), bytes.size()},
           EntryKind::kReadmission);
  }
};

TEST_F(ReadmissionInvariantsTest, P7TheFreshLifeDoesNotChooseItsOwnReadmission) {
  Begin();
  AppendReadmission(1, 2);
  checker_.OnAccept(Life(0), first_, Life(2, 2), ring_.end.position);
  checker_.OnCommit(Life(0), ring_.end);
  EXPECT_EQ(Names(), "P5");
}

TEST_F(ReadmissionInvariantsTest, P7NorDoesTheOldOne) {
  Begin();
  AppendReadmission(1, 2);
  checker_.OnAccept(Life(0), first_, Life(2), ring_.end.position);
  checker_.OnCommit(Life(0), ring_.end);
  EXPECT_EQ(Names(), "P5");
}

TEST_F(ReadmissionInvariantsTest, OnceChosenTheFreshLifeCounts) {
  Begin();
  AppendReadmission(1, 2);
  checker_.OnAccept(Life(0), first_, Life(1), ring_.end.position);
  Append(0, first_, ring_, "b");
  checker_.OnAccept(Life(0), first_, Life(2, 2), ring_.end.position);
  checker_.OnCommit(Life(0), ring_.end);
  EXPECT_EQ(Names(), "");
  checker_.OnPromise(Life(2), {second_, 1});
  checker_.OnPromise(Life(1), {second_, 1});
  const std::vector<Member> voters = {Life(1), Life(2)};
  checker_.OnLead(Life(1), second_, voters, ring_.end);
  EXPECT_EQ(Names(), "P7 P4");  // the old one no more
}

TEST_F(ReadmissionInvariantsTest, P7ASecondReadmissionWaitsForTheFirst) {
  Begin();
  AppendReadmission(1, 2);
  AppendReadmission(2, 3);
  EXPECT_EQ(Names(), "P7");
}

class MembershipInvariantsTest : public InvariantsTest {
 protected:
  void AppendChange(ConfigurationChange::Kind kind, std::uint8_t id) {
    std::array<std::byte, kConfigurationChangeBytes> bytes;
    EncodeConfigurationChange({kind, ReplicaId(id), Address()}, bytes);
    Append(0, first_, ring_, {reinterpret_cast<const char*>(bytes.data()), bytes.size()},
           EntryKind::kConfigurationChange);
  }
  void AppendAdmission(std::uint8_t id, std::uint32_t incarnation) {
    std::array<std::byte, kReadmissionBytes> bytes;
    EncodeReadmission({ReplicaId(id), Incarnation(), Incarnation(incarnation)}, bytes);
    Append(0, first_, ring_, {reinterpret_cast<const char*>(bytes.data()), bytes.size()},
           EntryKind::kReadmission);
  }
  void Accept(std::uint8_t id) { checker_.OnAccept(Life(0), first_, Life(id), ring_.end.position); }
  // Replica 3 is added, and its admission stands in the log.
  void BeginToAdmit() {
    Begin();
    AppendChange(ConfigurationChange::Kind::kAdd, 3);
    Accept(1);
    AppendAdmission(3, 1);
    ASSERT_EQ(Names(), "");
  }
};

TEST_F(MembershipInvariantsTest, P5AnAdmissionWantsAMajorityOfFour) {
  BeginToAdmit();
  Accept(1);
  checker_.OnCommit(Life(0), ring_.end);
  EXPECT_EQ(Names(), "P5");
}

TEST_F(MembershipInvariantsTest, P5AnAdmissionWantsAMajorityOfThree) {
  BeginToAdmit();
  Accept(3);
  checker_.OnCommit(Life(0), ring_.end);
  EXPECT_EQ(Names(), "P5");
}

TEST_F(MembershipInvariantsTest, OnceChosenTheFourDecide) {
  BeginToAdmit();
  Accept(1);
  Accept(3);
  checker_.OnCommit(Life(0), ring_.end);
  Append(0, first_, ring_, "b");
  Accept(2);
  Accept(3);
  checker_.OnCommit(Life(0), ring_.end);
  EXPECT_EQ(Names(), "");
}

TEST_F(MembershipInvariantsTest, P4AMinorityOfTheFourDoesNotLead) {
  BeginToAdmit();
  Accept(1);
  Accept(3);
  Lead(1, 3, second_, ring_);
  EXPECT_EQ(Names(), "P4");
}

TEST_F(MembershipInvariantsTest, P5ARemovedVoterChoosesNothing) {
  Begin();
  AppendChange(ConfigurationChange::Kind::kRemove, 2);
  Accept(1);
  checker_.OnCommit(Life(0), ring_.end);
  Append(0, first_, ring_, "b");
  Accept(2);
  ASSERT_EQ(Names(), "");
  checker_.OnCommit(Life(0), ring_.end);
  EXPECT_EQ(Names(), "P5");
}

TEST_F(MembershipInvariantsTest, P5ALeaderThatIsRemovedDoesNotCountItself) {
  Begin();
  AppendChange(ConfigurationChange::Kind::kRemove, 0);
  Accept(1);
  checker_.OnCommit(Life(0), ring_.end);
  EXPECT_EQ(Names(), "P5");
}

TEST_F(MembershipInvariantsTest, P7ASecondChangeWaitsForTheFirst) {
  Begin();
  AppendChange(ConfigurationChange::Kind::kAdd, 3);
  AppendChange(ConfigurationChange::Kind::kAdd, 4);
  EXPECT_EQ(Names(), "P7");
}

TEST_F(MembershipInvariantsTest, P7AChangeWaitsForTheBallotRecord) {
  Lead(0, 1, first_, ring_);
  Append(0, first_, ring_, "", EntryKind::kBallotRecord);
  AppendChange(ConfigurationChange::Kind::kAdd, 3);
  EXPECT_EQ(Names(), "P7");
}

TEST_F(MembershipInvariantsTest, P7AChangeThatMakesNoDifference) {
  Begin();
  AppendChange(ConfigurationChange::Kind::kRemove, 5);
  EXPECT_EQ(Names(), "P7");
}

TEST_F(MembershipInvariantsTest, P7ALearnerThatIsNotToVoteIsNotAdmitted) {
  Begin();
  AppendChange(ConfigurationChange::Kind::kAddLearner, 3);
  Accept(1);
  AppendAdmission(3, 1);
  EXPECT_EQ(Names(), "P7");
}

TEST_F(MembershipInvariantsTest, P7AnIncarnationThatWasRemovedIsNotAdmitted) {
  Begin();
  AppendChange(ConfigurationChange::Kind::kRemove, 2);
  Accept(1);
  AppendChange(ConfigurationChange::Kind::kAdd, 2);
  Accept(1);
  ASSERT_EQ(Names(), "");
  AppendAdmission(2, 1);
  EXPECT_EQ(Names(), "P7");
}

TEST_F(InvariantsTest, P6ASnapshotOfWhatIsNotChosenOrLiesBehind) {
  Begin();
  checker_.OnInstall(Life(2), ring_.end);
  EXPECT_EQ(Names(), "");
  checker_.OnInstall(Life(2), record_);
  EXPECT_EQ(Names(), "P5 P6");
}

TEST_F(InvariantsTest, P8ReuseOfWhatIsNotApplied) {
  Begin();
  const std::vector<Member> in_sync = {Life(0), Life(1)};
  checker_.OnReuse(Life(0), Position(64), in_sync);
  EXPECT_EQ(Names(), "P8");
}

TEST_F(InvariantsTest, P8InSyncSetBelowAMajority) {
  Begin();
  checker_.OnApply(Life(0), ring_.log.Known(StartOfLog(kGroup)));
  const std::vector<Member> in_sync = {Life(0)};
  checker_.OnReuse(Life(0), Position(64), in_sync);
  EXPECT_EQ(Names(), "P8");
}

TEST_F(InvariantsTest, P8BytesUnderAPostedWriteChange) {
  checker_.OnPostedBytesChanged(Life(0), {Position(0), Position(64)});
  EXPECT_EQ(Names(), "P8");
}

}  // namespace
}  // namespace gaios::paxos

#include "gaios/paxos/membership.h"

#include <array>

#include <gtest/gtest.h>

#include "gaios/paxos/configuration_change.h"
#include "gaios/paxos/readmission.h"

#include "tests/paxos/ring.h"

namespace gaios::paxos {
namespace {

Member Life(std::uint8_t id, std::uint32_t incarnation) {
  return {ReplicaId(id), Incarnation(incarnation)};
}

class MembershipTest : public ::testing::Test {
 protected:
  // Appends a change, tells of it, and returns it.
  Entry Append(EntryKind kind, std::span<const std::byte> bytes) {
    const Cursor before = ring_.end;
    ring_.Append({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, MakeBallot(1, 0), Position(),
                 kind);
    const Entry entry = ring_.log.Known(before);
    membership_.OnEntry(entry);
    return entry;
  }
  Entry Readmit(std::uint8_t id, std::uint32_t old, std::uint32_t fresh) {
    std::array<std::byte, kReadmissionBytes> bytes;
    EncodeReadmission({ReplicaId(id), Incarnation(old), Incarnation(fresh)}, bytes);
    return Append(EntryKind::kReadmission, bytes);
  }
  Entry Change(ConfigurationChange::Kind kind, std::uint8_t id) {
    std::array<std::byte, kConfigurationChangeBytes> bytes;
    EncodeConfigurationChange({kind, ReplicaId(id), Address()}, bytes);
    return Append(EntryKind::kConfigurationChange, bytes);
  }
  bool Decides(std::initializer_list<std::uint8_t> ids) const {
    ReplicaSet votes;
    for (const std::uint8_t id : ids) {
      votes.Add(ReplicaId(id));
    }
    return membership_.Decides(votes);
  }

  Ring ring_;
  Membership membership_{Configuration::Bootstrap(3)};
};

TEST_F(MembershipTest, NeitherCountsUntilTheReadmissionIsChosen) {
  EXPECT_TRUE(membership_.Counts(Life(2, 1)));
  const Entry entry = Readmit(2, 1, 2);
  EXPECT_TRUE(membership_.undecided());
  EXPECT_FALSE(membership_.Counts(Life(2, 1)));
  EXPECT_FALSE(membership_.Counts(Life(2, 2)));
  EXPECT_TRUE(Decides({0, 1}));
  EXPECT_FALSE(Decides({1}));
  membership_.OnCommit(entry);
  EXPECT_FALSE(membership_.undecided());
  EXPECT_FALSE(membership_.Counts(Life(2, 1)));
  EXPECT_TRUE(membership_.Counts(Life(2, 2)));
  EXPECT_EQ(membership_.changes(), 1U);
}

TEST_F(MembershipTest, TheNextOneInTheLogShowsThatTheOneBeforeIsChosen) {
  Readmit(2, 1, 2);
  Readmit(1, 1, 2);
  EXPECT_TRUE(membership_.Counts(Life(2, 2)));
  EXPECT_FALSE(membership_.Counts(Life(1, 1)));
  EXPECT_FALSE(membership_.Counts(Life(1, 2)));
}

TEST_F(MembershipTest, WhatIsNotInTheLogAnyMoreTakesNoVote) {
  Readmit(2, 1, 2);
  membership_.ForgetBehindCommit();
  EXPECT_TRUE(membership_.Counts(Life(2, 1)));
  EXPECT_FALSE(membership_.undecided());
}

TEST_F(MembershipTest, OneThatHasBeenOvertakenChangesNothing) {
  membership_.OnCommit(Readmit(2, 1, 3));
  Readmit(2, 1, 2);
  EXPECT_FALSE(membership_.undecided());
  EXPECT_TRUE(membership_.Counts(Life(2, 3)));
}

TEST_F(MembershipTest, LaterLivesMayComeToCountAndEarlierOnesNot) {
  EXPECT_TRUE(membership_.MayCount(Life(2, 1)));
  EXPECT_TRUE(membership_.MayCount(Life(2, 5)));
  membership_.OnCommit(Readmit(2, 1, 3));
  EXPECT_FALSE(membership_.MayCount(Life(2, 1)));
  EXPECT_FALSE(membership_.MayCount(Life(2, 2)));
  EXPECT_TRUE(membership_.MayCount(Life(2, 3)));
}

TEST_F(MembershipTest, AChangeThatIsUndecidedWantsAMajorityBeforeAndAfter) {
  membership_.OnCommit(Change(ConfigurationChange::Kind::kAdd, 3));
  EXPECT_FALSE(membership_.Counts(Life(3, 1)));  // a learner until it is admitted
  EXPECT_TRUE(Decides({0, 1}));
  const Entry admission = Readmit(3, 0, 1);
  EXPECT_TRUE(membership_.Counts(Life(3, 1)));
  EXPECT_FALSE(Decides({0, 1}));    // of three, not of four
  EXPECT_TRUE(Decides({0, 1, 3}));  // of both
  EXPECT_FALSE(Decides({0, 3}));    // of neither
  membership_.OnCommit(admission);
  EXPECT_TRUE(Decides({0, 2, 3}));
  EXPECT_FALSE(Decides({0, 3}));
  const Entry removal = Change(ConfigurationChange::Kind::kRemove, 0);
  EXPECT_TRUE(membership_.Counts(Life(0, 1)));
  EXPECT_FALSE(Decides({0, 1, 9}));
  EXPECT_FALSE(Decides({1, 2}));  // of the three that are left, not of the four
  EXPECT_TRUE(Decides({0, 1, 2}));
  membership_.OnCommit(removal);
  EXPECT_FALSE(membership_.Counts(Life(0, 1)));
  EXPECT_TRUE(Decides({1, 2}));
}

TEST_F(MembershipTest, AnEvenGroupDoesNotCountANewcomerForOneOfItsOwn) {
  membership_.OnCommit(Change(ConfigurationChange::Kind::kRemove, 2));
  membership_.OnCommit(Change(ConfigurationChange::Kind::kAdd, 4));
  Readmit(4, 0, 1);
  EXPECT_FALSE(Decides({0, 4}));
  EXPECT_TRUE(Decides({0, 1}));
}

TEST_F(MembershipTest, ALearnerThatNeverVotesIsNotAdmitted) {
  membership_.OnCommit(Change(ConfigurationChange::Kind::kAddLearner, 5));
  Readmit(5, 0, 1);
  EXPECT_FALSE(membership_.undecided());
  EXPECT_FALSE(membership_.Counts(Life(5, 1)));
  EXPECT_EQ(membership_.configuration().StandingOf(ReplicaId(5)), Standing::kLearner);
}

TEST_F(MembershipTest, WhoWasRemovedIsHeardNoMoreAndComesBackAsAnotherLifeOnly) {
  membership_.OnCommit(Change(ConfigurationChange::Kind::kRemove, 2));
  EXPECT_FALSE(membership_.MayCount(Life(2, 1)));
  EXPECT_TRUE(membership_.MayCount(Life(2, 2)));
  EXPECT_TRUE(membership_.MayCount(Life(6, 1)));  // never heard of: it may have been admitted
  membership_.OnCommit(Change(ConfigurationChange::Kind::kAdd, 2));
  Readmit(2, 0, 1);
  EXPECT_FALSE(membership_.undecided());
  membership_.OnCommit(Readmit(2, 0, 2));
  EXPECT_TRUE(membership_.Counts(Life(2, 2)));
}

TEST_F(MembershipTest, WhatStandsBehindTheCommitIsFollowedAgainFromTheCommit) {
  membership_.OnCommit(Change(ConfigurationChange::Kind::kRemove, 2));
  const Entry add = Change(ConfigurationChange::Kind::kAdd, 2);
  const Entry remove = Change(ConfigurationChange::Kind::kRemove, 2);
  membership_.ForgetBehindCommit();
  EXPECT_EQ(membership_.configuration().StandingOf(ReplicaId(2)), Standing::kNone);
  membership_.OnEntry(add);
  EXPECT_EQ(membership_.next().StandingOf(ReplicaId(2)), Standing::kJoining);
  membership_.OnEntry(remove);
  EXPECT_EQ(membership_.configuration().StandingOf(ReplicaId(2)), Standing::kJoining);
  membership_.OnCommit(add);
  EXPECT_TRUE(membership_.undecided());
  membership_.OnCommit(remove);
  EXPECT_FALSE(membership_.undecided());
  EXPECT_EQ(membership_.configuration().StandingOf(ReplicaId(2)), Standing::kNone);
}

TEST_F(MembershipTest, ASnapshotIsOfTheConfigurationThatTheStateMachineHasComeTo) {
  const Entry add = Change(ConfigurationChange::Kind::kAdd, 3);
  membership_.OnCommit(add);
  EXPECT_EQ(membership_.applied(), Configuration::Bootstrap(3));
  membership_.OnApply(add);
  EXPECT_EQ(membership_.applied(), membership_.configuration());
}

}  // namespace
}  // namespace gaios::paxos

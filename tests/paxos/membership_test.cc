#include "gaios/paxos/membership.h"

#include <array>

#include <gtest/gtest.h>

#include "tests/paxos/ring.h"

namespace gaios::paxos {
namespace {

Member Life(std::uint8_t id, std::uint32_t incarnation) {
  return {ReplicaId(id), Incarnation(incarnation)};
}

class MembershipTest : public ::testing::Test {
 protected:
  // Appends that `id` is readmitted, tells of it, and returns where the entry ends.
  Position Readmit(std::uint8_t id, std::uint32_t old, std::uint32_t fresh) {
    std::array<std::byte, kReadmissionBytes> bytes;
    EncodeReadmission({ReplicaId(id), Incarnation(old), Incarnation(fresh)}, bytes);
    const Cursor before = ring_.end;
    ring_.Append({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, MakeBallot(1, 0), Position(),
                 EntryKind::kReadmission);
    membership_.OnReadmission(ring_.log.Known(before));
    return ring_.end.position;
  }

  Ring ring_;
  Membership membership_{Configuration::Bootstrap(3)};
};

TEST_F(MembershipTest, NeitherCountsUntilTheReadmissionIsChosen) {
  EXPECT_TRUE(membership_.Counts(Life(2, 1)));
  const Position end = Readmit(2, 1, 2);
  EXPECT_TRUE(membership_.undecided());
  EXPECT_FALSE(membership_.Counts(Life(2, 1)));
  EXPECT_FALSE(membership_.Counts(Life(2, 2)));
  EXPECT_EQ(membership_.majority(), 2U);
  EXPECT_FALSE(membership_.OnCommit(Position(end.value() - 1)));
  EXPECT_TRUE(membership_.OnCommit(end));
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
  membership_.ForgetUndecided();
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
  EXPECT_FALSE(membership_.MayCount(Life(3, 1)));
}

}  // namespace
}  // namespace gaios::paxos

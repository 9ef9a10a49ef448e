#include "gaios/paxos/follower_set.h"

#include <array>
#include <utility>

#include <gtest/gtest.h>

namespace gaios::paxos {
namespace {

constexpr std::array<ReplicaId, 2> kReached = {ReplicaId(1), ReplicaId(2)};
constexpr ReplicaId kAbsent(3);
constexpr Position kBefore(128);
constexpr Position kThen(256);
constexpr Position kNow(384);

// Two that are written to and have completed the log up to kBefore, and one that is not reached.
FollowerSet TwoOfThree() {
  FollowerSet followers;
  for (const ReplicaId id : {kReached[0], kReached[1], kAbsent}) {
    FollowerLink& link = followers.Add({id, Incarnation(1)});
    link.stage = id == kAbsent ? FollowerLink::Stage::kAbsent : FollowerLink::Stage::kActive;
    link.posted = kBefore;
    link.acked = kBefore;
  }
  return followers;
}

TEST(FollowerSet, WhatAllHaveAcceptedIsSeenInEachLinkThatIsWrittenTo) {
  FollowerSet followers = TwoOfThree();
  followers.NoteAccepted({kBefore, kThen}, 2, 7);
  followers.NoteAccepted({kThen, kNow}, 2, 9);
  for (const ReplicaId id : kReached) {
    const FollowerLink* const link = followers.Find(id);
    EXPECT_EQ(link->posted, kNow);
    EXPECT_EQ(link->acked, kNow);
    EXPECT_EQ(link->acked_ns, 9U);
  }
  EXPECT_EQ(followers.Find(kAbsent)->posted, kBefore);
  EXPECT_EQ(followers.Find(kAbsent)->acked_ns, 0U);
}

TEST(FollowerSet, WhoIsBeingFilledHasAcceptedNoneOfIt) {
  FollowerSet followers = TwoOfThree();
  FollowerLink& filled = *followers.Find(kReached[1]);
  filled.filling = true;
  filled.posted = Position(64);
  filled.acked = Position();
  followers.NoteAccepted({kBefore, kThen}, 1, 7);
  EXPECT_EQ(followers.Find(kReached[0])->acked, kThen);
  EXPECT_EQ(followers.Find(kReached[1])->acked, Position());
  EXPECT_EQ(followers.Find(kReached[1])->posted, Position(64));
}

TEST(FollowerSet, NothingOfItOutlivesTheLinks) {
  FollowerSet followers = TwoOfThree();
  followers.NoteAccepted({kBefore, kThen}, 2, 7);
  followers.Clear();
  EXPECT_EQ(followers.Add({ReplicaId(1), Incarnation(2)}).acked, Position());
}

TEST(FollowerSet, CountsWithIt) {
  FollowerSet followers = TwoOfThree();
  for (FollowerLink& link : followers.all()) {
    link.counts = true;
  }
  followers.NoteAccepted({kBefore, kThen}, 2, 7);
  EXPECT_EQ(followers.Where([](const FollowerLink& link) { return link.acked == kThen; }).size(), 2U);
}

TEST(FollowerSet, WhoMayHaveChangedALinkIsNoticed) {
  FollowerSet followers = TwoOfThree();
  EXPECT_FALSE(followers.unchanged());
  followers.NoteUnchanged();
  followers.NoteAccepted({kBefore, kThen}, 2, 7);
  EXPECT_EQ(std::as_const(followers).Find(kReached[0])->acked, kThen);
  EXPECT_EQ(std::as_const(followers).all().size(), 3U);
  EXPECT_TRUE(followers.unchanged());
  followers.NoteAccepted({kThen, kNow}, 2, 9);
  EXPECT_EQ(followers.FindToComplete(kReached[0])->acked, kNow);
  EXPECT_TRUE(followers.unchanged()) << "that more has completed is no change";
  followers.NoteChanged();
  EXPECT_FALSE(followers.unchanged());
  followers.NoteUnchanged();
  static_cast<void>(followers.Find(kAbsent));
  EXPECT_FALSE(followers.unchanged());
  followers.NoteUnchanged();
  static_cast<void>(followers.all());
  EXPECT_FALSE(followers.unchanged());
  followers.NoteUnchanged();
  static_cast<void>(followers.Add({ReplicaId(4), Incarnation(1)}));
  EXPECT_FALSE(followers.unchanged());
}

TEST(FollowerSetDeathTest, NobodyHasAcceptedWhatFollowsWhatHeLacks) {
  FollowerSet followers = TwoOfThree();
  followers.Find(kReached[1])->acked = Position(64);
  followers.NoteAccepted({kBefore, kThen}, 2, 7);
  EXPECT_DEATH(static_cast<void>(followers.all()), "P5");
}

TEST(FollowerSetDeathTest, WhoAcceptsIsWhoWasWrittenTo) {
  FollowerSet followers = TwoOfThree();
  followers.NoteAccepted({kBefore, kThen}, 1, 7);
  EXPECT_DEATH(static_cast<void>(followers.all()), "P5");
}

}  // namespace
}  // namespace gaios::paxos

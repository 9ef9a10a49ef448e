#include "gaios/paxos/recovery.h"

#include <cstddef>
#include <cstdint>

#include <gtest/gtest.h>

#include "tests/paxos/ring.h"

namespace gaios::paxos {
namespace {

class RecoveryTest : public ::testing::Test {
 protected:
  RecoveryTest() : state_(MakeOptions(), ring_.memory.data(), nullptr), recovery_(state_) {
    for (const std::size_t other : {std::size_t{0}, std::size_t{2}}) {
      state_.peers[other].link_up = true;
      state_.peers[other].incarnation = Incarnation(1);
    }
  }
  static Options MakeOptions() {
    Options options;
    options.self = ReplicaId(1);
    options.group = kGroup;
    options.configuration = Configuration::Bootstrap(3);
    options.capacity_bytes = kRingBytes;
    return options;
  }
  Recovery::Progress RejectedFor(Ballot promised) {
    Message reject;
    reject.kind = MessageKind::kReject;
    reject.grant = {recovery_.ballot(), 1};
    reject.promised = promised;
    return recovery_.OnReject(reject);
  }

  // Of one whose log is empty.
  Recovery::Progress PromisedBy(std::uint8_t id) {
    Message promise;
    promise.kind = MessageKind::kPromise;
    promise.grant = {recovery_.ballot(), 1};
    promise.valid_end = StartOfLog(kGroup);
    return recovery_.OnPromise(ReplicaId(id), promise);
  }
  // Who has been asked for a promise since the last look.
  ReplicaSet Asked() {
    ReplicaSet asked;
    for (const Action& action : state_.actions.list()) {
      if (action.kind == ActionKind::kSend && state_.actions.message(action).kind == MessageKind::kPrepare) {
        EXPECT_FALSE(asked.Contains(action.peer)) << "twice";
        asked.Add(action.peer);
      }
    }
    state_.actions.Clear();
    return asked;
  }
  static ReplicaSet Only(std::uint8_t id) {
    ReplicaSet only;
    only.Add(ReplicaId(id));
    return only;
  }
  static ReplicaSet Others() { return Only(0) | Only(2); }

  Ring ring_;
  State state_;
  Recovery recovery_;
};

TEST_F(RecoveryTest, TheOthersAreAskedWhileTheOwnLogIsFenced) {
  static_cast<void>(recovery_.Start(true));
  EXPECT_EQ(Asked(), Others());
  EXPECT_EQ(recovery_.OnSelfGranted(), Recovery::Progress::kWaiting);
  EXPECT_TRUE(Asked().empty()) << "they have just been asked";
}

TEST_F(RecoveryTest, WhoHasAlreadyPromisedIsNotWaitedForWhenTheFenceHolds) {
  static_cast<void>(recovery_.Start(true));
  EXPECT_EQ(PromisedBy(0), Recovery::Progress::kWaiting) << "the own log is not fenced yet";
  EXPECT_EQ(recovery_.OnSelfGranted(), Recovery::Progress::kAdopted);
}

// The others are a majority without it. What the old leader has written meanwhile may be chosen.
TEST_F(RecoveryTest, NothingIsAdoptedBeforeTheFenceHoldsAndTheLogHasBeenReadAfterIt) {
  static_cast<void>(recovery_.Start(true));
  EXPECT_EQ(PromisedBy(0), Recovery::Progress::kWaiting);
  EXPECT_EQ(PromisedBy(2), Recovery::Progress::kWaiting);
  ring_.Append("landed before the fence", MakeBallot(1, 0));
  state_.Examine();
  EXPECT_EQ(recovery_.OnSelfGranted(), Recovery::Progress::kAdopted);
  EXPECT_EQ(state_.end, ring_.end);
  EXPECT_TRUE(recovery_.adopted_own());
}

// What holds it up may hold for ever: those who can lead without it are not asked again and again.
TEST_F(RecoveryTest, WhileTheFenceLastsNobodyIsAskedTwice) {
  static_cast<void>(recovery_.Start(true));
  EXPECT_EQ(Asked(), Others());
  EXPECT_EQ(PromisedBy(0), Recovery::Progress::kWaiting);
  state_.now += state_.options.heartbeat_interval_ns + 1;
  EXPECT_EQ(recovery_.Tick(), Recovery::Progress::kWaiting);
  EXPECT_TRUE(Asked().empty());
}

TEST_F(RecoveryTest, WhoDoesNotAnswerIsAskedAgainWhenTheFenceHolds) {
  static_cast<void>(recovery_.Start(true));
  EXPECT_EQ(Asked(), Others());
  EXPECT_EQ(recovery_.OnSelfGranted(), Recovery::Progress::kWaiting);
  state_.now += state_.options.heartbeat_interval_ns + 1;
  EXPECT_EQ(recovery_.Tick(), Recovery::Progress::kWaiting);
  EXPECT_EQ(Asked(), Others());
  EXPECT_EQ(recovery_.Tick(), Recovery::Progress::kWaiting);
  EXPECT_TRUE(Asked().empty()) << "only now and then";
}

TEST_F(RecoveryTest, WhoeverCameBackMeanwhileIsAskedWhenTheFenceHolds) {
  static_cast<void>(recovery_.Start(true));
  EXPECT_EQ(Asked(), Others());
  state_.peers[2].incarnation = Incarnation(2);
  EXPECT_EQ(recovery_.OnSelfGranted(), Recovery::Progress::kWaiting);
  EXPECT_EQ(Asked(), Only(2));
}

TEST_F(RecoveryTest, WhereTheFenceMayNeverComeNobodyIsAskedBeforeItHolds) {
  static_cast<void>(recovery_.Start(false));
  EXPECT_TRUE(Asked().empty());
  state_.now += state_.options.heartbeat_interval_ns + 1;
  EXPECT_EQ(recovery_.Tick(), Recovery::Progress::kWaiting);
  EXPECT_TRUE(Asked().empty());
  EXPECT_EQ(recovery_.OnSelfGranted(), Recovery::Progress::kWaiting);
  EXPECT_EQ(Asked(), Others());
}

TEST_F(RecoveryTest, SeeingAHigherBallotItGivesUp) {
  const Ballot own = recovery_.Start(true);
  EXPECT_EQ(RejectedFor(MakeBallot(own.round(), 0)), Recovery::Progress::kWaiting) << "a lower one";
  EXPECT_EQ(RejectedFor(MakeBallot(own.round() + 3, 0)), Recovery::Progress::kLost);
  EXPECT_GT(recovery_.Start(true).round(), own.round() + 3) << "and goes above it the next time";
}

}  // namespace
}  // namespace gaios::paxos

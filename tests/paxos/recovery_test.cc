#include "gaios/paxos/recovery.h"

#include <gtest/gtest.h>

#include "tests/paxos/ring.h"

namespace gaios::paxos {
namespace {

class RecoveryTest : public ::testing::Test {
 protected:
  RecoveryTest() : state_(MakeOptions(), ring_.memory.data(), nullptr), recovery_(state_) {}
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

  Ring ring_;
  State state_;
  Recovery recovery_;
};

TEST_F(RecoveryTest, SeeingAHigherBallotItGivesUp) {
  const Ballot own = recovery_.Start();
  EXPECT_EQ(RejectedFor(MakeBallot(own.round(), 0)), Recovery::Progress::kWaiting) << "a lower one";
  EXPECT_EQ(RejectedFor(MakeBallot(own.round() + 3, 0)), Recovery::Progress::kLost);
  EXPECT_GT(recovery_.Start().round(), own.round() + 3) << "and goes above it the next time";
}

}  // namespace
}  // namespace gaios::paxos

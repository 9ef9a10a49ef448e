#include "gaios/paxos/acceptor.h"

#include <gtest/gtest.h>

#include "tests/paxos/ring.h"

namespace gaios::paxos {
namespace {

class AcceptorTest : public ::testing::Test {
 protected:
  AcceptorTest() : state_(MakeOptions(1), ring_.memory.data(), nullptr), acceptor_(state_) {}

  static Options MakeOptions(std::uint32_t incarnation) {
    Options options;
    options.self = ReplicaId(1);
    options.incarnation = Incarnation(incarnation);
    options.group = kGroup;
    options.configuration = Configuration::Bootstrap(3);
    options.capacity_bytes = kRingBytes;
    return options;
  }

  // The one action of the last call.
  Action Only() const {
    EXPECT_EQ(state_.actions.list().size(), 1U);
    return state_.actions.empty() ? Action() : state_.actions.list()[0];
  }
  Message Sent() const { return state_.actions.message(Only()); }

  Ring ring_;
  State state_;
  Acceptor acceptor_;
  const Grant low_{MakeBallot(1, 0), 1};
  const Grant high_{MakeBallot(2, 2), 1};
};

TEST_F(AcceptorTest, PromisesOnlyWhenTheFenceIsEffective) {
  EXPECT_EQ(acceptor_.Judge(ReplicaId(0), low_), Acceptor::Verdict::kHigher);
  acceptor_.Promise(ReplicaId(0), low_);
  EXPECT_EQ(Only().kind, ActionKind::kGrantTo);
  state_.actions.Clear();
  EXPECT_TRUE(acceptor_.granting());
  ring_.Append("landed before the fence", MakeBallot(1, 2));
  EXPECT_FALSE(acceptor_.OnGranted(low_));
  EXPECT_EQ(Sent().kind, MessageKind::kPromise);
  EXPECT_EQ(Sent().grant, low_);
  EXPECT_EQ(Sent().valid_end, ring_.end);
}

TEST_F(AcceptorTest, ADuplicateIsAnsweredAgainAndNotGrantedAgain) {
  acceptor_.Promise(ReplicaId(0), low_);
  state_.actions.Clear();
  EXPECT_EQ(acceptor_.Judge(ReplicaId(0), low_), Acceptor::Verdict::kDuplicate);
  EXPECT_TRUE(state_.actions.empty());  // under way: the answer comes with the grant
  EXPECT_FALSE(acceptor_.OnGranted(low_));
  const Message promise = Sent();
  state_.actions.Clear();
  EXPECT_EQ(acceptor_.Judge(ReplicaId(0), low_), Acceptor::Verdict::kDuplicate);
  EXPECT_EQ(Sent(), promise);
}

TEST_F(AcceptorTest, ALowerOneIsRejectedWithWhatIsPromised) {
  EXPECT_EQ(acceptor_.Judge(ReplicaId(2), high_), Acceptor::Verdict::kHigher);
  acceptor_.Promise(ReplicaId(2), high_);
  state_.actions.Clear();
  EXPECT_EQ(acceptor_.Judge(ReplicaId(0), low_), Acceptor::Verdict::kStale);
  EXPECT_EQ(Sent().kind, MessageKind::kReject);
  EXPECT_EQ(Sent().promised, high_.ballot);
  EXPECT_GE(state_.highest_round, 2U);
}

TEST_F(AcceptorTest, AHigherOneWaitsForTheFenceUnderWay) {
  acceptor_.Promise(ReplicaId(0), low_);
  acceptor_.Promise(ReplicaId(2), high_);
  EXPECT_EQ(acceptor_.promised(), high_);
  state_.actions.Clear();
  EXPECT_FALSE(acceptor_.OnGranted(low_));  // no Promise of a grant that is over already
  EXPECT_EQ(Only().kind, ActionKind::kGrantTo);
  EXPECT_EQ(Only().grant, high_);
  state_.actions.Clear();
  EXPECT_FALSE(acceptor_.OnGranted(high_));
  EXPECT_EQ(Sent().grant, high_);
}

TEST_F(AcceptorTest, ItsOwnGrantIsToldToTheCandidate) {
  const Grant own{MakeBallot(3, 1), 1};
  acceptor_.Promise(ReplicaId(1), own);
  state_.actions.Clear();
  EXPECT_TRUE(acceptor_.OnGranted(own));
  EXPECT_TRUE(state_.actions.empty());
}

using AcceptorDeath = AcceptorTest;

TEST_F(AcceptorDeath, NamesTheInvariantThatWouldBreak) {
  acceptor_.Promise(ReplicaId(2), high_);
  EXPECT_DEATH(acceptor_.Promise(ReplicaId(0), low_), "P1");
  EXPECT_DEATH(static_cast<void>(acceptor_.OnGranted(low_)), "P2");
}

TEST_F(AcceptorTest, LooksAtEverybodyThatCanBeReachedBeforeItGrants) {
  state_.peers[2].link_up = true;
  acceptor_.Promise(ReplicaId(0), low_);
  ASSERT_EQ(state_.actions.list().size(), 2U);
  EXPECT_EQ(state_.actions.list()[0].kind, ActionKind::kReadControl);
  EXPECT_EQ(state_.actions.list()[0].peer, ReplicaId(2));
  EXPECT_EQ(state_.actions.list()[1].kind, ActionKind::kGrantTo);
}

}  // namespace
}  // namespace gaios::paxos

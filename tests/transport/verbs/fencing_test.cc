// The fence: what it takes, what it waits for, and what becomes of a writer that is late.

#include <gtest/gtest.h>

#include "tests/transport/verbs/fixture.h"

namespace gaios::transport::verbs {
namespace {

const Range kRange = MakeRange(256, 512);
constexpr const char* kAdapter = "mlx5_core";
constexpr const char* kSoftRoce = "rdma_rxe";

class FencingTest : public VerbsTest, public testing::WithParamInterface<const char*> {
 protected:
  // The next grant, which is given when the acceptor's device has nothing left to fail at, and not before.
  void GrantWhenNothingFails(ReplicaId to, const int& left) {
    const Grant next = MakeGrant(2, to);
    at(kAcceptor).GrantTo(to, next);
    while (left != 0) {
      PumpOne(kAcceptor);
      ASSERT_FALSE(Granted(next));
    }
    EXPECT_TRUE(PumpUntil([&] { return Granted(next); }));
  }
};

TEST_P(FencingTest, PromiseAWriteThatIsHeldInTheWritersDeviceNeverLands) {
  StartGroup(GetParam());
  for (std::uint32_t round = 1; round <= 20; ++round) {
    const Grant grant = MakeGrant(2 * round, kWriter);
    Give(kWriter, grant);
    at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), round));
    device(kWriter).hold = true;
    const std::uint64_t token = NextToken();
    ASSERT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, token), Post::kPosted);
    (void)at(kWriter).Poll();  // to its device
    // Every other time the next writer has written before the late one arrives.
    const Grant next = MakeGrant(2 * round + 1, kRival);
    at(kAcceptor).GrantTo(kRival, next);
    while (!Granted(next)) {
      PumpOne(kAcceptor);
    }
    if (round % 2 == 0) {
      at(kRival).FillLog(kRange.from, Pattern(kRange.size(), 1000 + round));
      const std::uint64_t rivals = NextToken();
      while (at(kRival).Write(kAcceptor, next, kFirstLife, kRange, rivals) != Post::kPosted) {
        PumpOne(kRival);
        PumpOne(kAcceptor);
      }
      while (Completed(kRival, rivals) == nullptr) {
        PumpOne(kRival);
      }
    }
    const Bytes granted = at(kAcceptor).LogBytes(MakeRange(0, 4096));
    device(kWriter).hold = false;
    backend_->network().Run();
    ASSERT_EQ(at(kAcceptor).LogBytes(MakeRange(0, 4096)), granted) << round;
    ASSERT_EQ(AwaitOutcome(kWriter, token), Outcome::kFenced);
    ASSERT_EQ(at(kAcceptor).LogBytes(MakeRange(0, 4096)), granted) << round;
    Forget();
  }
}

// A writer whose news has not come finds out by itself.
TEST_P(FencingTest, AWriterThatHearsNothingReadsThePromise) {
  StartGroup(GetParam());
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  at(kAcceptor).GrantTo(kRival, MakeGrant(2, kRival));
  device(kAcceptor).hold = true;  // with the message that says so, and the read after the fence
  PumpOne(kAcceptor);
  EXPECT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kFenced);
  EXPECT_EQ(counters(kWriter).paths_fenced, 1U);
  EXPECT_EQ(counters(kWriter).paths_broken, 0U);
  EXPECT_FALSE(Granted(MakeGrant(2, kRival))) << "before what the device had under way has been read past";
  device(kAcceptor).hold = false;
  EXPECT_TRUE(PumpUntil([&] { return Granted(MakeGrant(2, kRival)); }));
  EXPECT_EQ(CountAll(Event::Kind::kLinkDown), 0U) << "a fence is no reason to lose a link";
}

TEST_P(FencingTest, NothingIsGrantedBeforeTheDeviceHasDestroyedTheQueuePair) {
  StartGroup(GetParam());
  Give(kWriter, MakeGrant(1, kWriter));
  device(kAcceptor).fail_destroy_pair = 5;
  GrantWhenNothingFails(kRival, device(kAcceptor).fail_destroy_pair);
  EXPECT_EQ(counters(kAcceptor).fences_retried, 5U);
  EXPECT_EQ(counters(kAcceptor).fences, 1U);
}

TEST_P(FencingTest, NothingIsGrantedBeforeTheReadAfterTheFenceHasComeBack) {
  StartGroup(GetParam());
  Give(kWriter, MakeGrant(1, kWriter));
  device(kAcceptor).hold = true;
  const Grant next = MakeGrant(2, kAcceptor);
  at(kAcceptor).GrantTo(kAcceptor, next);
  for (int i = 0; i < 50; ++i) {
    PumpOne(kAcceptor);
    ASSERT_FALSE(Granted(next));
  }
  device(kAcceptor).hold = false;
  EXPECT_TRUE(PumpUntil([&] { return Granted(next); }));
}

// A device that does not read its own memory may not do so for long, so nothing waits for that.
TEST_P(FencingTest, AReadAfterTheFenceThatFailsIsReplacedByADeregistration) {
  StartGroup(GetParam());
  Give(kWriter, MakeGrant(1, kWriter));
  device(kAcceptor).puts_late = true;
  at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 7));
  ASSERT_EQ(WriteAndWait(kWriter, MakeGrant(1, kWriter), kRange), Outcome::kDone);
  device(kAcceptor).fail_opcode = IBV_WR_RDMA_READ;
  device(kAcceptor).fail_status = IBV_WC_RETRY_EXC_ERR;
  const Grant next = MakeGrant(2, kAcceptor);
  at(kAcceptor).GrantTo(kAcceptor, next);
  ASSERT_TRUE(PumpUntil([&] { return Granted(next); }));
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 7)) << "Accept";
  EXPECT_EQ(counters(kAcceptor).flushes_failed, 1U);
  EXPECT_EQ(counters(kAcceptor).flushes_replaced, 1U);
  device(kAcceptor).puts_late = false;
  // The next one is by a read again.
  Give(kWriter, MakeGrant(3, kWriter));
  Give(kRival, MakeGrant(4, kRival));
  EXPECT_EQ(counters(kAcceptor).flushes_replaced, 1U);
  EXPECT_EQ(device(kAcceptor).writable_pairs(), 1U);
}

TEST_P(FencingTest, NothingIsGrantedBeforeTheRegistrationIsGivenUpThatReplacesARead) {
  StartGroup(GetParam());
  Give(kWriter, MakeGrant(1, kWriter));
  device(kAcceptor).fail_post_send = 1;
  device(kAcceptor).fail_deregister = 4;
  GrantWhenNothingFails(kAcceptor, device(kAcceptor).fail_deregister);
  EXPECT_EQ(counters(kAcceptor).fences_retried, 4U);
}

TEST_P(FencingTest, TheFirstGrantsHaveNobodyToFence) {
  StartGroup(GetParam());
  const Grant grant = MakeGrant(1, kAcceptor);
  at(kAcceptor).GrantTo(kAcceptor, grant);
  ASSERT_TRUE(PumpUntil([&] { return Granted(grant); }));
  EXPECT_EQ(counters(kAcceptor).fences, 0U);
  Give(kWriter, MakeGrant(2, kWriter));
  EXPECT_EQ(counters(kAcceptor).fences, 0U);
  Give(kRival, MakeGrant(3, kRival));
  EXPECT_EQ(counters(kAcceptor).fences, 1U);
}

TEST_P(FencingTest, AGrantThatFindsNoQueuePairReadyOpensWhenThereIsOne) {
  StartGroup(GetParam());
  device(kAcceptor).fail_create_pair = 3;
  for (std::uint64_t number = 1; number <= 3; ++number) {
    const Grant grant = MakeGrant(1, kWriter, number);
    at(kAcceptor).GrantTo(kWriter, grant);
    while (!Granted(grant)) {
      PumpOne(kAcceptor);
    }
  }
  EXPECT_GT(counters(kAcceptor).grants_without_spare, 0U);
  // A message that was sent after the grant does not come before it.
  at(kAcceptor).Send(kWriter, Pattern(10, 1));
  ASSERT_TRUE(PumpUntil([&] { return Count(kWriter, Event::Kind::kMessage) == 1; }));
  EXPECT_EQ(at(kWriter).Write(kAcceptor, MakeGrant(1, kWriter, 3), kFirstLife, kRange, NextToken()),
            Post::kPosted);
}

// By its adapter, and not by the good will of the peer's transport.
TEST_P(FencingTest, P2NobodyCanWriteByAQueuePairThatNoGrantHasNamed) {
  StartGroup(GetParam());
  EXPECT_EQ(device(kAcceptor).writable_pairs(), 0U);
  Give(kWriter, MakeGrant(1, kWriter));
  EXPECT_EQ(device(kAcceptor).writable_pairs(), 1U);
  Give(kRival, MakeGrant(2, kRival));
  EXPECT_EQ(device(kAcceptor).writable_pairs(), 1U);
  const Grant next = MakeGrant(3, kAcceptor);
  at(kAcceptor).GrantTo(kAcceptor, next);
  ASSERT_TRUE(PumpUntil([&] { return Granted(next); }));
  EXPECT_EQ(device(kAcceptor).writable_pairs(), 0U);
}

TEST_P(FencingTest, AGrantThatTheDeviceDoesNotOpenIsAPathThatIsDownAndTheNextOneIsNot) {
  StartGroup(GetParam());
  device(kAcceptor).fail_allow = 1;
  const Grant grant = MakeGrant(1, kWriter);
  at(kAcceptor).GrantTo(kWriter, grant);
  ASSERT_TRUE(PumpUntil([&] { return Granted(grant); }));
  EXPECT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDown);
  EXPECT_EQ(counters(kAcceptor).grants_not_opened, 1U);
  EXPECT_EQ(CountAll(Event::Kind::kLinkDown), 0U);
  const Grant next = MakeGrant(1, kWriter, 2);
  Give(kWriter, next);
  EXPECT_EQ(WriteAndWait(kWriter, next, kRange), Outcome::kDone);
}

// The news comes from another thread than the one that takes completions, and may come between its look at
// the news and its look at completions, where the message with the grant then stands.
TEST_P(FencingTest, AGrantThatOvertakesTheNewsOfItsQueuePairIsTaken) {
  StartGroup(GetParam());
  Give(kWriter, MakeGrant(1, kWriter));
  Give(kRival, MakeGrant(2, kRival));
  // The spare for the writer is used up, and the next one is not offered before the acceptor turns again.
  const Grant grant = MakeGrant(3, kWriter);
  at(kAcceptor).GrantTo(kWriter, grant);
  while (!Granted(grant)) {
    PumpOne(kAcceptor);
  }
  const Grant next = MakeGrant(3, kWriter, 2);
  bool overtaken = false;
  device(kWriter).before_completions = [&] {
    at(kAcceptor).GrantTo(kWriter, next);
    for (int i = 0; i < 100; ++i) {
      PumpOne(kAcceptor);
      transport(kWriter).StepConnections();
    }
    overtaken = Granted(next);
  };
  PumpOne(kWriter);
  ASSERT_TRUE(overtaken) << "the grant was on its way when completions were looked for";
  EXPECT_EQ(counters(kWriter).messages_malformed, 0U);
  EXPECT_EQ(CountAll(Event::Kind::kLinkDown), 0U);
  EXPECT_EQ(WriteAndWait(kWriter, next, kRange), Outcome::kDone);
}

// And news of another kind may come with it: that the link is over by which the message came.
TEST_P(FencingTest, AGrantThatComesWithTheNewsThatItsLinkIsOverIsNotTaken) {
  StartGroup(GetParam());
  for (const int how : {0, 1, 2}) {
    const auto round = static_cast<std::uint32_t>(10 * how);
    Give(kWriter, MakeGrant(round + 1, kWriter));
    Give(kRival, MakeGrant(round + 2, kRival));
    const Grant grant = MakeGrant(round + 3, kWriter);
    at(kAcceptor).GrantTo(kWriter, grant);
    while (!Granted(grant)) {
      PumpOne(kAcceptor);
    }
    const Grant next = MakeGrant(round + 3, kWriter, 2);
    bool overtaken = false;
    Forget();
    device(kWriter).before_completions = [&] {
      at(kAcceptor).GrantTo(kWriter, next);
      for (int i = 0; i < 100; ++i) {
        PumpOne(kAcceptor);
        transport(kWriter).StepConnections();
      }
      overtaken = Granted(next);
      if (how == 0) {
        backend_->hub().Cut(kAcceptor, kWriter);
      } else {
        backend_->clock().AdvanceNs(20 * kTurnNs);  // until it is asked for events
        device(kWriter).events = {{.type = how == 1 ? IBV_EVENT_PORT_ERR : IBV_EVENT_DEVICE_FATAL}};
      }
      transport(kWriter).StepConnections();
    };
    PumpOne(kWriter);
    ASSERT_TRUE(overtaken);
    EXPECT_GE(Count(kWriter, Event::Kind::kLinkDown), 1U) << "in the midst of the message";
    EXPECT_EQ(at(kWriter).Write(kAcceptor, next, kFirstLife, kRange, NextToken()), Post::kDown);
    if (how == 2) {
      EXPECT_EQ(counters(kWriter).devices_lost, 1U);
      return;
    }
    backend_->hub().Heal(kAcceptor, kWriter);
    device(kWriter).events = {{.type = IBV_EVENT_PORT_ACTIVE}};
    Forget();
    ASSERT_TRUE(PumpUntil([&] { return Count(kWriter, Event::Kind::kLinkUp) >= 1; }));
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, FencingTest, testing::Values(kAdapter, kSoftRoce),
                         [](const auto& driver) { return std::string(driver.param); });

class SoftRoceTest : public VerbsTest {};

// Soft-RoCE checks a write, and copies it later: facts of the lab, played here at will.
TEST_F(SoftRoceTest, AWriteThatTheDeviceHasTakenIsInTheLogWhenTheNextGrantIsGiven) {
  StartGroup(kSoftRoce);
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  device(kAcceptor).puts_late = true;
  at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 7));
  ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  const Grant next = MakeGrant(2, kAcceptor);
  at(kAcceptor).GrantTo(kAcceptor, next);
  ASSERT_TRUE(PumpUntil([&] { return Granted(next); }));
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 7)) << "Accept";
  at(kAcceptor).FillLog(kRange.from, Pattern(kRange.size(), 8));
  device(kAcceptor).puts_late = false;
  backend_->network().Run();
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 8)) << "Promise";
}

// The same with the fence of adapters, which such a device would get past: so the test above says something.
TEST_F(SoftRoceTest, TheQueuePairAloneWouldNotHaveFencedIt) {
  StartGroup(kAdapter);
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  device(kAcceptor).puts_late = true;
  at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 7));
  ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  const Grant next = MakeGrant(2, kAcceptor);
  at(kAcceptor).GrantTo(kAcceptor, next);
  ASSERT_TRUE(PumpUntil([&] { return Granted(next); }));
  at(kAcceptor).FillLog(kRange.from, Pattern(kRange.size(), 8));
  device(kAcceptor).puts_late = false;
  backend_->network().Run();
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 7));
}

TEST_F(SoftRoceTest, TheLogHasAnotherKeyAfterEachFence) {
  StartGroup(kSoftRoce);
  // The log, once more as a spare, and the control region; all else is for the own device alone.
  EXPECT_EQ(device(kAcceptor).remote_regions(), 3U);
  for (std::uint32_t round = 1; round <= 5; ++round) {
    Give(kWriter, MakeGrant(round, kWriter));
    ASSERT_TRUE(PumpUntil([&] { return device(kAcceptor).remote_regions() == 3U; }));
  }
}

TEST_F(SoftRoceTest, NothingIsGrantedBeforeTheRegistrationIsGivenUp) {
  StartGroup(kSoftRoce);
  Give(kWriter, MakeGrant(1, kWriter));
  device(kAcceptor).fail_deregister = 4;
  const Grant next = MakeGrant(2, kRival);
  at(kAcceptor).GrantTo(kRival, next);
  while (device(kAcceptor).fail_deregister != 0) {
    PumpOne(kAcceptor);
    ASSERT_FALSE(Granted(next));
  }
  EXPECT_TRUE(PumpUntil([&] { return Granted(next); }));
  EXPECT_EQ(counters(kAcceptor).fences_retried, 4U);
}

TEST_F(SoftRoceTest, AHolderWaitsForARegistrationThatTheSystemRefuses) {
  StartGroup(kSoftRoce);
  Give(kWriter, MakeGrant(1, kWriter));
  device(kAcceptor).fail_register = 3;
  Give(kRival, MakeGrant(2, kRival));  // with the spare
  Give(kWriter, MakeGrant(3, kWriter));
  EXPECT_EQ(device(kAcceptor).fail_register, 0);
  bool told = false;
  for (const std::string& notice : transport(kAcceptor).TakeNotices()) {
    told = told || notice.find("limit of locked memory") != std::string::npos;
  }
  EXPECT_TRUE(told);
}

TEST(DestroysWhenLost, SoftRoceAloneWhichIsItsDriver) {
  DeviceFacts facts;
  facts.driver = "rdma_rxe";
  EXPECT_TRUE(DestroysWhenLost(facts));
  for (const char* const driver : {"mlx5_core", "mlx4_core", "ice", "bnxt_en", "hns3", "ib_mthca", ""}) {
    facts.driver = driver;
    EXPECT_FALSE(DestroysWhenLost(facts)) << driver;
  }
}

TEST(ChooseFence, GoesByTheDriver) {
  DeviceFacts facts;
  facts.name = "dev0";
  facts.driver = "mlx5_core";
  EXPECT_EQ(*ChooseFence(facts), FenceStrategy::kQueuePair);
  facts.driver = "rdma_rxe";
  EXPECT_EQ(*ChooseFence(facts), FenceStrategy::kDeregistration);
  facts.driver = "";
  EXPECT_EQ(*ChooseFence(facts), FenceStrategy::kDeregistration) << "what is not known gets the stronger one";
  facts.iwarp = true;
  const absl::StatusOr<FenceStrategy> refused = ChooseFence(facts);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(refused.status().message().find("siw"), absl::string_view::npos);
}

}  // namespace
}  // namespace gaios::transport::verbs

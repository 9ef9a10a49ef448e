// Devices that are lost, ports that are down, and a network that lets no RDMA through: whether links end and
// come back, and when a grant is effective that by such a device nobody asks for.

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/transport/verbs/fixture.h"

namespace gaios::transport::verbs {
namespace {

const Range kRange = MakeRange(256, 512);
const Range kWhole = MakeRange(0, 4096);
constexpr const char* kAdapter = "mlx5_core";
constexpr const char* kSoftRoce = "rdma_rxe";

class DevicesTest : public VerbsTest, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override { StartGroup(GetParam()); }
  // How many notices have said so, of those not taken before.
  std::int64_t Told(ReplicaId id, const std::string& what) {
    const std::vector<std::string> notices = transport(id).TakeNotices();
    return std::ranges::count_if(
        notices, [&](const std::string& notice) { return notice.find(what) != std::string::npos; });
  }
  void LoseCompletions(ReplicaId id) {
    device(id).completions_lost = true;
    PumpOne(id);
    ASSERT_EQ(counters(id).devices_lost, 1U);
  }
  // By the acceptor, while nobody else turns.
  void GiveAlone(Grant grant, ReplicaId to = kAcceptor) {
    at(kAcceptor).GrantTo(to, grant);
    for (int i = 0; i < kPatience && !Granted(grant); ++i) {
      backend_->clock().AdvanceNs(kTurnNs);
      PumpOne(kAcceptor);
    }
    ASSERT_TRUE(Granted(grant));
  }
  // Posts a write that its device holds back.
  std::uint64_t WriteHeld(Grant grant, std::uint64_t seed) {
    at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), seed));
    device(kWriter).hold = true;
    const std::uint64_t token = NextToken();
    EXPECT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, token), Post::kPosted);
    (void)at(kWriter).Poll();
    return token;
  }
  void LetGo() {
    device(kWriter).hold = false;
    backend_->network().Run();
  }
};

// ---- a device that is lost

TEST_P(DevicesTest, OneThatIsPulledOutEndsAllLinksAndIsToldAndNobodyDies) {
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  device(kWriter).hold = true;
  const std::uint64_t token = NextToken();
  ASSERT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, token), Post::kPosted);
  ASSERT_EQ(at(kWriter).ReadControl(kRival), Post::kPosted);
  device(kWriter).gone = true;
  ASSERT_TRUE(PumpUntil([&] { return Count(kWriter, Event::Kind::kLinkDown) == 2; }));
  ASSERT_NE(Completed(kWriter, token), nullptr);
  EXPECT_EQ(Completed(kWriter, token)->outcome, Outcome::kDown);
  EXPECT_EQ(Count(kWriter, Event::Kind::kControl), 1U) << "each look is answered";
  EXPECT_EQ(counters(kWriter).devices_lost, 1U);
  ASSERT_TRUE(PumpUntil([&] { return Count(kAcceptor, Event::Kind::kLinkDown) == 1; }))
      << "its peers hear of it";
  EXPECT_EQ(Told(kWriter, "fake0 has lost its completions"), 1);
  // No link goes by it, and the others go on.
  EXPECT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, NextToken()), Post::kDown);
  for (int i = 0; i < 1000; ++i) {
    Pump();
  }
  EXPECT_EQ(Count(kWriter, Event::Kind::kLinkUp), 0U);
  Give(kRival, MakeGrant(2, kRival));
}

TEST_P(DevicesTest, OneThatSaysThatItHasFailedIsNotUsedAnyMore) {
  Give(kWriter, MakeGrant(1, kWriter));
  device(kWriter).events = {{.type = IBV_EVENT_DEVICE_FATAL}, {.type = IBV_EVENT_CQ_ERR}};
  ASSERT_TRUE(PumpUntil([&] { return Count(kWriter, Event::Kind::kLinkDown) == 2; }));
  EXPECT_EQ(counters(kWriter).devices_lost, 1U);
  EXPECT_EQ(Told(kWriter, "fake0 has failed, as it says itself"), 1);
}

// Its own event may not have been looked at when it is found out: as in an abandoned path, which nobody polls
// for.
TEST_P(DevicesTest, OneThatIsFoundOutBeforeItsEventIsLookedAtKillsNobody) {
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  const std::uint64_t token = WriteHeld(grant, 1);
  device(kWriter).events = {{.type = IBV_EVENT_DEVICE_FATAL}};
  device(kWriter).taken_away = true;
  at(kWriter).Abandon(kAcceptor);
  PumpOne(kWriter);
  EXPECT_EQ(counters(kWriter).devices_lost, 1U) << "at once";
  ASSERT_NE(Completed(kWriter, token), nullptr);
  EXPECT_EQ(Completed(kWriter, token)->outcome, Outcome::kDown);
  EXPECT_EQ(Count(kWriter, Event::Kind::kLinkDown), 2U);
  for (int i = 0; i < 20; ++i) {
    Pump();
  }
  EXPECT_EQ(counters(kWriter).devices_lost, 1U);
}

// An adapter that is lost: nobody vouches for what its driver says.
class AdapterTest : public DevicesTest {};

TEST_P(AdapterTest, P2NothingIsGrantedAnyMoreThoughItsDriverSaysThatAllIsDestroyed) {
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  WriteHeld(grant, 2);
  device(kAcceptor).lies = true;
  device(kAcceptor).events = {{.type = IBV_EVENT_DEVICE_FATAL}};
  const Grant next = MakeGrant(2, kRival);
  for (int i = 0; i < 200; ++i) {
    backend_->clock().AdvanceNs(kTurnNs);
    PumpOne(kAcceptor);
    if (i == 20) {
      ASSERT_EQ(counters(kAcceptor).devices_lost, 1U);
      at(kAcceptor).GrantTo(kRival, next);
    }
    ASSERT_FALSE(Granted(next));
  }
  EXPECT_EQ(Told(kAcceptor, "promises nothing to anybody any more"), 1);
  LetGo();
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 2)) << "it lands all the same";
}

TEST_P(AdapterTest, P2NothingIsGrantedAnyMoreByOneThatLostItsCompletions) {
  Give(kWriter, MakeGrant(1, kWriter));
  LoseCompletions(kAcceptor);
  const Grant next = MakeGrant(2, kAcceptor);
  at(kAcceptor).GrantTo(kAcceptor, next);
  for (int i = 0; i < 200; ++i) {
    Pump();
  }
  EXPECT_FALSE(Granted(next));
  EXPECT_EQ(Told(kAcceptor, "promises nothing to anybody any more"), 1);
  EXPECT_EQ(counters(kAcceptor).grants, 1U);
}

// Found out amid a grant, of which the driver says that its fence is done.
TEST_P(AdapterTest, P2AGrantThatIsUnderWayWhenItIsLostIsNotGiven) {
  Give(kWriter, MakeGrant(1, kWriter));
  device(kAcceptor).hold = true;
  const Grant next = MakeGrant(2, kRival);
  at(kAcceptor).GrantTo(kRival, next);
  PumpOne(kAcceptor);
  LoseCompletions(kAcceptor);
  for (int i = 0; i < 50; ++i) {
    PumpOne(kAcceptor);
  }
  EXPECT_FALSE(Granted(next));
}

// What was granted stands, and may be told again.
TEST_P(AdapterTest, AGrantThatIsHeldIsAnnouncedAgain) {
  const Grant grant = MakeGrant(1, kAcceptor);
  GiveAlone(grant);
  LoseCompletions(kAcceptor);
  Forget();
  at(kAcceptor).GrantTo(kAcceptor, grant);
  PumpOne(kAcceptor);
  EXPECT_TRUE(Granted(grant));
}

// Soft-RoCE that is lost: what its driver has destroyed is gone, since there is nothing else.
class SoftDeviceTest : public DevicesTest {};

// Its queue pairs take what comes: that it is lost fences nobody.
TEST_P(SoftDeviceTest, PromiseAGrantByOneThatLostItsCompletionsEndsWhatItsQueuePairsTake) {
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  WriteHeld(grant, 1);
  LoseCompletions(kAcceptor);
  LetGo();
  ASSERT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 1)) << "it lands";
  WriteHeld(grant, 2);
  GiveAlone(MakeGrant(2, kAcceptor));
  at(kAcceptor).FillLog(kRange.from, Pattern(kRange.size(), 3));
  const Bytes granted = at(kAcceptor).LogBytes(kWhole);
  LetGo();
  EXPECT_EQ(at(kAcceptor).LogBytes(kWhole), granted);
  EXPECT_EQ(device(kAcceptor).writable_pairs(), 0U);
  EXPECT_EQ(device(kAcceptor).remote_regions(), 1U) << "the control region alone lets others in";
}

// What it has taken and not put into memory yet no read can follow: the registrations have to go.
TEST_P(SoftDeviceTest, AcceptAGrantByOneThatLostItsCompletionsWaitsForWhatItHasTaken) {
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  device(kAcceptor).puts_late = true;
  at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 7));
  ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  LoseCompletions(kAcceptor);
  GiveAlone(MakeGrant(2, kAcceptor));
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 7)) << "Accept";
  at(kAcceptor).FillLog(kRange.from, Pattern(kRange.size(), 8));
  device(kAcceptor).puts_late = false;
  backend_->network().Run();
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 8)) << "Promise";
}

TEST_P(SoftDeviceTest, NothingIsGrantedByOneThatIsLostBeforeItHasLetGo) {
  Give(kWriter, MakeGrant(1, kWriter));
  device(kAcceptor).events = {{.type = IBV_EVENT_DEVICE_FATAL}};  // which is no proof
  ASSERT_TRUE(PumpUntil([&] { return counters(kAcceptor).devices_lost == 1; }));
  Pump();  // the queue pairs of its links are destroyed
  device(kAcceptor).fail_destroy_pair = 3;
  device(kAcceptor).fail_deregister = 3;
  const Grant next = MakeGrant(2, kRival);
  at(kAcceptor).GrantTo(kRival, next);
  while (device(kAcceptor).fail_deregister != 0) {
    PumpOne(kAcceptor);
    ASSERT_FALSE(Granted(next));
  }
  EXPECT_EQ(device(kAcceptor).fail_destroy_pair, 0);
  PumpOne(kAcceptor);
  EXPECT_TRUE(Granted(next));
  EXPECT_EQ(counters(kAcceptor).fences_retried, 6U);
  EXPECT_EQ(Told(kAcceptor, "does not let go of the log"), 1);
}

TEST_P(SoftDeviceTest, NothingIsGrantedByOneThatNobodyKnowsAnythingOf) {
  Give(kWriter, MakeGrant(1, kWriter));
  device(kAcceptor).refuses_all = true;
  const Grant next = MakeGrant(2, kAcceptor);
  PumpOne(kAcceptor);
  at(kAcceptor).GrantTo(kAcceptor, next);
  for (int i = 0; i < 200; ++i) {
    Pump();
  }
  EXPECT_FALSE(Granted(next));
  EXPECT_EQ(Told(kAcceptor, "does not let go of the log"), 1);
}

TEST_P(SoftDeviceTest, AGrantThatIsUnderWayWhenItIsLostIsGiven) {
  Give(kWriter, MakeGrant(1, kWriter));
  at(kAcceptor).Publish(ControlWord::kCommit, 1);
  device(kAcceptor).hold = true;
  const Grant next = MakeGrant(2, kRival);
  at(kAcceptor).GrantTo(kRival, next);
  for (int i = 0; i < 50; ++i) {
    PumpOne(kAcceptor);
  }
  ASSERT_FALSE(Granted(next)) << "it waits for the read";
  LoseCompletions(kAcceptor);
  for (int i = 0; i < 5; ++i) {
    PumpOne(kAcceptor);
  }
  EXPECT_TRUE(Granted(next));
  // And again, for it is held; and later ones.
  at(kAcceptor).GrantTo(kRival, next);
  PumpOne(kAcceptor);
  EXPECT_EQ(Count(kAcceptor, Event::Kind::kGranted), 2U + 1U);
  GiveAlone(MakeGrant(3, kWriter), kWriter);
}

TEST_P(SoftDeviceTest, AWordOfALostDevicesLogIsZeroWhenALaterGrantIsGiven) {
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  const std::uint64_t token = NextToken();
  ASSERT_EQ(at(kWriter).WriteWord(kAcceptor, grant, kFirstLife, LogWord::kCommit, 77, token), Post::kPosted);
  ASSERT_EQ(AwaitOutcome(kWriter, token), Outcome::kDone);
  LoseCompletions(kAcceptor);
  EXPECT_EQ(transport(kAcceptor).ReadLogWord(LogWord::kCommit), 77U);
  GiveAlone(MakeGrant(2, kAcceptor));
  EXPECT_EQ(transport(kAcceptor).ReadLogWord(LogWord::kCommit), 0U);
}

TEST_P(DevicesTest, P8OneThatLostItsCompletionsReadsTheRingNoMore) {
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  at(kAcceptor).FillLog(kRange.from, Pattern(kRange.size(), 1));
  const std::uint64_t token = WriteHeld(grant, 2);
  LoseCompletions(kWriter);
  ASSERT_NE(Completed(kWriter, token), nullptr);
  at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 3));
  LetGo();
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 1));
  at(kWriter).Abandon(kAcceptor);
}

// ---- a port that is down

TEST_P(DevicesTest, AGrantDoesNotWaitForAPortThatIsDown) {
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  WriteHeld(grant, 2);
  device(kAcceptor).hold = true;  // its reads, which do not come back
  device(kAcceptor).events = {{.type = IBV_EVENT_PORT_ERR, .port = 1}};
  GiveAlone(MakeGrant(2, kAcceptor));
  EXPECT_EQ(counters(kAcceptor).flushes_replaced, 1U);
  const Bytes granted = at(kAcceptor).LogBytes(kWhole);
  LetGo();
  EXPECT_EQ(at(kAcceptor).LogBytes(kWhole), granted);
  // When it is up again the read after a fence is too.
  device(kAcceptor).hold = false;
  device(kAcceptor).events = {{.type = IBV_EVENT_PORT_ACTIVE, .port = 1}};
  ASSERT_TRUE(PumpUntil([&] { return Count(kWriter, Event::Kind::kLinkUp) == 1; }));
  Give(kWriter, MakeGrant(3, kWriter));
  Give(kRival, MakeGrant(4, kRival));
  EXPECT_EQ(counters(kAcceptor).flushes_replaced, 1U);
}

TEST_P(DevicesTest, AGrantWhoseReadIsUnderWayWhenThePortGoesDownIsGiven) {
  Give(kWriter, MakeGrant(1, kWriter));
  device(kAcceptor).hold = true;
  const Grant next = MakeGrant(2, kRival);
  at(kAcceptor).GrantTo(kRival, next);
  for (int i = 0; i < 50; ++i) {
    PumpOne(kAcceptor);
  }
  ASSERT_FALSE(Granted(next));
  device(kAcceptor).events = {{.type = IBV_EVENT_PORT_ERR, .port = 1}};
  ASSERT_TRUE(PumpUntil([&] { return Granted(next); }));
}

TEST_P(DevicesTest, NothingIsConnectedWhileThePortIsDown) {
  backend_->hub().Reconnect(kAcceptor, kWriter);
  for (int i = 0; i < 10; ++i) {
    PumpOne(kAcceptor);  // half of it: the writer does not turn
  }
  device(kAcceptor).events = {{.type = IBV_EVENT_PORT_ERR, .port = 1}};
  backend_->clock().AdvanceNs(100 * kTurnNs);
  PumpOne(kAcceptor);
  Forget();
  for (int i = 0; i < 500; ++i) {
    Pump();
  }
  EXPECT_EQ(Count(kAcceptor, Event::Kind::kLinkUp), 0U);
  EXPECT_EQ(Count(kWriter, Event::Kind::kLinkUp), 0U);
  device(kAcceptor).events = {{.type = IBV_EVENT_PORT_ACTIVE, .port = 1}};
  ASSERT_TRUE(PumpUntil([&] { return Count(kAcceptor, Event::Kind::kLinkUp) == 2; }));
  Give(kWriter, MakeGrant(1, kWriter));
}

// ---- a network that lets no RDMA through

TEST_P(DevicesTest, ALinkIsUpWhenThePeerAnswersByRdmaAndNotBefore) {
  backend_->network().Cut(true);
  backend_->hub().Reconnect(kAcceptor, kWriter);
  ASSERT_TRUE(PumpUntil([&] { return Count(kWriter, Event::Kind::kLinkDown) == 1; }));
  std::int64_t told = 0;
  std::uint64_t by_the_middle = 0;
  constexpr int kTurns = 4000;  // 40 s
  for (int i = 0; i < kTurns; ++i) {
    Pump();
    told +=
        Told(kWriter, "replica 0 is given up, and tried again: it can be met, and does not answer by RDMA");
    by_the_middle = i == kTurns / 2 ? backend_->hub().connections() : by_the_middle;
  }
  EXPECT_EQ(CountAll(Event::Kind::kLinkUp), 0U);
  EXPECT_EQ(told, 1);
  EXPECT_LE(backend_->hub().connections() - by_the_middle, 20U) << "after pauses that grow";
  backend_->network().Cut(false);
  ASSERT_TRUE(PumpUntil([&] {
    return Count(kWriter, Event::Kind::kLinkUp) >= 1 && Count(kAcceptor, Event::Kind::kLinkUp) >= 1;
  }));
  Give(kWriter, MakeGrant(1, kWriter));
}

// The acceptor's own device works: nothing of a grant goes over the network.
TEST_P(DevicesTest, AGrantIsGivenWhileNoRdmaPasses) {
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  backend_->network().Cut(true);
  GiveAlone(MakeGrant(1, kWriter, 2), kWriter);
  EXPECT_EQ(counters(kAcceptor).flushes_replaced, 0U);
}

// ---- memory and queue pairs that the system refuses

// Another path of the replica may wait for the grant, and nobody writes by this one: so nor does it.
TEST_P(DevicesTest, AGrantWaitsForNoRegistrationAndOpensWhenThereIsOne) {
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  WriteHeld(grant, 2);
  device(kAcceptor).fail_register = 1'000'000;
  device(kAcceptor).fail_post_send = 1;  // the read after the fence, so that the registration is given up
  GiveAlone(MakeGrant(2, kAcceptor));
  const Grant by_none = MakeGrant(3, kWriter);
  GiveAlone(by_none, kWriter);
  GiveAlone(MakeGrant(3, kWriter, 1), kWriter);  // and once more, where the spare is used up too
  EXPECT_EQ(device(kAcceptor).writable_pairs(), GetParam() == std::string(kSoftRoce) ? 1U : 0U);
  const Grant next = MakeGrant(4, kRival);
  GiveAlone(next, kRival);
  EXPECT_EQ(device(kAcceptor).writable_pairs(), 0U);
  EXPECT_EQ(device(kAcceptor).remote_regions(), 1U) << "P2: the control region alone lets others in";
  const Bytes granted = at(kAcceptor).LogBytes(kWhole);
  LetGo();
  EXPECT_EQ(at(kAcceptor).LogBytes(kWhole), granted);
  EXPECT_EQ(Told(kAcceptor, "nobody writes here by RDMA until it succeeds"), 1) << "once";
  device(kAcceptor).fail_register = 0;
  EXPECT_EQ(WriteAndWait(kRival, next, kRange), Outcome::kDone);
  EXPECT_EQ(CountAll(Event::Kind::kLinkDown), 0U);
}

TEST_P(DevicesTest, AGrantDoesNotWaitForALoopbackThatCannotBeMade) {
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  device(kAcceptor).fail_opcode = IBV_WR_RDMA_READ;  // of the loopback, which is made anew then
  device(kAcceptor).fail_status = IBV_WC_RETRY_EXC_ERR;
  GiveAlone(MakeGrant(2, kAcceptor));
  Give(kWriter, MakeGrant(3, kWriter));
  device(kAcceptor).fail_create_pair = 1'000'000;
  WriteHeld(MakeGrant(3, kWriter), 2);
  GiveAlone(MakeGrant(4, kAcceptor));
  const Bytes granted = at(kAcceptor).LogBytes(kWhole);
  LetGo();
  EXPECT_EQ(at(kAcceptor).LogBytes(kWhole), granted);
  EXPECT_EQ(counters(kAcceptor).flushes_replaced, 2U);
  device(kAcceptor).fail_create_pair = 0;
  Give(kWriter, MakeGrant(5, kWriter));
  GiveAlone(MakeGrant(6, kAcceptor));
  EXPECT_EQ(counters(kAcceptor).flushes_replaced, 2U) << "by a read again";
}

std::string NameOfDevice(const testing::TestParamInfo<const char*>& driver) {
  return driver.param;
}

INSTANTIATE_TEST_SUITE_P(Of, DevicesTest, testing::Values(kAdapter, kSoftRoce), NameOfDevice);
INSTANTIATE_TEST_SUITE_P(Of, AdapterTest, testing::Values(kAdapter, ""), [](const auto& driver) {
  return std::string(driver.param).empty() ? std::string("unknown") : std::string(driver.param);
});
INSTANTIATE_TEST_SUITE_P(Of, SoftDeviceTest, testing::Values(kSoftRoce), NameOfDevice);

}  // namespace
}  // namespace gaios::transport::verbs

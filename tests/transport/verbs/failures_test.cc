// What fails: work requests with every status there is, calls that the device refuses, peers that vanish.

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/transport/verbs/fixture.h"

namespace gaios::transport::verbs {
namespace {

const Range kRange = MakeRange(256, 512);

class FailuresTest : public VerbsTest {
 protected:
  void SetUp() override { StartGroup("mlx5_core"); }
  // Whether a notice has said so, of those not taken before.
  bool Told(paxos::ReplicaId id, const std::string& what) {
    const std::vector<std::string> notices = transport(id).TakeNotices();
    return std::ranges::any_of(
        notices, [&](const std::string& notice) { return notice.find(what) != std::string::npos; });
  }
};

TEST(DeviceEvents, EachHasANameAndAVerdict) {
  std::set<std::string_view> names;
  for (int type = IBV_EVENT_CQ_ERR; type <= IBV_EVENT_WQ_FATAL; ++type) {
    EXPECT_TRUE(names.insert(DeviceEventName(static_cast<ibv_event_type>(type))).second) << type;
  }
  EXPECT_EQ(names.count("unknown"), 0U);
  EXPECT_EQ(JudgeEvent(IBV_EVENT_CQ_ERR), EventVerdict::kDeviceLost);
  EXPECT_EQ(JudgeEvent(IBV_EVENT_PORT_ERR), EventVerdict::kPortDown);
  EXPECT_EQ(JudgeEvent(IBV_EVENT_QP_FATAL), EventVerdict::kNothing) << "its work requests say so";
}

class StatusTest : public FailuresTest, public testing::WithParamInterface<int> {};

TEST_P(StatusTest, AnErrorThatIsNoFenceIsAPathThatIsDownAndTheNextGrantOpensAnother) {
  const auto status = static_cast<ibv_wc_status>(GetParam());
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  device(kWriter).fail_opcode = IBV_WR_RDMA_WRITE;
  device(kWriter).fail_status = status;
  const std::uint64_t first = NextToken();
  const std::uint64_t second = NextToken();
  ASSERT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, first), Post::kPosted);
  ASSERT_EQ(at(kWriter).WriteWord(kAcceptor, grant, kFirstLife, LogWord::kProbe, 1, second), Post::kPosted);
  EXPECT_EQ(AwaitOutcome(kWriter, first), Outcome::kDown);
  EXPECT_EQ(AwaitOutcome(kWriter, second), Outcome::kDown);
  EXPECT_GE(counters(kWriter).failed_work[WorkStatusIndex(status)], 1U);
  EXPECT_EQ(counters(kWriter).paths_broken, 1U);
  EXPECT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, NextToken()), Post::kDown);
  EXPECT_EQ(CountAll(Event::Kind::kLinkDown), 0U);
  const Grant next = MakeGrant(1, kWriter, 2);
  Give(kWriter, next);
  EXPECT_EQ(WriteAndWait(kWriter, next, kRange), Outcome::kDone);
}

TEST_P(StatusTest, OnTheControlQueuePairItEndsTheLinkWhichComesBack) {
  const auto status = static_cast<ibv_wc_status>(GetParam());
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  device(kWriter).fail_opcode = IBV_WR_RDMA_READ;
  device(kWriter).fail_status = status;
  ASSERT_EQ(at(kWriter).ReadControl(kAcceptor), Post::kPosted);
  ASSERT_EQ(at(kWriter).ReadControl(kAcceptor), Post::kPosted);
  ASSERT_TRUE(PumpUntil([&] { return Count(kWriter, Event::Kind::kLinkDown) == 1; }));
  EXPECT_EQ(Count(kWriter, Event::Kind::kControl), 2U) << "each look is answered";
  ASSERT_TRUE(PumpUntil([&] { return CountAll(Event::Kind::kLinkUp) == 2; }));
  EXPECT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, NextToken()), Post::kDown);
  Give(kWriter, MakeGrant(2, kWriter));
}

INSTANTIATE_TEST_SUITE_P(All, StatusTest,
                         testing::Range(static_cast<int>(IBV_WC_LOC_LEN_ERR),
                                        static_cast<int>(IBV_WC_TM_RNDV_INCOMPLETE) + 1),
                         [](const auto& status) {
                           return std::string(WorkStatusName(static_cast<ibv_wc_status>(status.param)));
                         });

TEST_F(VerbsTest, TheRoundTripIsThatOfLooksSmoothedAndBeginsAnewWithTheLink) {
  StartGroup("rxe");
  const auto rtt_ns = [this] { return transport(kWriter).rtt_ns(kAcceptor); };
  const auto with = [](std::uint64_t before_ns, std::uint64_t turns) {
    return before_ns - before_ns / 8 + turns * kTurnNs / 8;
  };
  // The look that finds the peer there takes no time: the clock stands still within a turn.
  const std::uint64_t none_ns = rtt_ns();
  EXPECT_EQ(none_ns, 1U);
  // A look is given to the device in one turn, and found done in the next.
  ASSERT_EQ(at(kWriter).ReadControl(kAcceptor), Post::kPosted);
  ASSERT_TRUE(PumpUntil([&] { return Count(kWriter, Event::Kind::kControl) == 1; }));
  const std::uint64_t one_ns = rtt_ns();
  EXPECT_EQ(one_ns, with(none_ns, 1));
  device(kWriter).hold = true;
  ASSERT_EQ(at(kWriter).ReadControl(kAcceptor), Post::kPosted);
  for (int turn = 0; turn < 8; ++turn) {
    Pump();
  }
  EXPECT_EQ(rtt_ns(), one_ns) << "nothing has come back";
  device(kWriter).hold = false;
  ASSERT_TRUE(PumpUntil([&] { return Count(kWriter, Event::Kind::kControl) == 2; }));
  EXPECT_EQ(rtt_ns(), with(one_ns, 9));
  // What was measured of a link that is over says nothing of the next one.
  device(kWriter).fail_opcode = IBV_WR_RDMA_READ;
  device(kWriter).fail_status = IBV_WC_RETRY_EXC_ERR;
  ASSERT_EQ(at(kWriter).ReadControl(kAcceptor), Post::kPosted);
  ASSERT_TRUE(PumpUntil([&] { return Count(kWriter, Event::Kind::kLinkDown) == 1; }));
  ASSERT_TRUE(PumpUntil([&] { return Count(kWriter, Event::Kind::kLinkUp) == 1; }));
  EXPECT_EQ(rtt_ns(), none_ns);
}

TEST(WorkStatus, EveryOneHasANameAndAVerdictAndSuccessAloneIsDone) {
  for (int status = IBV_WC_SUCCESS; status <= IBV_WC_TM_RNDV_INCOMPLETE; ++status) {
    EXPECT_NE(WorkStatusName(static_cast<ibv_wc_status>(status)), "unknown");
    EXPECT_EQ(JudgeWork(static_cast<ibv_wc_status>(status)) == WorkVerdict::kDone, status == IBV_WC_SUCCESS);
  }
  EXPECT_EQ(JudgeWork(IBV_WC_REM_ACCESS_ERR), WorkVerdict::kRefused);
  EXPECT_EQ(JudgeWork(IBV_WC_RETRY_EXC_ERR), WorkVerdict::kUnreachable);
  EXPECT_EQ(JudgeWork(IBV_WC_WR_FLUSH_ERR), WorkVerdict::kFlushed);
  EXPECT_EQ(JudgeWork(IBV_WC_LOC_PROT_ERR), WorkVerdict::kLocal);
  const auto unknown = static_cast<ibv_wc_status>(31);
  EXPECT_EQ(WorkStatusName(unknown), "unknown");
  EXPECT_EQ(WorkStatusIndex(unknown), kWorkStatuses - 1);
}

TEST_F(FailuresTest, APostThatTheDeviceRefusesIsAPathThatIsDown) {
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  device(kWriter).fail_post_send = 1;
  EXPECT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDown);
  EXPECT_EQ(counters(kWriter).posts_failed, 1U);
  Give(kWriter, MakeGrant(1, kWriter, 2));
}

TEST_F(FailuresTest, AcceptAWriteThatIsDoneSaysNothingOfWhatWasPostedAfterIt) {
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  device(kWriter).hold = true;
  const std::uint64_t first = NextToken();
  const std::uint64_t second = NextToken();
  ASSERT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, first), Post::kPosted);
  (void)at(kWriter).Poll();  // a batch each
  ASSERT_EQ(at(kWriter).ReadLog(kAcceptor, grant, kFirstLife, kRange, second), Post::kPosted);
  (void)at(kWriter).Poll();
  device(kWriter).fail_opcode = IBV_WR_RDMA_READ;
  device(kWriter).fail_status = IBV_WC_RETRY_EXC_ERR;
  device(kWriter).hold = false;
  EXPECT_EQ(AwaitOutcome(kWriter, first), Outcome::kDone);
  EXPECT_EQ(AwaitOutcome(kWriter, second), Outcome::kDown);
}

TEST_F(FailuresTest, P8AnAbandonedPathReadsTheRingNoMore) {
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  at(kAcceptor).FillLog(kRange.from, Pattern(kRange.size(), 1));
  at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 2));
  device(kWriter).hold = true;
  const std::size_t pairs = device(kWriter).pairs();
  const std::uint64_t token = NextToken();
  ASSERT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, token), Post::kPosted);
  (void)at(kWriter).Poll();
  at(kWriter).Abandon(kAcceptor);
  EXPECT_EQ(device(kWriter).pairs(), pairs - 1) << "gone when Abandon returns";
  at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 3));
  device(kWriter).hold = false;
  EXPECT_EQ(AwaitOutcome(kWriter, token), Outcome::kDown);
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 1));
}

using FailuresDeathTest = FailuresTest;
TEST_F(FailuresDeathTest, P8AReplicaStopsRatherThanReuseARingThatADeviceMayStillRead) {
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  device(kWriter).fail_destroy_pair = 1;
  EXPECT_DEATH(at(kWriter).Abandon(kAcceptor), "P8");
  device(kWriter).fail_destroy_pair = 0;  // it was the other process that died
}

TEST_F(FailuresTest, OneWorkRequestOfABatchIsSignalledAndSmallOnesGoInline) {
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  const std::uint64_t posted = device(kWriter).posted;
  const std::uint64_t signalled = device(kWriter).signalled;
  const std::uint64_t inlined = device(kWriter).inlined;
  for (int i = 0; i < 5; ++i) {
    const Range range =
        MakeRange(static_cast<std::uint64_t>(i) * 512, static_cast<std::uint64_t>(i) * 512 + 64);
    ASSERT_EQ(transport(kWriter).Write(kAcceptor, grant, kFirstLife, range, NextToken()), Post::kPosted);
  }
  ASSERT_EQ(transport(kWriter).Write(kAcceptor, grant, kFirstLife, MakeRange(3000, 3400), NextToken()),
            Post::kPosted);
  const std::uint64_t last = NextToken();
  ASSERT_EQ(transport(kWriter).WriteWord(kAcceptor, grant, kFirstLife, LogWord::kCommit, 7, last),
            Post::kPosted);
  EXPECT_EQ(AwaitOutcome(kWriter, last), Outcome::kDone);
  EXPECT_EQ(device(kWriter).posted - posted, 7U);
  EXPECT_EQ(device(kWriter).signalled - signalled, 1U);
  EXPECT_EQ(device(kWriter).inlined - inlined, 6U);
}

TEST_F(FailuresTest, RangesThatFollowEachOtherInABatchAreOneWorkRequest) {
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  const std::uint64_t posted = device(kWriter).posted;
  const Range all = MakeRange(0, 640);
  at(kWriter).FillLog(all.from, Pattern(all.size(), 5));
  std::uint64_t last = 0;
  for (std::uint64_t at_byte = 0; at_byte < 640; at_byte += 64) {
    last = NextToken();
    ASSERT_EQ(transport(kWriter).Write(kAcceptor, grant, kFirstLife, MakeRange(at_byte, at_byte + 64), last),
              Post::kPosted);
  }
  EXPECT_EQ(AwaitOutcome(kWriter, last), Outcome::kDone);
  EXPECT_EQ(device(kWriter).posted - posted, 1U);
  EXPECT_EQ(at(kAcceptor).LogBytes(all), Pattern(all.size(), 5));
}

TEST_F(FailuresTest, APeerThatTakesNoMessagesCostsMessagesAndNoLink) {
  for (int i = 0; i < 500; ++i) {
    at(kWriter).Send(kAcceptor, Pattern(100, static_cast<std::uint64_t>(i)));
    PumpOne(kWriter);
    at(kAcceptor).Send(kWriter, Pattern(100, static_cast<std::uint64_t>(i)));
  }
  EXPECT_GT(counters(kWriter).messages_dropped, 300U);
  EXPECT_TRUE(
      PumpUntil([&] { return Count(kAcceptor, Event::Kind::kMessage) >= kCredits + kWaitingMessages; }));
  EXPECT_EQ(CountAll(Event::Kind::kLinkDown), 0U);
  // And they flow again, both ways, for longer than credits last.
  const std::size_t before = CountAll(Event::Kind::kMessage);
  for (int i = 0; i < 300; ++i) {
    at(kWriter).Send(kAcceptor, Pattern(10, 1));
    at(kAcceptor).Send(kWriter, Pattern(10, 1));
    Pump();
  }
  EXPECT_TRUE(PumpUntil([&] { return CountAll(Event::Kind::kMessage) >= before + 600; }));
  // One way, where nothing comes back but credits.
  const std::size_t so_far = Count(kAcceptor, Event::Kind::kMessage);
  for (int i = 0; i < 300; ++i) {
    at(kWriter).Send(kAcceptor, Pattern(10, 1));
    Pump();
  }
  EXPECT_TRUE(PumpUntil([&] { return Count(kAcceptor, Event::Kind::kMessage) >= so_far + 300; }));
  EXPECT_EQ(CountAll(Event::Kind::kLinkDown), 0U);
}

TEST_F(FailuresTest, ALinkComesUpThoughQueuePairsAreRefusedForAWhile) {
  device(kAcceptor).fail_create_pair = 6;
  device(kWriter).fail_create_pair = 4;
  backend_->hub().Reconnect(kAcceptor, kWriter);
  ASSERT_TRUE(PumpUntil([&] {
    return device(kAcceptor).fail_create_pair == 0 && device(kWriter).fail_create_pair == 0 &&
           Count(kAcceptor, Event::Kind::kLinkUp) == 1 && Count(kWriter, Event::Kind::kLinkUp) == 1;
  }));
  Give(kWriter, MakeGrant(1, kWriter));
}

TEST_F(FailuresTest, APeerThatIsGivenUpIsTriedAgainAfterPausesThatGrowAndToldOnce) {
  device(kWriter).fail_create_pair = 1'000'000;
  backend_->hub().Reconnect(kAcceptor, kWriter);
  std::size_t told = 0;
  std::uint64_t by_the_middle = 0;
  constexpr int kTurns = 4000;  // 40 s
  for (int i = 0; i < kTurns; ++i) {
    Pump();
    for (const std::string& notice : transport(kWriter).TakeNotices()) {
      told += notice.find("replica 0 is given up") != std::string::npos ? 1 : 0;
    }
    by_the_middle = i == kTurns / 2 ? backend_->hub().connections() : by_the_middle;
  }
  EXPECT_EQ(told, 1U);
  EXPECT_LE(backend_->hub().connections() - by_the_middle, 6U);
  device(kWriter).fail_create_pair = 0;
  ASSERT_TRUE(PumpUntil([&] { return Count(kWriter, Event::Kind::kLinkUp) == 1; }));
  Give(kWriter, MakeGrant(1, kWriter));
  // Once it was up it is told of again, and not made to wait.
  device(kWriter).fail_create_pair = 2;
  const std::uint64_t before = backend_->clock().NowNs();
  backend_->hub().Reconnect(kAcceptor, kWriter);
  ASSERT_TRUE(PumpUntil([&] { return Count(kWriter, Event::Kind::kLinkUp) == 2; }));
  EXPECT_LT(backend_->clock().NowNs() - before, std::uint64_t{1'000'000'000});
}

// Nobody is sent to look at the network for what the own device does not take.
TEST_F(FailuresTest, APeerThatTheOwnDeviceDoesNotAskIsNotSaidNotToAnswer) {
  backend_->hub().Reconnect(kAcceptor, kWriter);
  device(kWriter).fail_post_send = 1'000'000;
  for (int i = 0; i < 200; ++i) {
    Pump();
  }
  device(kWriter).fail_post_send = 0;
  const std::vector<std::string> notices = transport(kWriter).TakeNotices();
  const auto told = [&](const std::string& what) {
    return std::ranges::any_of(
        notices, [&](const std::string& notice) { return notice.find(what) != std::string::npos; });
  };
  EXPECT_TRUE(told("fake0 takes no work request"));
  EXPECT_FALSE(told("does not answer by RDMA"));
  ASSERT_TRUE(PumpUntil([&] { return Count(kWriter, Event::Kind::kLinkUp) >= 1; }));
}

TEST_F(FailuresTest, APeerThatWasGivenUpIsTriedAtOnceInItsNextLife) {
  device(kWriter).fail_create_pair = 1'000'000;
  backend_->hub().Reconnect(kAcceptor, kWriter);
  for (int i = 0; i < 2000; ++i) {  // 20 s: the pauses are as long as they get
    Pump();
  }
  device(kWriter).fail_create_pair = 0;
  const std::uint64_t before = backend_->clock().NowNs();
  Restart(kAcceptor, Incarnation(2));
  ASSERT_TRUE(PumpUntil([&] { return Count(kWriter, Event::Kind::kLinkUp) == 1; }));
  EXPECT_LT(backend_->clock().NowNs() - before, std::uint64_t{1'000'000'000});
}

TEST_F(FailuresTest, WhatElseADeviceTellsIsSaidAndCounted) {
  device(kWriter).events = {{.type = IBV_EVENT_GID_CHANGE}, {.type = IBV_EVENT_COMM_EST}};
  ASSERT_TRUE(PumpUntil([&] { return counters(kWriter).device_events == 2; }));
  EXPECT_TRUE(Told(kWriter, "tells of GID_CHANGE"));
  EXPECT_EQ(Count(kWriter, Event::Kind::kLinkDown), 0U);
}

TEST_F(FailuresTest, HundredsOfLostLinksLeaveNothingBehind) {
  Give(kWriter, MakeGrant(1, kWriter));
  for (int i = 0; i < 20; ++i) {
    Pump();
  }
  const std::size_t pairs = device(kWriter).pairs();
  for (std::uint32_t round = 2; round < 500; ++round) {
    Forget();
    backend_->hub().Reconnect(kAcceptor, kWriter);
    ASSERT_TRUE(PumpUntil([&] {
      return Count(kAcceptor, Event::Kind::kLinkUp) == 1 && Count(kWriter, Event::Kind::kLinkUp) == 1;
    }));
    Give(kWriter, MakeGrant(round, kWriter));
  }
  for (int i = 0; i < 20; ++i) {
    Pump();
  }
  EXPECT_EQ(device(kWriter).pairs(), pairs);
  EXPECT_EQ(counters(kWriter).links_down, 498U);
}

TEST_F(FailuresTest, ALinkThatIsCutAnswersEverythingThenEnds) {
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  device(kWriter).hold = true;
  const std::uint64_t token = NextToken();
  ASSERT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, token), Post::kPosted);
  ASSERT_EQ(at(kWriter).ReadControl(kAcceptor), Post::kPosted);
  backend_->hub().Cut(kAcceptor, kWriter);
  ASSERT_TRUE(PumpUntil([&] { return Count(kWriter, Event::Kind::kLinkDown) == 1; }));
  ASSERT_NE(Completed(kWriter, token), nullptr);
  EXPECT_EQ(Completed(kWriter, token)->outcome, Outcome::kDown);
  EXPECT_EQ(Count(kWriter, Event::Kind::kControl), 1U);
  device(kWriter).hold = false;
  backend_->hub().Heal(kAcceptor, kWriter);
  ASSERT_TRUE(PumpUntil([&] { return Count(kWriter, Event::Kind::kLinkUp) == 1; }));
}

// ---- opening

class OpenTest : public testing::Test {
 protected:
  OpenTest() {
    options_.incarnation = Incarnation(1);
    options_.capacity = 4096;
  }
  absl::Status Open() {
    bootstrap::ChannelHub hub;
    FakeNetwork network;
    std::unique_ptr<FakeDevice> device = network.MakeDevice();
    device->mutable_facts = facts_.name.empty() ? device->mutable_facts : facts_;
    device->fail_register = fail_register_;
    device->fail_create_pair = fail_create_pair_;
    options_.clock = &clock_;
    options_.own_thread = false;
    return VerbsTransport::Open(options_, std::move(device),
                                hub.Join({.id = options_.self, .incarnation = options_.incarnation}))
        .status();
  }
  base::TscClock clock_{base::TscClock::Source::kKernel};
  VerbsOptions options_;
  DeviceFacts facts_;
  int fail_register_ = 0;
  int fail_create_pair_ = 0;
};

TEST_F(OpenTest, RefusesOptionsThatMakeNoSense) {
  EXPECT_TRUE(Open().ok());
  options_.retries = 7;
  EXPECT_EQ(Open().code(), absl::StatusCode::kInvalidArgument);
  options_.retries = 6;
  options_.ack_timeout = 0;
  EXPECT_EQ(Open().code(), absl::StatusCode::kInvalidArgument);
  options_.ack_timeout = 13;
  options_.capacity = 5000;
  EXPECT_EQ(Open().code(), absl::StatusCode::kInvalidArgument);
  options_.capacity = 4096;
  options_.replicas = 8;
  EXPECT_EQ(Open().code(), absl::StatusCode::kInvalidArgument);
  options_.replicas = 3;
  options_.self = ReplicaId(3);
  EXPECT_EQ(Open().code(), absl::StatusCode::kInvalidArgument);
  options_.self = ReplicaId(0);
  options_.incarnation = Incarnation(0);
  EXPECT_EQ(Open().code(), absl::StatusCode::kInvalidArgument);
  options_.incarnation = Incarnation(1);
  options_.fence = FenceStrategy::kAccessFlags;
  EXPECT_EQ(Open().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(OpenTest, RefusesADeviceWhoseFenceNobodyVouchesFor) {
  facts_.name = "siw0";
  facts_.iwarp = true;
  EXPECT_EQ(Open().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(OpenTest, RefusesTheWeakerFenceOnSoftRoce) {
  facts_ = FakeNetwork().MakeDevice()->mutable_facts;
  facts_.driver = "rdma_rxe";
  EXPECT_TRUE(Open().ok());
  options_.fence = FenceStrategy::kQueuePair;
  EXPECT_EQ(Open().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(OpenTest, ADeviceWithoutAQueuePairForTheReadAfterAFenceIsAnErrorAtOnce) {
  fail_create_pair_ = 1;
  const absl::Status status = Open();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(status.message().find("could grant nothing"), absl::string_view::npos) << status;
}

TEST_F(OpenTest, SaysWhatToDoWhenMemoryIsNotRegistered) {
  fail_register_ = 1;
  const absl::Status status = Open();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(status.message().find("does not register"), absl::string_view::npos) << status;
}

}  // namespace
}  // namespace gaios::transport::verbs

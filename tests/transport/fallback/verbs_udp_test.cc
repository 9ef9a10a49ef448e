// RDMA as the better of two paths: what becomes of it when nothing passes by it, when its port is down and
// when its device is lost, and of what its devices still hold.

#include <cstdint>
#include <memory>

#include <gtest/gtest.h>

#include "tests/conformance/suite.h"
#include "tests/transport/fallback/verbs_udp_backend.h"

namespace gaios::transport::fallback {
namespace {

using conformance::Bytes;
using conformance::kAcceptor;
using conformance::kFirstLife;
using conformance::kRival;
using conformance::kWriter;
using conformance::MakeGrant;
using conformance::MakeRange;
using conformance::Pattern;

constexpr std::size_t kVerbs = VerbsUdpBackend::kVerbs;
constexpr std::size_t kUdp = VerbsUdpBackend::kUdp;
constexpr std::uint64_t kSettleNs = 2'000'000'000;
const Range kRange = MakeRange(256, 1'024);

class VerbsUdpTest : public conformance::ConformanceTest {
 protected:
  void SetUp() override {
    ConformanceTest::SetUp();
    StartGroup();
    paths().BeginLooks();
    ASSERT_TRUE(PumpUntil([this] {
      for (const ReplicaId id : {kAcceptor, kWriter, kRival}) {
        for (const ReplicaId peer : {kAcceptor, kWriter, kRival}) {
          if (id != peer && !paths().udp(id).link_state(peer).up) {
            return false;
          }
        }
        if (paths().verbs(id).counters().links_up != 2) {
          return false;
        }
      }
      return true;
    }));
  }
  VerbsUdpBackend& paths() { return static_cast<VerbsUdpBackend&>(backend()); }
  FallbackTransport& transport(ReplicaId id) { return paths().transport(id); }
  verbs::FakeDevice& device(ReplicaId id) { return paths().device(id); }

  // Rounds that are long.
  void LetPass(std::uint64_t time_ns) {
    constexpr std::uint64_t kLongNs = 2'000'000;
    for (std::uint64_t passed_ns = 0; passed_ns < time_ns; passed_ns += kLongNs) {
      paths().clock().AdvanceNs(kLongNs - VerbsUdpBackend::kRoundNs);
      Pump();
    }
  }
  // The next grant of the acceptor's log to the writer, as its core asks for it, and a probe under it.
  Grant Regrant() {
    const Grant grant = MakeGrant(1, kWriter, ++number_);
    Give(kAcceptor, kWriter, grant);
    EXPECT_EQ(ProbeAndWait(grant), Outcome::kDone);
    return grant;
  }
  bool Refused(Grant grant) {
    return at(kWriter).WriteWord(kAcceptor, grant, kFirstLife, LogWord::kProbe, 1, NextToken()) ==
           Post::kDown;
  }
  std::uint64_t Write(Grant grant, std::uint64_t seed) {
    at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), seed));
    const std::uint64_t token = NextToken();
    EXPECT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, token), Post::kPosted);
    return token;
  }
  // The next grant is by UDP, and a write under it replaces what is there.
  void GoOnByUdp(std::uint64_t seed) {
    const Grant grant = Regrant();
    EXPECT_EQ(transport(kWriter).path(kAcceptor), kUdp);
    EXPECT_EQ(AwaitCompletion(kWriter, Write(grant, seed)).outcome, Outcome::kDone);
    EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), seed));
  }
  // A write that stands in the writer's device, posted before the other path took over.
  std::uint64_t WriteHeld(Grant grant, std::uint64_t seed) {
    device(kWriter).hold = true;
    const std::uint64_t token = Write(grant, seed);
    (void)at(kWriter).Poll();
    return token;
  }
  void LetGo() {
    device(kWriter).hold = false;
    paths().rdma().Run();
  }

 private:
  std::uint64_t number_ = 0;
};

// Where the driver's word that something is destroyed holds for a device that is lost too.
class SoftRoceTest : public VerbsUdpTest {};
// Where it does not.
class AdapterTest : public VerbsUdpTest {};

TEST_P(VerbsUdpTest, RdmaCarriesTheWrites) {
  const Grant grant = Regrant();
  EXPECT_EQ(transport(kWriter).path(kAcceptor), kVerbs);
  ASSERT_EQ(AwaitCompletion(kWriter, Write(grant, 1)).outcome, Outcome::kDone);
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 1));
  EXPECT_EQ(paths().udp(kWriter).counters().pieces_sent, 0U);
}

TEST_P(VerbsUdpTest, WhenNoRdmaPassesUdpGoesOnAndRdmaIsGoneBackToOnce) {
  (void)Regrant();
  paths().rdma().Cut(true);
  const Grant grant = MakeGrant(1, kWriter, 1);
  EXPECT_EQ(AwaitCompletion(kWriter, Write(grant, 1)).outcome, Outcome::kDown);
  GoOnByUdp(2);
  const Grant by_udp = Regrant();
  // Peers meet for RDMA all the while, and none answers by it.
  LetPass(5 * kSettleNs);
  EXPECT_FALSE(Refused(by_udp)) << "nothing calls it back";
  EXPECT_EQ(transport(kWriter).path(kAcceptor), kUdp);
  paths().rdma().Cut(false);
  LetPass(kSettleNs / 2);
  EXPECT_FALSE(Refused(by_udp)) << "too early";
  LetPass(5 * kSettleNs);  // it is looked for after pauses that have grown
  EXPECT_TRUE(Refused(by_udp));
  const Grant back = Regrant();
  EXPECT_EQ(transport(kWriter).path(kAcceptor), kVerbs);
  LetPass(2 * kSettleNs);
  EXPECT_FALSE(Refused(back));
  EXPECT_EQ(transport(kWriter).switches(kAcceptor), 2U);
  EXPECT_EQ(transport(kWriter).switches(SwitchReason::kBetterAgain), 1U);
}

TEST_P(VerbsUdpTest, PromiseWhatADeviceHoldsOfTheAbandonedPathDoesNotLand) {
  const Grant grant = Regrant();
  const std::uint64_t token = WriteHeld(grant, 1);
  EXPECT_EQ(AwaitCompletion(kWriter, token).outcome, Outcome::kDown);
  EXPECT_EQ(transport(kWriter).switches(SwitchReason::kStalled), 0U) << "counted when another has taken over";
  GoOnByUdp(2);
  EXPECT_EQ(transport(kWriter).switches(SwitchReason::kStalled), 1U);
  LetGo();
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 2));
}

TEST_P(SoftRoceTest, ADeviceThatLosesItsCompletionsAtTheAcceptorHoldsNoGrantUp) {
  const Grant grant = Regrant();
  (void)WriteHeld(grant, 1);
  device(kAcceptor).completions_lost = true;
  ASSERT_TRUE(PumpUntil([this] { return paths().verbs(kAcceptor).counters().devices_lost == 1; }));
  GoOnByUdp(2);
  LetGo();  // its queue pairs would have taken it
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 2));
  for (std::uint64_t seed = 3; seed < 6; ++seed) {
    GoOnByUdp(seed);
  }
}

TEST_P(VerbsUdpTest, ADeviceThatIsPulledOutAtTheWriterIsALinkThatIsDownAndNoMore) {
  const Grant grant = Regrant();
  const std::uint64_t token = WriteHeld(grant, 1);
  device(kWriter).gone = true;
  EXPECT_EQ(AwaitCompletion(kWriter, token).outcome, Outcome::kDown);
  GoOnByUdp(2);
  EXPECT_EQ(transport(kWriter).switches(SwitchReason::kLinkDown), 1U);
}

TEST_P(SoftRoceTest, ADeviceThatIsPulledOutHoldsNothingUpThatOthersAskOfItsReplica) {
  (void)Regrant();
  device(kWriter).gone = true;
  Give(kWriter, kRival, MakeGrant(5, kRival));
}

// Who could write by it may do so still: better no grant than a wrong one.
TEST_P(SoftRoceTest, P2ADeviceThatDoesNotLetGoHoldsGrantsUp) {
  const Grant grant = Regrant();
  (void)WriteHeld(grant, 1);
  device(kAcceptor).completions_lost = true;
  ASSERT_TRUE(PumpUntil([this] { return paths().verbs(kAcceptor).counters().devices_lost == 1; }));
  LetPass(100'000'000);
  device(kAcceptor).fail_destroy_pair = 1'000'000;
  const Grant rival = MakeGrant(2, kRival);
  Forget(kAcceptor);
  at(kAcceptor).GrantTo(kRival, rival);
  LetPass(kSettleNs);
  for (const conformance::Event& event : reported(kAcceptor)) {
    EXPECT_NE(event.kind, conformance::Event::Kind::kGranted);
  }
  device(kAcceptor).fail_destroy_pair = 0;
  Await(kAcceptor, "the grant",
        [](const conformance::Event& event) { return event.kind == conformance::Event::Kind::kGranted; });
  at(kAcceptor).FillLog(kRange.from, Pattern(kRange.size(), 3));
  LetGo();
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 3));
}

// The driver says that all is destroyed, and the device goes on with what it has: a grant by UDP would have
// two writers.
TEST_P(AdapterTest, P2AnAdapterThatIsLostHoldsTheGrantsOfItsReplicaUp) {
  const Grant grant = Regrant();
  (void)WriteHeld(grant, 1);
  device(kAcceptor).lies = true;
  device(kAcceptor).events = {{.type = IBV_EVENT_DEVICE_FATAL}};
  const auto alone = [&] {  // so that the writer's end goes on
    paths().clock().AdvanceNs(2'000'000);
    (void)at(kAcceptor).Poll();
  };
  while (paths().verbs(kAcceptor).counters().devices_lost == 0) {
    alone();
  }
  const Grant rival = MakeGrant(2, kRival);
  at(kAcceptor).GrantTo(kRival, rival);
  for (int i = 0; i < 1'000; ++i) {
    alone();
    ASSERT_FALSE(transport(kAcceptor).effective_grant().has_value());
  }
  LetGo();
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 1)) << "by which it would be changed";
}

// It fences nobody to hold a grant, and to be granted to: the others of the group go on.
TEST_P(AdapterTest, AWriterWhoseAdapterIsLostGoesOnByUdp) {
  const Grant grant = Regrant();
  device(kWriter).completions_lost = true;
  ASSERT_TRUE(PumpUntil([this] { return paths().verbs(kWriter).counters().devices_lost == 1; }));
  EXPECT_TRUE(Refused(grant));
  GoOnByUdp(2);
}

TEST_P(VerbsUdpTest, APortThatGoesDownAtTheAcceptorHoldsNoGrantUp) {
  const Grant grant = Regrant();
  (void)WriteHeld(grant, 1);
  device(kAcceptor).hold = true;  // it does not even read its own memory
  device(kAcceptor).events.push_back({.type = IBV_EVENT_PORT_ERR, .port = 1});
  ASSERT_TRUE(PumpUntil([this] { return paths().verbs(kAcceptor).counters().port_failures == 1; }));
  GoOnByUdp(2);
  LetGo();
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 2));
  device(kAcceptor).hold = false;
  device(kAcceptor).events.push_back({.type = IBV_EVENT_PORT_ACTIVE, .port = 1});
  const Grant by_udp = Regrant();
  LetPass(5 * kSettleNs);
  EXPECT_TRUE(Refused(by_udp));
  (void)Regrant();
  EXPECT_EQ(transport(kWriter).path(kAcceptor), kVerbs);
}

TEST_P(VerbsUdpTest, P8AnAbandonedLinkReadsTheRingByNeitherPath) {
  const Grant grant = Regrant();
  const Bytes before = at(kAcceptor).LogBytes(kRange);
  const std::uint64_t token = WriteHeld(grant, 1);
  at(kWriter).Abandon(kAcceptor);
  at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 2));
  LetGo();
  EXPECT_EQ(AwaitCompletion(kWriter, token).outcome, Outcome::kDown);
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), before);
}

TEST_P(VerbsUdpTest, AReadOfTheLogGoesOnByTheOtherPath) {
  const Grant grant = Regrant();
  at(kAcceptor).FillLog(kRange.from, Pattern(kRange.size(), 4));
  at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 5));
  device(kWriter).hold = true;
  const std::uint64_t first = NextToken();
  ASSERT_EQ(at(kWriter).ReadLog(kAcceptor, grant, kFirstLife, kRange, first), Post::kPosted);
  (void)at(kWriter).Poll();
  at(kWriter).Abandon(kAcceptor);
  EXPECT_EQ(AwaitCompletion(kWriter, first).outcome, Outcome::kDown);
  paths().rdma().Cut(true);
  device(kWriter).hold = false;
  ASSERT_EQ(at(kWriter).ReadControl(kAcceptor), Post::kPosted);  // it is noticed by what is posted
  ASSERT_TRUE(PumpUntil([this] { return paths().verbs(kWriter).counters().links_down >= 1; }));
  EXPECT_EQ(at(kWriter).LogBytes(kRange), Pattern(kRange.size(), 5)) << "P4: it has not landed";
  const Grant next = MakeGrant(1, kWriter, 7);
  Give(kAcceptor, kWriter, next);
  const std::uint64_t second = NextToken();
  ASSERT_EQ(PostWhenGranted([&] { return at(kWriter).ReadLog(kAcceptor, next, kFirstLife, kRange, second); }),
            Post::kPosted);
  EXPECT_EQ(AwaitCompletion(kWriter, second).outcome, Outcome::kDone);
  EXPECT_EQ(at(kWriter).LogBytes(kRange), Pattern(kRange.size(), 4));
}

// As Soft-RoCE was seen to do; the read of an adapter follows what it has taken. The device has acknowledged
// them, and puts them into memory when the grant by the other path is asked for.
TEST_P(SoftRoceTest, AcceptWhatADeviceHasTakenIsThereWhenTheOtherPathTakesOver) {
  const Grant grant = Regrant();
  device(kAcceptor).puts_late = true;
  ASSERT_EQ(AwaitCompletion(kWriter, Write(grant, 1)).outcome, Outcome::kDone);
  paths().rdma().Cut(true);
  ASSERT_EQ(AwaitCompletion(kWriter, Write(grant, 1)).outcome, Outcome::kDown);
  const Grant next = Regrant();
  ASSERT_EQ(transport(kWriter).path(kAcceptor), kUdp);
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 1));
  ASSERT_EQ(AwaitCompletion(kWriter, Write(next, 2)).outcome, Outcome::kDone);
  device(kAcceptor).puts_late = false;
  paths().rdma().Run();
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 2));
}

conformance::BackendFactory Of(const std::string& driver) {
  return {.name = driver,
          .make = [=] { return std::make_unique<VerbsUdpBackend>(VerbsUdpOptions{.driver = driver}); }};
}

INSTANTIATE_TEST_SUITE_P(Devices, SoftRoceTest, testing::Values(Of("rdma_rxe")), conformance::NameOf);
INSTANTIATE_TEST_SUITE_P(Devices, AdapterTest, testing::Values(Of("mlx5_core")), conformance::NameOf);
INSTANTIATE_TEST_SUITE_P(Devices, VerbsUdpTest, testing::Values(Of("rdma_rxe"), Of("mlx5_core")),
                         conformance::NameOf);

}  // namespace
}  // namespace gaios::transport::fallback

// Datagrams that are lost, doubled, altered and out of order, and peers that fall silent or do not fit.

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/transport/udp/fixture.h"

namespace gaios::transport::udp {
namespace {

const Range kRange = MakeRange(256, 512);

// Megabytes in both directions over a network that loses, doubles, alters and reorders.
class RepairTest : public UdpTest, public testing::WithParamInterface<std::uint64_t> {};

TEST_P(RepairTest, EverythingArrivesAsItWasSent) {
  constexpr std::size_t kCapacity = std::size_t{1} << 20;
  UdpBackendOptions options;
  options.faults = {
      .seed = GetParam(), .lost = 50, .doubled = 50, .altered = 20, .held = 100, .most_flushes = 20};
  options.authenticate = GetParam() % 3 != 0;
  options.encrypt = GetParam() % 3 == 1;
  StartGroup(options, kCapacity);
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  const Bytes bytes = Pattern(kCapacity, GetParam());
  at(kWriter).FillLog(Position(0), bytes);
  std::vector<std::uint64_t> tokens;
  for (std::uint64_t from = 0; from < kCapacity; from += kCapacity / 16) {
    tokens.push_back(PostWrite(kWriter, grant, MakeRange(from, from + kCapacity / 16)));
  }
  ASSERT_EQ(AwaitOutcome(kWriter, tokens.back()), Outcome::kDone);
  EXPECT_EQ(at(kAcceptor).LogBytes(MakeRange(0, kCapacity)), bytes);
  EXPECT_GT(transport(kWriter).counters().pieces_lost, 0U);
  EXPECT_GT(backend_->port(kWriter).counts().lost, 0U);
  EXPECT_GT(backend_->port(kWriter).counts().altered, 0U);

  at(kWriter).FillLog(Position(0), Bytes(kCapacity));
  const std::uint64_t read = ++last_token_;
  ASSERT_EQ(at(kWriter).ReadLog(kAcceptor, grant, kFirstLife, MakeRange(0, kCapacity), read), Post::kPosted);
  ASSERT_EQ(AwaitOutcome(kWriter, read), Outcome::kDone);
  EXPECT_EQ(at(kWriter).LogBytes(MakeRange(0, kCapacity)), bytes);
  EXPECT_GT(Dropped(kWriter, Drop::kForged), 0U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RepairTest, testing::Range(std::uint64_t{1}, std::uint64_t{7}));

TEST_F(UdpTest, AcknowledgementsAreFewUnderLoadAndAtOnceWhenIdle) {
  StartGroup({}, std::size_t{1} << 20);
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  Pump(100);
  const std::uint64_t acks = transport(kAcceptor).counters().acks_sent;
  const std::uint64_t token = PostWrite(kWriter, grant, MakeRange(0, 128));
  at(kWriter).Poll();
  at(kAcceptor).Poll();  // takes it, and answers within the same Poll
  EXPECT_EQ(transport(kAcceptor).counters().acks_sent, acks + 1);
  EXPECT_EQ(AwaitOutcome(kWriter, token), Outcome::kDone);
  const std::uint64_t pieces = transport(kAcceptor).counters().writes_taken;
  ASSERT_EQ(WriteAndWait(kWriter, grant, MakeRange(0, std::size_t{1} << 20)), Outcome::kDone);
  const std::uint64_t more = transport(kAcceptor).counters().writes_taken - pieces;
  EXPECT_GT(more, 700U);
  EXPECT_LT(transport(kAcceptor).counters().acks_sent - acks, more / 8);
}

TEST_F(UdpTest, APeerThatFallsSilentHasNoLinkAndEverythingUnderWayIsAnswered) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  Faults faults = {.lost = 1000};
  backend_->port(kAcceptor).SetFaults(faults);
  events_ = {};
  const std::uint64_t token = PostWrite(kWriter, grant, kRange);
  ASSERT_EQ(at(kWriter).ReadControl(kAcceptor), Post::kPosted);
  EXPECT_EQ(AwaitOutcome(kWriter, token), Outcome::kDown);
  ASSERT_TRUE(PumpUntil([&] { return Count(kWriter, Event::Kind::kLinkDown) == 1; }));
  EXPECT_EQ(Count(kWriter, Event::Kind::kControl), 1U);
  EXPECT_EQ(at(kWriter).ReadControl(kAcceptor), Post::kDown);
  EXPECT_THAT(NoticesOf(kWriter), testing::HasSubstr("the link to replica 0"));
  // The channel is there all the while; that datagrams do not come through is told in the end.
  std::string told;
  ASSERT_TRUE(PumpUntil([&] {
    told += NoticesOf(kWriter);
    return told.find("no datagram reaches replica 0") != std::string::npos;
  }));
  events_ = {};
  faults.lost = 0;
  backend_->port(kAcceptor).SetFaults(faults);
  ASSERT_TRUE(PumpUntil([&] { return Count(kWriter, Event::Kind::kLinkUp) == 1; }));
  EXPECT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, ++last_token_), Post::kDown);
  Give(kWriter, MakeGrant(1, kWriter, 2));
}

// The reason is the port's, and nothing waits for silence.
TEST_F(UdpTest, APortThatGoesDownEndsItsLinksAtOnceAndTheyComeBackWithIt) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  static_cast<void>(NoticesOf(kWriter));
  events_ = {};
  backend_->network().SetTap([](auto, auto, const Tapped& /*bytes*/) { return false; });
  const std::uint64_t token = PostWrite(kWriter, grant, kRange);
  ASSERT_EQ(at(kWriter).ReadControl(kAcceptor), Post::kPosted);
  backend_->port(kWriter).SetDown("the interface v0 is down");
  const std::uint64_t down_ns = backend_->clock().NowNs();
  ASSERT_TRUE(PumpUntil([&] { return Count(kWriter, Event::Kind::kLinkDown) == 2; }));
  EXPECT_LT(backend_->clock().NowNs() - down_ns, 1'000'000U);
  ASSERT_NE(Completed(kWriter, token), nullptr);
  EXPECT_EQ(Completed(kWriter, token)->outcome, Outcome::kDown);
  EXPECT_EQ(Count(kWriter, Event::Kind::kControl), 1U);
  EXPECT_EQ(transport(kWriter).counters().links_unplugged, 2U);
  EXPECT_EQ(transport(kWriter).counters().links_silent, 0U);
  EXPECT_THAT(NoticesOf(kWriter), testing::HasSubstr("the interface v0 is down: the links by the port at"));
  // Its peers hear of it by the channel, which is another way here; they are told nothing of MTUs and
  // filters.
  ASSERT_TRUE(PumpUntil([&] { return CountAll(Event::Kind::kLinkDown) == 4; }));
  Pump(150'000);  // three seconds
  EXPECT_EQ(NoticesOf(kWriter), "");
  EXPECT_EQ(Count(kWriter, Event::Kind::kLinkDown), 2U) << "once";
  events_ = {};
  backend_->network().SetTap({});
  backend_->port(kWriter).SetDown("");
  ASSERT_TRUE(PumpUntil([&] { return Count(kWriter, Event::Kind::kLinkUp) == 2; }));
  EXPECT_THAT(NoticesOf(kWriter), testing::HasSubstr("is up again"));
  Give(kWriter, MakeGrant(1, kWriter, 2));
}

// A port that is wrong about what is below it costs its links once, not for ever.
TEST_F(UdpTest, APortThatSaysThatItIsDownAndCarriesDatagramsHasLinks) {
  StartGroup();
  backend_->port(kWriter).SetDown("the interface v0 has no carrier");
  ASSERT_TRUE(PumpUntil([&] { return Count(kWriter, Event::Kind::kLinkDown) == 2; }));
  ASSERT_TRUE(PumpUntil([&] { return Count(kWriter, Event::Kind::kLinkUp) == 2; }));
  events_ = {};
  Pump(100'000);
  EXPECT_EQ(CountAll(Event::Kind::kLinkDown), 0U);
}

// As when the MTU of the way shrinks: short datagrams come through, so the peer is not silent.
TEST_F(UdpTest, AReadOfWhichNothingComesIsAnsweredInTheEnd) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  backend_->network().SetTap([](udp::Endpoint /*from*/, udp::Endpoint /*to*/, const Tapped& bytes) {
    return bytes.size() <= kMinPayloadBytes;
  });
  const std::uint64_t token = ++last_token_;
  ASSERT_EQ(at(kWriter).ReadLog(kAcceptor, grant, kFirstLife, MakeRange(0, 2000), token), Post::kPosted);
  EXPECT_EQ(AwaitOutcome(kWriter, token), Outcome::kDown);
}

TEST_F(UdpTest, AnIdleLinkStaysUp) {
  StartGroup();
  Pump(200'000);  // four seconds
  EXPECT_EQ(CountAll(Event::Kind::kLinkDown), 0U);
}

// As when the host was suspended: an hour passes between two looks, with a write and a read under way.
TEST_F(UdpTest, AClockThatJumpsAheadAnswersWhatIsUnderWayAndTheLinksComeBack) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  const Bytes bytes = Pattern(kRange.size(), 7);
  at(kWriter).FillLog(kRange.from, bytes);
  for (const int rounds : {0, 1, 2, 3}) {
    events_ = {};
    const std::uint64_t token = ++last_token_;
    if (at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, token) != Post::kPosted) {
      break;  // the path ended by the jump before
    }
    ASSERT_EQ(at(kWriter).ReadControl(kAcceptor), Post::kPosted);
    Pump(rounds);
    backend_->clock().AdvanceNs(3'600'000'000'000);
    if (AwaitOutcome(kWriter, token) == Outcome::kDone) {
      EXPECT_EQ(at(kAcceptor).LogBytes(kRange), bytes) << "what is done is there";
    }
    EXPECT_TRUE(PumpUntil([&] { return Count(kWriter, Event::Kind::kControl) == 1; }));
  }
  ASSERT_TRUE(PumpUntil([&] {
    return transport(kWriter).link_state(kAcceptor).up && transport(kAcceptor).link_state(kWriter).up;
  }));
  Give(kWriter, MakeGrant(1, kWriter, 2));
  EXPECT_EQ(WriteAndWait(kWriter, MakeGrant(1, kWriter, 2), kRange), Outcome::kDone);
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), bytes);
}

TEST_F(UdpTest, DatagramsThatAreTooLongForTheWayAreNamed) {
  backend_ = std::make_unique<UdpBackend>(UdpBackendOptions{});
  backend_->network().SetTap(
      [](udp::Endpoint /*from*/, udp::Endpoint /*to*/, const Tapped& bytes) { return bytes.size() <= 1000; });
  for (const ReplicaId id : {kAcceptor, kWriter, kRival}) {
    endpoints_[id.value()] = &backend_->Start({.id = id});
  }
  std::string told;
  ASSERT_TRUE(PumpUntil([&] {
    told += NoticesOf(kWriter);
    return told.find("datagrams of 1400 bytes do not reach replica 0") != std::string::npos;
  })) << told;
  EXPECT_EQ(CountAll(Event::Kind::kLinkUp), 0U);
  backend_->network().SetTap({});
  EXPECT_TRUE(PumpUntil([&] { return CountAll(Event::Kind::kLinkUp) == 6; }));
}

TEST_F(UdpTest, PeersWithAnotherPayloadUseTheSmallerOne) {
  StartGroup();
  EXPECT_EQ(transport(kWriter).link_state(kAcceptor).payload_bytes, kDefaultPayloadBytes);
  EXPECT_TRUE(transport(kWriter).link_state(kAcceptor).up);
}

}  // namespace
}  // namespace gaios::transport::udp

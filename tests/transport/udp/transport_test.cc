// The UDP transport against a network that does its worst, and against peers that do not fit. In memory, by a
// time that passes when the test says so.

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/conformance/suite.h"
#include "tests/transport/udp/udp_backend.h"

namespace gaios::transport::udp {
namespace {

using conformance::Bytes;
using conformance::Event;
using conformance::kAcceptor;
using conformance::kFirstLife;
using conformance::kRival;
using conformance::kWriter;
using conformance::MakeGrant;
using conformance::MakeRange;
using conformance::Pattern;

using Tapped = std::vector<std::byte>;

Kind KindOf(const Tapped& bytes) {
  return static_cast<Kind>(bytes[offsetof(Header, kind)]);
}

class UdpTest : public testing::Test {
 protected:
  static constexpr int kPatience = 200'000;  // rounds

  void StartGroup(const UdpBackendOptions& options = {}, std::size_t capacity = 4096) {
    backend_ = std::make_unique<UdpBackend>(options);
    for (const ReplicaId id : {kAcceptor, kWriter, kRival}) {
      endpoints_[id.value()] = &backend_->Start({.id = id, .capacity = capacity});
    }
    ASSERT_TRUE(PumpUntil([&] { return CountAll(Event::Kind::kLinkUp) == 6; }));
    events_ = {};
  }
  conformance::Endpoint& at(ReplicaId id) { return *endpoints_[id.value()]; }
  UdpTransport& transport(ReplicaId id) { return backend_->transport(id); }
  [[nodiscard]] std::uint64_t Dropped(ReplicaId id, Drop why) {
    return transport(id).counters().dropped[static_cast<std::size_t>(why)];
  }

  void Pump(int rounds = 1) {
    for (int i = 0; i < rounds; ++i) {
      backend_->Advance();
      for (const ReplicaId id : {kAcceptor, kWriter, kRival}) {
        for (const Event& event : at(id).Poll()) {
          events_[id.value()].push_back(event);
        }
      }
    }
  }
  bool PumpUntil(const std::function<bool()>& holds) {
    for (int i = 0; i < kPatience; ++i) {
      if (holds()) {
        return true;
      }
      Pump();
    }
    return holds();
  }
  [[nodiscard]] std::size_t Count(ReplicaId id, Event::Kind kind) const {
    return static_cast<std::size_t>(std::ranges::count(events_[id.value()], kind, &Event::kind));
  }
  [[nodiscard]] std::size_t CountAll(Event::Kind kind) const {
    return Count(kAcceptor, kind) + Count(kWriter, kind) + Count(kRival, kind);
  }
  [[nodiscard]] const Completion* Completed(ReplicaId id, std::uint64_t token) const {
    for (const Event& event : events_[id.value()]) {
      if (event.kind == Event::Kind::kCompletion && event.completion.token == token) {
        return &event.completion;
      }
    }
    return nullptr;
  }
  // By the acceptor; the writer knows of it.
  void Give(ReplicaId to, Grant grant) {
    at(kAcceptor).GrantTo(to, grant);
    ASSERT_EQ(WriteAndWait(to, grant, MakeRange(0, 64)), Outcome::kDone);
  }
  std::uint64_t PostWrite(ReplicaId writer, Grant grant, Range range) {
    const std::uint64_t token = ++last_token_;
    EXPECT_TRUE(PumpUntil(
        [&] { return at(writer).Write(kAcceptor, grant, kFirstLife, range, token) == Post::kPosted; }));
    return token;
  }
  Outcome WriteAndWait(ReplicaId writer, Grant grant, Range range) {
    return AwaitOutcome(writer, PostWrite(writer, grant, range));
  }
  Outcome AwaitOutcome(ReplicaId writer, std::uint64_t token) {
    EXPECT_TRUE(PumpUntil([&] { return Completed(writer, token) != nullptr; }));
    const Completion* const completion = Completed(writer, token);
    return completion == nullptr ? Outcome::kDown : completion->outcome;
  }
  // What replica `from` sends from now on, by kind; all of it passes.
  void Record(ReplicaId from, Kind kind, std::vector<Tapped>& into) {
    const udp::Endpoint local = backend_->port(from).local();
    backend_->network().SetTap([=, &into](udp::Endpoint sender, udp::Endpoint /*to*/, const Tapped& bytes) {
      if (sender == local && KindOf(bytes) == kind) {
        into.push_back(bytes);
      }
      return true;
    });
  }
  void Deliver(ReplicaId from, ReplicaId to, const Tapped& bytes) {
    backend_->network().Deliver(backend_->port(from).local(), backend_->port(to).local(), bytes);
  }
  [[nodiscard]] std::string NoticesOf(ReplicaId id) {
    std::string all;
    for (const std::string& notice : transport(id).TakeNotices()) {
      all += notice + "\n";
    }
    return all;
  }

  std::unique_ptr<UdpBackend> backend_;
  std::array<conformance::Endpoint*, 3> endpoints_ = {};
  std::array<std::vector<Event>, 3> events_;
  std::uint64_t last_token_ = 0;
};

const Range kRange = MakeRange(256, 512);

TEST_F(UdpTest, P2ADatagramOfAnEarlierGrantThatComesLateChangesNothing) {
  // Without MACs nothing but the comparison of grants stands between it and the log.
  StartGroup({.authenticate = false});
  const Grant earlier = MakeGrant(1, kWriter);
  Give(kWriter, earlier);
  std::vector<Tapped> writes;
  const udp::Endpoint writer = backend_->port(kWriter).local();
  backend_->network().SetTap([&](udp::Endpoint from, udp::Endpoint /*to*/, const Tapped& bytes) {
    const bool caught = from == writer && KindOf(bytes) == Kind::kWrite;
    if (caught) {
      writes.push_back(bytes);
    }
    return !caught;
  });
  at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 1));
  const std::uint64_t token = PostWrite(kWriter, earlier, kRange);
  ASSERT_TRUE(PumpUntil([&] { return !writes.empty(); }));
  backend_->network().SetTap({});
  const Bytes before = at(kAcceptor).LogBytes(MakeRange(0, 4096));
  for (const ReplicaId to : {kRival, kWriter, kAcceptor}) {
    at(kAcceptor).GrantTo(to, MakeGrant(to == kRival ? 2 : to == kWriter ? 3 : 4, to));
    Deliver(kWriter, kAcceptor, writes.front());
    Pump(3);
    EXPECT_EQ(at(kAcceptor).LogBytes(MakeRange(0, 4096)), before);
  }
  EXPECT_EQ(AwaitOutcome(kWriter, token), Outcome::kFenced);
  EXPECT_GE(transport(kAcceptor).counters().writes_fenced, 3U);
}

TEST_F(UdpTest, AWriteThatWasDoneNeverLandsOverWhatIsPostedAfterIt) {
  StartGroup({.authenticate = false});
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  std::vector<Tapped> writes;
  Record(kWriter, Kind::kWrite, writes);
  at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 1));
  ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  const Tapped first = writes.front();
  at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 2));
  ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  Deliver(kWriter, kAcceptor, first);
  Pump(3);
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 2));
  EXPECT_GE(transport(kAcceptor).counters().writes_again, 1U);
}

TEST_F(UdpTest, SpoofedReplayedAlteredReflectedAndForeignDatagramsAreCountedAndNeverAnswered) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  std::vector<Tapped> writes;
  Record(kWriter, Kind::kWrite, writes);
  ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  backend_->network().SetTap({});
  Pump(10);
  const Bytes before = at(kAcceptor).LogBytes(MakeRange(0, 4096));
  const Tapped good = writes.back();
  const auto altered = [&](std::size_t at_byte) {
    Tapped bytes = good;
    bytes[at_byte] ^= std::byte{1};
    return bytes;
  };
  const std::uint64_t sent = transport(kAcceptor).port_counters().sent;
  const std::uint64_t taken = transport(kAcceptor).counters().writes_taken;
  Deliver(kWriter, kAcceptor, good);
  for (std::size_t i = sizeof(Header); i < good.size(); ++i) {
    Deliver(kWriter, kAcceptor, altered(i));
    at(kAcceptor).Poll();
  }
  EXPECT_EQ(Dropped(kAcceptor, Drop::kReplayed), 1U);
  EXPECT_GE(Dropped(kAcceptor, Drop::kForged), good.size() - sizeof(Header) - 64);
  Deliver(kRival, kAcceptor, good);   // from the wrong place
  Deliver(kAcceptor, kWriter, good);  // sent back to its sender
  Deliver(kWriter, kAcceptor, altered(offsetof(Header, group)));
  Deliver(kWriter, kAcceptor, altered(offsetof(Header, version)));
  Deliver(kWriter, kAcceptor, altered(offsetof(Header, from_incarnation)));
  Deliver(kWriter, kAcceptor, altered(offsetof(Header, to_incarnation)));
  Deliver(kWriter, kAcceptor, altered(offsetof(Header, tag)));
  Deliver(kWriter, kAcceptor, Tapped(good.begin(), good.end() - 1));
  Deliver(kWriter, kAcceptor, Tapped());
  at(kAcceptor).Poll();
  at(kWriter).Poll();
  EXPECT_EQ(Dropped(kAcceptor, Drop::kStranger), 1U);
  EXPECT_EQ(Dropped(kWriter, Drop::kReflected), 1U);
  EXPECT_EQ(Dropped(kAcceptor, Drop::kForeign), 1U);
  EXPECT_EQ(Dropped(kAcceptor, Drop::kOtherVersion), 1U);
  EXPECT_EQ(Dropped(kAcceptor, Drop::kStale), 3U);
  EXPECT_GE(Dropped(kAcceptor, Drop::kTruncated), 2U);
  EXPECT_EQ(transport(kAcceptor).port_counters().sent, sent) << "nothing of it was answered";
  EXPECT_EQ(transport(kAcceptor).counters().writes_taken, taken);
  EXPECT_EQ(at(kAcceptor).LogBytes(MakeRange(0, 4096)), before);
}

TEST_F(UdpTest, DatagramsOfAnEarlierConnectionAreStale) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  std::vector<Tapped> writes;
  Record(kWriter, Kind::kWrite, writes);
  ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  backend_->network().SetTap({});
  backend_->hub().Reconnect(kWriter, kAcceptor);
  ASSERT_TRUE(PumpUntil([&] { return CountAll(Event::Kind::kLinkUp) == 2; }));
  Deliver(kWriter, kAcceptor, writes.back());
  at(kAcceptor).Poll();
  EXPECT_EQ(Dropped(kAcceptor, Drop::kStale), 1U);
  // Nor does the grant that was held open a path again: what has failed under it stays so.
  Pump(100);
  EXPECT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, ++last_token_), Post::kDown);
  at(kAcceptor).GrantTo(kWriter, grant);
  Pump(100);
  EXPECT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, ++last_token_), Post::kDown);
  const Grant next = MakeGrant(1, kWriter, 2);
  Give(kWriter, next);
}

TEST_F(UdpTest, AGrantGivenWhileThePeerWasAwayIsToldWhenItComes) {
  StartGroup();
  backend_->hub().Cut(kWriter, kAcceptor);
  ASSERT_TRUE(PumpUntil([&] { return CountAll(Event::Kind::kLinkDown) == 2; }));
  at(kAcceptor).GrantTo(kWriter, MakeGrant(1, kWriter));
  backend_->hub().Heal(kWriter, kAcceptor);
  EXPECT_EQ(WriteAndWait(kWriter, MakeGrant(1, kWriter), kRange), Outcome::kDone);
}

// Megabytes in both directions over a network that loses, doubles, alters and reorders.
class RepairTest : public UdpTest, public testing::WithParamInterface<std::uint64_t> {};

TEST_P(RepairTest, EverythingArrivesAsItWasSent) {
  constexpr std::size_t kCapacity = std::size_t{1} << 20;
  UdpBackendOptions options;
  options.faults = {
      .seed = GetParam(), .lost = 50, .doubled = 50, .altered = 20, .held = 100, .most_flushes = 20};
  options.authenticate = GetParam() % 2 == 0;
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

TEST_F(UdpTest, AnIdleLinkStaysUp) {
  StartGroup();
  Pump(200'000);  // four seconds
  EXPECT_EQ(CountAll(Event::Kind::kLinkDown), 0U);
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

TEST_F(UdpTest, WritesThatTheAcceptorMustNotTakeYetAreTakenWhenItHasApplied) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  const std::uint64_t token = PostWrite(kWriter, grant, MakeRange(4096, 4160));
  Pump(200);
  EXPECT_EQ(Completed(kWriter, token), nullptr);
  EXPECT_GT(transport(kAcceptor).counters().writes_outside, 0U);
  at(kAcceptor).Publish(ControlWord::kApplied, 64);
  EXPECT_EQ(AwaitOutcome(kWriter, token), Outcome::kDone);
}

}  // namespace
}  // namespace gaios::transport::udp

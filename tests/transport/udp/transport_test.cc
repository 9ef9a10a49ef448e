// The UDP transport against datagrams that come when they should not, or from where they should not.

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/transport/udp/fixture.h"

namespace gaios::transport::udp {
namespace {

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
  const std::uint64_t sent = transport(kAcceptor).port().counters().sent;
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
  EXPECT_EQ(transport(kAcceptor).port().counters().sent, sent) << "nothing of it was answered";
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

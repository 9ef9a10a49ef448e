// The UDP transport against datagrams that come when they should not, or from where they should not.

#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/transport/udp/fixture.h"

namespace gaios::transport::udp {
namespace {

const Range kRange = MakeRange(256, 512);

// With a number that nobody has sent yet: of one that was seen nothing else is looked at.
Tapped Unseen(Tapped datagram) {
  datagram[datagram.size() - kTrailerBytes + 2] ^= std::byte{0x40};
  return datagram;
}

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
    Tapped bytes = Unseen(good);
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
  // But for a length that does not fit, and bytes that must be zero, which are seen before.
  EXPECT_EQ(Dropped(kAcceptor, Drop::kForged), good.size() - sizeof(Header) - 7);
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

// Whether any eight bytes of `bytes`, at any place, stand in `datagram`.
bool Shows(const Tapped& datagram, const Bytes& bytes) {
  for (std::size_t at = 0; at + 8 <= bytes.size(); ++at) {
    const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    if (std::search(datagram.begin(), datagram.end(), from, from + 8) != datagram.end()) {
      return true;
    }
  }
  return false;
}

class EncryptedTest : public UdpTest {
 protected:
  // Writes and reads a range, sends a message, and looks at all that was on its way meanwhile.
  void Exchange(bool encrypt) {
    StartGroup({.encrypt = encrypt});
    const Grant grant = MakeGrant(1, kWriter);
    Give(kWriter, grant);
    backend_->network().SetTap([this](udp::Endpoint, udp::Endpoint, const Tapped& bytes) {
      tapped_.push_back(bytes);
      return true;
    });
    at(kWriter).FillLog(kRange.from, secret_);
    ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
    EXPECT_EQ(at(kAcceptor).LogBytes(kRange), secret_);
    ASSERT_EQ(at(kWriter).ReadLog(kAcceptor, grant, kFirstLife, kRange, ++last_token_), Post::kPosted);
    ASSERT_EQ(AwaitOutcome(kWriter, last_token_), Outcome::kDone);
    at(kRival).Send(kAcceptor, Bytes(secret_.begin(), secret_.begin() + 100));
    ASSERT_TRUE(PumpUntil([&] { return Count(kAcceptor, Event::Kind::kMessage) == 1; }));
    Pump(10'000);  // pings
    backend_->network().SetTap({});
  }

  const Bytes secret_ = Pattern(kRange.size(), 77);
  std::vector<Tapped> tapped_;
};

TEST_F(EncryptedTest, NoByteOfACommandAndNoKindIsReadableOnTheWire) {
  Exchange(true);
  ASSERT_GE(tapped_.size(), 5U);
  // What is written goes by the ballot, which begins the body.
  const std::uint64_t ballot = MakeGrant(1, kWriter).ballot.packed();
  Bytes body(sizeof(ballot));
  std::memcpy(body.data(), &ballot, sizeof(ballot));
  for (const Tapped& datagram : tapped_) {
    EXPECT_FALSE(Shows(datagram, secret_));
    EXPECT_FALSE(Shows(datagram, body));
    EXPECT_EQ(KindOf(datagram), Kind::kEncrypted);
  }
}

TEST_F(EncryptedTest, WithoutEncryptionTheyAreReadable) {
  Exchange(false);
  EXPECT_GE(std::ranges::count_if(tapped_, [this](const Tapped& bytes) { return Shows(bytes, secret_); }), 3);
}

TEST_F(EncryptedTest, AlteredReplayedAndTruncatedDatagramsChangeNothing) {
  Exchange(true);
  const auto write = std::ranges::find_if(
      tapped_, [](const Tapped& bytes) { return bytes.size() > kRange.size() + kOverheadBytes; });
  ASSERT_NE(write, tapped_.end());
  const Tapped good = *write;
  const Bytes before = at(kAcceptor).LogBytes(MakeRange(0, 4096));
  const std::uint64_t forged = Dropped(kAcceptor, Drop::kForged);
  Deliver(kWriter, kAcceptor, good);
  Deliver(kWriter, kAcceptor, Tapped(good.begin(), good.end() - 1));
  for (std::size_t i = sizeof(Header); i < good.size(); ++i) {
    Tapped altered = Unseen(good);
    altered[i] ^= std::byte{1};
    Deliver(kWriter, kAcceptor, altered);
    at(kAcceptor).Poll();
  }
  EXPECT_EQ(Dropped(kAcceptor, Drop::kReplayed), 1U);
  EXPECT_EQ(Dropped(kAcceptor, Drop::kForged) - forged, good.size() - sizeof(Header) + 1);
  EXPECT_EQ(at(kAcceptor).LogBytes(MakeRange(0, 4096)), before);
}

// Without this, whoever can send could make an end take what is not encrypted, or look at what is as if it
// were not.
TEST_F(EncryptedTest, ADatagramOfTheOtherSealIsDroppedAndCounted) {
  for (const bool encrypt : {true, false}) {
    tapped_.clear();
    events_ = {};
    Exchange(encrypt);
    const udp::Endpoint writer = backend_->port(kWriter).local();
    const udp::Endpoint acceptor = backend_->port(kAcceptor).local();
    backend_->network().SetTap([&](udp::Endpoint from, udp::Endpoint to, const Tapped& bytes) {
      Tapped other = bytes;
      other[offsetof(Header, kind)] = static_cast<std::byte>(encrypt ? Kind::kPing : Kind::kEncrypted);
      if (from == writer && to == acceptor) {
        backend_->network().Deliver(from, to, other);
        return false;
      }
      return true;
    });
    EXPECT_TRUE(PumpUntil([&] { return Dropped(kAcceptor, Drop::kOtherSeal) > 0; }));
    EXPECT_EQ(Dropped(kAcceptor, Drop::kForged), 0U);
    backend_->network().SetTap({});
  }
}

// The number is the nonce: one that came twice under a key would give the contents of both away.
TEST_F(EncryptedTest, NoNonceIsUsedTwiceAlsoWhenBytesAreSentAgainOrTheConnectionIsMadeAnew) {
  StartGroup({.encrypt = true});
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
  // Pings of the full length, of which each connection begins with one at either end: but for their first
  // bytes they are zeros, which come out as the bytes that the key and the nonce stand for. Tags are new for
  // each connection; only this tells whether the key and its salt are.
  std::set<Tapped> streams;
  std::size_t pings = 0;
  std::size_t sent = 0;
  backend_->network().SetTap([&](udp::Endpoint, udp::Endpoint, const Tapped& bytes) {
    Header header;
    std::memcpy(&header, bytes.data(), sizeof(header));
    std::uint64_t number = 0;
    std::memcpy(&number, bytes.data() + bytes.size() - kTrailerBytes, sizeof(number));
    seen.emplace(header.tag, number);  // tags are of one direction and connection, as keys are to be
    ++sent;
    if (number == 1) {
      EXPECT_EQ(bytes.size(), kDefaultPayloadBytes) << "a connection begins with a ping";
      ++pings;
      streams.emplace(bytes.end() - 400, bytes.end() - 300);
    }
    return true;
  });
  for (std::uint64_t life = 1; life <= 3; ++life) {
    const Grant grant = MakeGrant(1, kWriter, life);
    Give(kWriter, grant);
    backend_->port(kWriter).SetFaults({.lost = 300});
    const std::uint64_t again = transport(kWriter).counters().pieces_lost;
    for (int i = 0; i < 200; ++i) {
      ASSERT_EQ(WriteAndWait(kWriter, grant, MakeRange(0, 4096)), Outcome::kDone);
    }
    EXPECT_GT(transport(kWriter).counters().pieces_lost, again);
    backend_->port(kWriter).SetFaults({});
    events_ = {};
    backend_->hub().Reconnect(kWriter, kAcceptor);
    ASSERT_TRUE(PumpUntil([&] { return CountAll(Event::Kind::kLinkUp) == 2; }));
  }
  EXPECT_GT(sent, 2000U);
  EXPECT_EQ(seen.size(), sent);
  EXPECT_EQ(pings, 6U) << "of both ends, in three lives";
  EXPECT_EQ(streams.size(), pings);
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

// Two ends of a stream over a network in memory that loses, doubles, alters and holds back: every record
// comes out of the other ring once, whole and in order, both ways.

#include "gaios/rsm/client/network/ring_stream.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/base/check.h"

#include "tests/transport/udp/faulty_port.h"
#include "tests/transport/udp/memory_network.h"

namespace gaios::rsm {
namespace {

using transport::udp::Drop;
using transport::udp::Endpoint;
using transport::udp::Faults;
using transport::udp::FaultyPort;
using transport::udp::MemoryNetwork;

constexpr std::size_t kRingBytes = 8192;
constexpr std::size_t kPayloadBytes = 600;

transport::udp::Seal SealOf(bool client, bool encrypt = false) {
  transport::udp::AuthenticatorOptions keys;
  keys.readable_bytes = encrypt ? kNetworkReadableBytes : transport::udp::kAllReadable;
  keys.send.key.fill(client ? 1 : 2);
  keys.receive.key.fill(client ? 2 : 1);
  absl::StatusOr<transport::udp::Authenticator> made = transport::udp::Authenticator::Create(keys);
  GAIOS_CHECK(made.ok(), "libipsec-mb works");
  return transport::udp::Seal(*std::move(made));
}

class End final : private transport::udp::DatagramReceiver {
 public:
  End(MemoryNetwork& network, bool client, const Faults& faults, bool encrypt)
      : kind_(client ? NetworkKind::kResponses : NetworkKind::kRequests),
        port(network.MakePort(kPayloadBytes), faults),
        stream(client ? NetworkKind::kRequests : NetworkKind::kResponses,
               {.out_indexes = &out_indexes_, .out = out_, .in_indexes = &in_indexes_, .in = in_},
               {.group = 77,
                .place = 1,
                .tag_out = client ? 10U : 20U,
                .tag_in = client ? 20U : 10U,
                .payload_bytes = kPayloadBytes},
               SealOf(client, encrypt), 0),
        writer(out_indexes_, out_),
        reader(in_indexes_, in_) {}

  void Turn(Endpoint to, std::uint64_t now_ns) {
    now_ns_ = now_ns;
    (void)port.Receive(*this, 1000);
    (void)stream.SendDue(port, to, now_ns);
    port.Flush();
  }
  // Puts a record in. False when there is no room.
  bool Write(const std::string& text) {
    std::byte* const place = writer.Claim(text.size());
    if (place != nullptr) {
      std::memcpy(place, text.data(), text.size());
      writer.Commit();
    }
    return place != nullptr;
  }
  std::optional<std::string> Read() {
    std::span<const std::byte> record;
    const RingReader::Next next = reader.Front(record);
    EXPECT_NE(next, RingReader::Next::kBroken);
    if (next != RingReader::Next::kRecord) {
      return std::nullopt;
    }
    std::string text(reinterpret_cast<const char*>(record.data()), record.size());
    reader.Pop();
    return text;
  }
  // Takes a payload in, as it comes.
  std::optional<Drop> Take(std::span<std::byte> payload) {
    NetworkDatagram datagram;
    const std::optional<Drop> drop = ParseNetworkDatagram(payload, kind_, 77, datagram);
    return drop.has_value() ? drop : stream.Take(datagram, payload, now_ns_);
  }

 private:
  void OnDatagram(Endpoint /*from*/, std::span<std::byte> payload) override {
    if (const std::optional<Drop> drop = Take(payload); drop.has_value()) {
      ++dropped[static_cast<std::size_t>(*drop)];
    }
  }

  RingIndexes out_indexes_;
  RingIndexes in_indexes_;
  std::vector<std::byte> out_ = std::vector<std::byte>(kRingBytes);
  std::vector<std::byte> in_ = std::vector<std::byte>(kRingBytes);
  const NetworkKind kind_;  // that comes in
  std::uint64_t now_ns_ = 0;

 public:
  FaultyPort port;
  RingStream stream;
  RingWriter writer;
  RingReader reader;
  std::array<std::uint64_t, transport::udp::kDrops> dropped = {};
};

class Pair {
 public:
  explicit Pair(const Faults& faults = {}, bool encrypt = false)
      : client(network, true, faults, encrypt), replica(network, false, Other(faults), encrypt) {}

  void Turn(std::uint64_t ns = 10'000) {
    client.Turn(replica.port.local(), now_ns_);
    replica.Turn(client.port.local(), now_ns_);
    now_ns_ += ns;
  }
  // Sends records of random sizes both ways until `count` have come, and compares each.
  void Exchange(std::size_t count, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    struct Way {
      End& from;
      End& to;
      std::size_t written = 0;
      std::deque<std::string> expected = {};
    };
    std::array<Way, 2> ways = {Way{client, replica}, Way{replica, client}};
    std::size_t turns = 0;
    for (; ways[0].written < count || ways[1].written < count || !ways[0].expected.empty() ||
           !ways[1].expected.empty();
         ++turns) {
      ASSERT_LT(turns, 1'000'000U) << "it stands still";
      for (Way& way : ways) {
        for (std::size_t more = random() % 4; more > 0 && way.written < count; --more) {
          const std::size_t size = random() % 8 == 0 ? random() % 3000 : random() % 200;
          const std::string text(size, static_cast<char>('a' + random() % 26));
          if (!way.from.Write(text)) {
            break;
          }
          ++way.written;
          way.expected.push_back(text);
        }
      }
      Turn();
      for (Way& way : ways) {
        for (std::size_t some = random() % 4; some > 0; --some) {
          const std::optional<std::string> text = way.to.Read();
          if (!text.has_value()) {
            break;
          }
          ASSERT_FALSE(way.expected.empty());
          ASSERT_EQ(*text, way.expected.front());
          way.expected.pop_front();
        }
      }
    }
    EXPECT_FALSE(client.stream.broken());
    EXPECT_FALSE(replica.stream.broken());
  }

 private:
  static Faults Other(Faults faults) {
    faults.seed += 1000;
    return faults;
  }
  std::uint64_t now_ns_ = 1'000'000;

 public:
  MemoryNetwork network;
  End client;
  End replica;
};

TEST(RingStream, CarriesRecordsBothWaysAndSendsNothingTwiceWithoutNeed) {
  Pair pair;
  pair.Exchange(2000, 1);
  EXPECT_EQ(pair.client.stream.counters().sent_again, 0U);
  EXPECT_EQ(pair.replica.stream.counters().sent_again, 0U);
  EXPECT_EQ(pair.client.stream.counters().timeouts, 0U);
  EXPECT_EQ(pair.client.stream.counters().again, 0U);
  EXPECT_GT(pair.client.stream.rtt_ns(), 0U);
}

TEST(RingStream, WhatIsLostDoubledLateOrAlteredIsMended) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    Pair pair({.seed = seed, .lost = 100, .doubled = 50, .altered = 50, .held = 100});
    pair.Exchange(400, seed);
    EXPECT_GT(pair.client.stream.counters().sent_again, 0U);
    EXPECT_GT(pair.replica.dropped[static_cast<std::size_t>(Drop::kReplayed)], 0U);
    EXPECT_GT(pair.client.port.counts().lost, 0U);
    constexpr auto kForged = static_cast<std::size_t>(Drop::kForged);
    EXPECT_GT(pair.client.dropped[kForged] + pair.replica.dropped[kForged], 0U);
    if (::testing::Test::HasFatalFailure()) {
      FAIL() << "seed " << seed;
    }
  }
}

TEST(RingStream, MostOfWhatIsSentMayBeLost) {
  Pair pair({.seed = 3, .lost = 600});
  pair.Exchange(40, 3);
  EXPECT_GT(pair.client.stream.counters().timeouts + pair.replica.stream.counters().timeouts, 0U);
}

TEST(RingStream, AReaderThatIsSlowStopsTheWriterAndIsAskedForRoom) {
  Pair pair;
  std::size_t written = 0;
  for (int turn = 0; turn < 200; ++turn) {
    while (pair.client.Write(std::string(500, 'x'))) {
      ++written;
    }
    pair.Turn();
  }
  EXPECT_LE(written * 500, kRingBytes);
  // What tells of the room is lost.
  pair.replica.port.SetFaults({.lost = 1000});
  for (std::size_t i = 0; i < written; ++i) {
    ASSERT_TRUE(pair.replica.Read().has_value());
  }
  for (int turn = 0; turn < 100; ++turn) {
    pair.Turn();
  }
  EXPECT_FALSE(pair.client.Write(std::string(4000, 'x')));
  pair.replica.port.SetFaults({});
  for (int turn = 0; turn < 5000 && !pair.client.writer.HasRoom(4008); ++turn) {
    pair.Turn();
  }
  EXPECT_TRUE(pair.client.Write(std::string(4000, 'x')));
}

TEST(RingStream, AClientIsHeardWhileItHasNothingToSay) {
  Pair pair;
  ASSERT_TRUE(pair.client.Write("one"));
  for (int turn = 0; turn < 100; ++turn) {
    pair.Turn();
  }
  ASSERT_EQ(pair.replica.Read(), "one");
  const std::uint64_t heard_ns = pair.replica.stream.heard_ns();
  for (int turn = 0; turn < 40; ++turn) {
    pair.Turn(RingStream::kKeepAliveNs / 10);
  }
  EXPECT_GT(pair.replica.stream.heard_ns(), heard_ns + 2 * RingStream::kKeepAliveNs);
  EXPECT_TRUE(pair.client.stream.idle());
  EXPECT_EQ(pair.client.stream.SilentNs(~std::uint64_t{0}), 0U);
}

TEST(RingStream, AGapIsFilledBeforeTheTimeout) {
  Pair pair;
  pair.Exchange(50, 9);  // the round trip is known
  for (int turn = 0; turn < 100; ++turn) {
    pair.Turn();  // and that all has been taken out
  }
  std::size_t seen = 0;
  pair.network.SetTap([&](Endpoint from, Endpoint, const std::vector<std::byte>&) {
    return from != pair.client.port.local() || ++seen != 1;  // the first is lost
  });
  for (int i = 0; i < 7; ++i) {
    ASSERT_TRUE(pair.client.Write(std::string(kPayloadBytes, 'x')));
  }
  const std::uint64_t timeouts = pair.client.stream.counters().timeouts;
  for (int turn = 0; turn < 50; ++turn) {  // half of the shortest timeout
    pair.Turn();
  }
  for (int i = 0; i < 7; ++i) {
    EXPECT_TRUE(pair.replica.Read().has_value());
  }
  EXPECT_EQ(pair.client.stream.counters().timeouts, timeouts);
  EXPECT_GT(pair.client.stream.counters().sent_again, 0U);
}

TEST(RingStream, WhatIsForgedReplayedOrOfAnotherConnectionChangesNothing) {
  Pair pair;
  std::vector<std::byte> caught;
  pair.network.SetTap([&](Endpoint from, Endpoint, const std::vector<std::byte>& bytes) {
    if (from == pair.client.port.local()) {
      caught = bytes;
    }
    return true;
  });
  ASSERT_TRUE(pair.client.Write("one"));
  pair.Turn();
  ASSERT_EQ(pair.replica.Read(), "one");
  ASSERT_FALSE(caught.empty());
  EXPECT_EQ(pair.replica.Take(caught), Drop::kReplayed);
  for (std::size_t at = 24; at < caught.size(); ++at) {  // behind the tag
    std::vector<std::byte> altered = caught;
    altered[at] ^= std::byte{1};
    // Of a number that was seen nothing else is looked at.
    altered[altered.size() - transport::udp::kTrailerBytes + 2] ^= std::byte{0x40};
    const std::optional<Drop> drop = pair.replica.Take(altered);
    ASSERT_TRUE(drop == Drop::kForged || drop == Drop::kTruncated || drop == Drop::kOversized ||
                drop == Drop::kMalformed)
        << at;
  }
  std::vector<std::byte> other = caught;
  other[offsetof(NetworkHeader, tag)] ^= std::byte{1};
  EXPECT_EQ(pair.replica.Take(other), Drop::kStale);
  EXPECT_EQ(pair.client.Take(caught), Drop::kReflected);
  EXPECT_EQ(pair.replica.Read(), std::nullopt);
}

TEST(RingStream, EncryptedBytesComeAsTheyWereSentOverABadNetwork) {
  Pair pair({.seed = 9, .lost = 100, .doubled = 100, .altered = 50, .held = 200}, /*encrypt=*/true);
  pair.Exchange(400, 9);
  EXPECT_GT(pair.replica.dropped[static_cast<std::size_t>(Drop::kForged)], 0U);
  EXPECT_EQ(pair.replica.dropped[static_cast<std::size_t>(Drop::kMalformed)], 0U);
}

TEST(RingStream, NoByteOfARecordAndNoPositionIsReadableWhenEncrypted) {
  const std::string secret = "a command that is nobody else's business";
  for (const bool encrypt : {true, false}) {
    Pair pair({}, encrypt);
    std::size_t shown = 0;
    std::vector<std::vector<std::byte>> tapped;
    pair.network.SetTap([&](Endpoint, Endpoint, const std::vector<std::byte>& bytes) {
      tapped.push_back(bytes);
      return true;
    });
    ASSERT_TRUE(pair.client.Write(secret));
    ASSERT_TRUE(pair.replica.Write(secret));
    for (int turn = 0; turn < 200; ++turn) {
      pair.Turn();
    }
    EXPECT_EQ(pair.client.Read(), secret);
    EXPECT_EQ(pair.replica.Read(), secret);
    ASSERT_GE(tapped.size(), 2U);
    for (const std::vector<std::byte>& bytes : tapped) {
      const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      for (std::size_t at = 0; at + 8 <= secret.size(); ++at) {
        shown += text.find(secret.substr(at, 8)) != std::string_view::npos ? 1 : 0;
      }
      // Of the header what begins with the position is hidden too: the sending time, and the bytes that
      // follow.
      EXPECT_EQ((std::to_integer<unsigned>(bytes[offsetof(NetworkHeader, kind)]) & kEncryptedFlag) != 0,
                encrypt);
      NetworkHeader header;
      std::memcpy(&header, bytes.data(), sizeof(header));
      EXPECT_EQ(header.bytes == bytes.size() - kNetworkOverheadBytes, !encrypt);
    }
    EXPECT_EQ(shown == 0, encrypt);
  }
}

TEST(RingStream, DatagramsOfTheOtherSealAreDroppedByName) {
  for (const bool encrypt : {true, false}) {
    Pair pair({}, encrypt);
    Pair other({}, !encrypt);
    std::vector<std::byte> caught;
    other.network.SetTap([&](Endpoint, Endpoint, const std::vector<std::byte>& bytes) {
      caught = bytes;
      return true;
    });
    ASSERT_TRUE(other.client.Write("one"));
    other.Turn();
    ASSERT_FALSE(caught.empty());
    EXPECT_EQ(pair.replica.Take(caught), Drop::kOtherSeal);
    EXPECT_EQ(pair.replica.Read(), std::nullopt);
  }
}

// An end with the key that says what none says.
class Liar {
 public:
  std::optional<Drop> Say(Pair& pair, NetworkHeader header, std::span<const std::byte> bytes) {
    header.kind = static_cast<std::uint8_t>(NetworkKind::kRequests);
    header.place = 1;
    header.group = 77;
    header.tag = 10;
    header.bytes = static_cast<std::uint16_t>(bytes.size());
    std::vector<std::byte> payload(kNetworkOverheadBytes + bytes.size());
    std::memcpy(payload.data(), &header, sizeof(header));
    std::ranges::copy(bytes, payload.begin() + sizeof(header));
    EXPECT_TRUE(seal_.Close(payload));
    return pair.replica.Take(payload);
  }

 private:
  transport::udp::Seal seal_ = SealOf(true);
};

TEST(RingStream, AnAcknowledgementOfWhatWasNotSentIsDropped) {
  Pair pair;
  Liar liar;
  NetworkHeader header;
  header.received = 8;
  EXPECT_EQ(liar.Say(pair, header, {}), Drop::kMalformed);
  header.received = 0;
  header.gap_end = 8;
  EXPECT_EQ(liar.Say(pair, header, {}), Drop::kMalformed);
}

TEST(RingStream, BytesForWhichThereIsNoRoomAreDropped) {
  Pair pair;
  Liar liar;
  const std::vector<std::byte> bytes(64);
  NetworkHeader header;
  header.position = kRingBytes - 64;
  EXPECT_EQ(liar.Say(pair, header, bytes), std::nullopt);
  header.position = kRingBytes - 56;
  EXPECT_EQ(liar.Say(pair, header, bytes), Drop::kMalformed);
  EXPECT_FALSE(pair.replica.stream.broken());
}

TEST(RingStream, ARecordThatIsNoneBreaksIt) {
  Pair pair;
  Liar liar;
  const RecordHeader record = {.bytes = kRingBytes, .filler = 0};
  EXPECT_EQ(liar.Say(pair, {}, std::as_bytes(std::span(&record, 1))), std::nullopt);
  EXPECT_TRUE(pair.replica.stream.broken());
  EXPECT_EQ(pair.replica.Read(), std::nullopt);
}

TEST(RingStream, SoManyGapsAreRemembered) {
  Pair pair;
  Liar liar;
  const RecordHeader record = {.bytes = 0, .filler = 0};
  const auto bytes = std::as_bytes(std::span(&record, 1));
  constexpr std::uint64_t kRecords = 200;
  // Every second record, from behind; then all in order.
  for (std::uint64_t i = kRecords; i > 0; i -= 2) {
    NetworkHeader header;
    header.position = (i - 1) * sizeof(record);
    ASSERT_EQ(liar.Say(pair, header, bytes), std::nullopt);
  }
  EXPECT_EQ(pair.replica.Read(), std::nullopt);
  for (std::uint64_t i = 0; i < kRecords; ++i) {
    NetworkHeader header;
    header.position = i * sizeof(record);
    ASSERT_EQ(liar.Say(pair, header, bytes), std::nullopt);
  }
  for (std::uint64_t i = 0; i < kRecords; ++i) {
    ASSERT_TRUE(pair.replica.Read().has_value()) << i;
  }
  EXPECT_EQ(pair.replica.Read(), std::nullopt);
}

}  // namespace
}  // namespace gaios::rsm

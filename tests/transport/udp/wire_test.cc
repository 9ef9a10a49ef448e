// The datagram's form: what is taken, and why everything else is not.

#include "gaios/transport/udp/wire.h"

#include <cstring>
#include <vector>

#include <gtest/gtest.h>

namespace gaios::transport::udp {
namespace {

constexpr Addressee kAddressee = {.group = 77, .self = 0, .replicas = 3};

Header HeaderOf(Kind kind) {
  return {.kind = static_cast<std::uint8_t>(kind),
          .from = 1,
          .to = 0,
          .group = 77,
          .from_incarnation = 5,
          .to_incarnation = 6,
          .tag = 0x0102030405060708};
}

template <typename Body>
std::vector<std::byte> Make(Kind kind, const Body& body, std::size_t tail = 0) {
  const Header header = HeaderOf(kind);
  std::vector<std::byte> bytes(sizeof(header) + sizeof(body) + tail + kTrailerBytes);
  std::memcpy(bytes.data(), &header, sizeof(header));
  std::memcpy(bytes.data() + sizeof(header), &body, sizeof(body));
  return bytes;
}

std::optional<Drop> Parse(const std::vector<std::byte>& bytes, Datagram& datagram) {
  return ParseDatagram(bytes, kAddressee, datagram);
}
std::optional<Drop> Parse(const std::vector<std::byte>& bytes) {
  Datagram ignored;
  return Parse(bytes, ignored);
}

WriteBody GoodWrite() {
  return {.ballot = 9, .number = 1, .sequence = 4, .position = 256, .stamp_ns = 7, .bytes = 64};
}

TEST(WireTest, EveryKindIsTakenWhenItIsWhole) {
  const GrantBody grant = {.ballot = 9, .number = 1};
  const LogBody ask = {.ballot = 9, .number = 1, .read = 2, .position = 64, .bytes = 4096};
  const LogBody log = {.ballot = 9, .number = 1, .read = 2, .position = 64, .bytes = 128};
  const AckBody ack = {.ballot = 9, .number = 1, .cumulative = 3, .bitmap_words = 2};
  EXPECT_EQ(Parse(Make(Kind::kPing, PingBody{.stamp_ns = 1})), std::nullopt);
  EXPECT_EQ(Parse(Make(Kind::kPong, PingBody{.stamp_ns = 1}, 900)), std::nullopt);
  EXPECT_EQ(Parse(Make(Kind::kWrite, GoodWrite(), 64)), std::nullopt);
  EXPECT_EQ(Parse(Make(Kind::kAck, ack, 16)), std::nullopt);
  for (const Kind kind : {Kind::kFenced, Kind::kGrant, Kind::kGrantTaken}) {
    EXPECT_EQ(Parse(Make(kind, grant)), std::nullopt);
  }
  EXPECT_EQ(Parse(Make(Kind::kAskControl, AskControlBody{.nonce = 1})), std::nullopt);
  EXPECT_EQ(Parse(Make(Kind::kControl, ControlBody{.nonce = 1})), std::nullopt);
  EXPECT_EQ(Parse(Make(Kind::kAskLog, ask)), std::nullopt);
  EXPECT_EQ(Parse(Make(Kind::kLog, log, 128)), std::nullopt);
  EXPECT_EQ(Parse(Make(Kind::kMessage, MessageBody{.bytes = 10}, 10)), std::nullopt);
}

TEST(WireTest, WhatWasPutInComesOut) {
  std::vector<std::byte> bytes = Make(Kind::kWrite, GoodWrite(), 64);
  bytes[sizeof(Header) + sizeof(WriteBody)] = std::byte{0xab};
  Datagram datagram;
  ASSERT_EQ(Parse(bytes, datagram), std::nullopt);
  EXPECT_EQ(datagram.kind, Kind::kWrite);
  EXPECT_EQ(datagram.header.from, 1);
  EXPECT_EQ(datagram.header.tag, 0x0102030405060708U);
  const auto body = BodyOf<WriteBody>(datagram);
  EXPECT_EQ(body.position, 256U);
  EXPECT_EQ(body.sequence, 4U);
  ASSERT_EQ(BytesOf<WriteBody>(datagram).size(), 64U);
  EXPECT_EQ(BytesOf<WriteBody>(datagram)[0], std::byte{0xab});
}

// The bytes of docs/wire.md, so that neither changes alone.
TEST(WireTest, AHeaderLiesAsDocumented) {
  const std::vector<std::byte> bytes = Make(Kind::kGrant, GrantBody{.ballot = 9, .number = 1});
  const std::vector<unsigned> expected = {0x47, 0x49, 0x55, 0x44, 1, 6, 1, 0, 77, 0, 0, 0, 0, 0, 0, 0,
                                          5,    0,    0,    0,    6, 0, 0, 0, 8,  7, 6, 5, 4, 3, 2, 1,
                                          9,    0,    0,    0,    0, 0, 0, 0, 1,  0, 0, 0, 0, 0, 0, 0};
  ASSERT_EQ(bytes.size(), expected.size() + 24);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(std::to_integer<unsigned>(bytes[i]), expected[i]) << "at " << i;
  }
}

// A datagram of `kind` as it is when its seal was opened.
std::vector<std::byte> Encrypted(std::uint8_t kind, const std::vector<std::byte>& readable) {
  std::vector<std::byte> bytes = readable;
  bytes[offsetof(Header, kind)] = std::byte{13};
  bytes.insert(bytes.end() - kTrailerBytes, std::byte{kind});
  return bytes;
}

TEST(WireTest, OfOneThatIsEncryptedTheHeaderAloneIsLookedAtFirst) {
  const std::vector<std::byte> write = Make(Kind::kWrite, GoodWrite(), 64);
  const std::vector<std::byte> whole = Encrypted(3, write);
  ASSERT_EQ(whole.size(), write.size() + 1);
  Datagram datagram;
  ASSERT_EQ(Parse(whole, datagram), std::nullopt);
  EXPECT_EQ(datagram.kind, Kind::kEncrypted);
  ASSERT_EQ(ParseDecrypted(datagram), std::nullopt);
  EXPECT_EQ(datagram.kind, Kind::kWrite);
  EXPECT_EQ(BodyOf<WriteBody>(datagram).position, 256U);
  EXPECT_EQ(BytesOf<WriteBody>(datagram).size(), 64U);

  const auto found = [&](const std::vector<std::byte>& bytes) {
    Datagram parsed;
    EXPECT_EQ(Parse(bytes, parsed), std::nullopt);
    return ParseDecrypted(parsed);
  };
  EXPECT_EQ(found(Encrypted(0, write)), Drop::kMalformed);
  EXPECT_EQ(found(Encrypted(13, write)), Drop::kMalformed);
  EXPECT_EQ(found(Encrypted(14, write)), Drop::kMalformed);
  EXPECT_EQ(found(Encrypted(3, Make(Kind::kWrite, GoodWrite(), 63))), Drop::kTruncated);
  EXPECT_EQ(found(Encrypted(3, Make(Kind::kWrite, GoodWrite(), 65))), Drop::kOversized);
  EXPECT_EQ(found(Encrypted(3, Make(Kind::kGrant, GrantBody{.ballot = 9}))), Drop::kTruncated);
  EXPECT_EQ(Parse({whole.begin(), whole.begin() + sizeof(Header) + kTrailerBytes}), Drop::kTruncated);
}

TEST(WireTest, EveryLengthButTheRightOneIsDropped) {
  const std::vector<std::byte> whole = Make(Kind::kWrite, GoodWrite(), 64);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(Parse({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}), Drop::kTruncated);
  }
  std::vector<std::byte> longer = whole;
  longer.push_back({});
  EXPECT_EQ(Parse(longer), Drop::kOversized);
  EXPECT_EQ(Parse(Make(Kind::kPing, PingBody{}, kMaxPayloadBytes)), Drop::kOversized);
  EXPECT_EQ(Parse(Make(Kind::kMessage, MessageBody{.bytes = 10}, 11)), Drop::kOversized);
  EXPECT_EQ(Parse(Make(Kind::kAck, AckBody{.ballot = 9, .bitmap_words = 2}, 8)), Drop::kTruncated);
}

TEST(WireTest, WhatIsNotForThisReplicaIsDroppedByItsReason) {
  const auto with = [](auto change) {
    std::vector<std::byte> bytes = Make(Kind::kGrant, GrantBody{.ballot = 9, .number = 1});
    Header header;
    std::memcpy(&header, bytes.data(), sizeof(header));
    change(header);
    std::memcpy(bytes.data(), &header, sizeof(header));
    return Parse(bytes);
  };
  EXPECT_EQ(with([](Header& header) { header.magic ^= 1; }), Drop::kForeign);
  EXPECT_EQ(with([](Header& header) { header.group = 78; }), Drop::kForeign);
  EXPECT_EQ(with([](Header& header) { header.version = 2; }), Drop::kOtherVersion);
  EXPECT_EQ(with([](Header& header) { header.from = 0; }), Drop::kReflected);
  EXPECT_EQ(with([](Header& header) { header.from = 3; }), Drop::kMisdirected);
  EXPECT_EQ(with([](Header& header) { header.to = 2; }), Drop::kMisdirected);
  EXPECT_EQ(with([](Header& header) { header.kind = 0; }), Drop::kMalformed);
  EXPECT_EQ(with([](Header& header) { header.kind = kKinds; }), Drop::kMalformed);
}

TEST(WireTest, NumbersOutOfRangeAreMalformed) {
  const auto write = [](auto change) {
    WriteBody body = GoodWrite();
    change(body);
    return Parse(Make(Kind::kWrite, body, 64));
  };
  EXPECT_EQ(write([](WriteBody& body) { body.ballot = 0; }), Drop::kMalformed);
  EXPECT_EQ(write([](WriteBody& body) { body.sequence = 0; }), Drop::kMalformed);
  EXPECT_EQ(write([](WriteBody& body) { body.word_set = 4; }), Drop::kMalformed);
  EXPECT_EQ(write([](WriteBody& body) { body.zero[2] = 1; }), Drop::kMalformed);
  EXPECT_EQ(write([](WriteBody& body) { body.position = ~std::uint64_t{0} - 63; }), Drop::kMalformed);
  EXPECT_EQ(write([](WriteBody& body) { body.position = ~std::uint64_t{0} - 64; }), std::nullopt);
  EXPECT_EQ(write([](WriteBody& body) { body.bytes = 0xffffffff; }), Drop::kMalformed);
  EXPECT_EQ(Parse(Make(Kind::kAck, AckBody{.ballot = 9, .bitmap_words = kMaxBitmapWords + 1},
                       8 * (kMaxBitmapWords + 1))),
            Drop::kMalformed);
  EXPECT_EQ(Parse(Make(Kind::kGrant, GrantBody{})), Drop::kMalformed);
  EXPECT_EQ(Parse(Make(Kind::kAskLog, LogBody{.ballot = 9, .bytes = paxos::kMaxWriteBytes + 1})),
            Drop::kMalformed);
  EXPECT_EQ(Parse(Make(Kind::kAskLog, LogBody{.ballot = 9})), Drop::kMalformed);
  EXPECT_EQ(Parse(Make(Kind::kMessage, MessageBody{.bytes = paxos::kMaxMessageBytes + 1},
                       paxos::kMaxMessageBytes + 1)),
            Drop::kMalformed);
}

TEST(WireTest, EveryDropHasAName) {
  for (std::size_t drop = 0; drop < kDrops; ++drop) {
    EXPECT_FALSE(DropName(static_cast<Drop>(drop)).empty());
  }
}

}  // namespace
}  // namespace gaios::transport::udp

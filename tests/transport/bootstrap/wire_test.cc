// Frames, hellos and refusals, byte by byte.

#include "gaios/transport/bootstrap/wire.h"

#include <cstring>
#include <set>

#include <gmock/gmock.h>

#include "gaios/transport/bootstrap/admission.h"
#include "gaios/transport/bootstrap/connection.h"

#include "tests/transport/bootstrap/fixture.h"

namespace gaios::transport::bootstrap {
namespace {

class WireTest : public BootstrapTest {
 protected:
  [[nodiscard]] Hello Good() const { return Admission(OptionsOf(0), 4711).HelloTo(ReplicaId(1), 9); }
  static HelloFound Parse(const Hello& hello) {
    Hello parsed;
    return ParseHello(std::as_bytes(std::span(&hello, 1)), parsed);
  }
  static void Put(FrameReader& reader, std::string_view bytes) {
    std::memcpy(reader.Space().data(), bytes.data(), bytes.size());
    reader.Filled(bytes.size());
  }
};

TEST_F(WireTest, AHelloIsAsTheReadmeHasIt) {
  const Hello hello = Good();
  std::array<unsigned char, sizeof(Hello)> bytes;
  std::memcpy(bytes.data(), &hello, sizeof(hello));
  std::array<unsigned char, sizeof(Hello)> expected = {
      'G',  'I',  'O', 'S', 1,   0,           // magic, version
      0,    1,                                // from, to
      77,   0,    0,   0,   0,   0,   0,  0,  // group
      0,    0,    16,  0,   0,   0,   0,  0,  // capacity: 1 MiB
      0x67, 0x12, 0,   0,   0,   0,   0,  0,  // instance
      9,    0,    0,   0,   0,   0,   0,  0,  // attempt
      1,    0,    0,   0,                     // incarnation
      2,                                      // replicas
      7,    0,    0,                          // length of the cluster name
      'h',  'a',  'r', 'b', 'o', 'u', 'r'};   // and zeros
  EXPECT_EQ(bytes, expected);
}

// Between the hello that was admitted and the frame that says so the peer may dial again, or be removed.
TEST_F(WireTest, AnAdmittedHelloIsJudgedAgain) {
  const Hello first = Admission(OptionsOf(0), 4711).HelloTo(ReplicaId(1), 9);
  const Hello second = Admission(OptionsOf(0), 4711).HelloTo(ReplicaId(1), 10);
  Admission admission(OptionsOf(1), 42);
  Hello seen;
  const auto judge = [&](const Hello& hello) {
    return admission.Judge(std::as_bytes(std::span(&hello, 1)), std::nullopt, 0, seen);
  };
  ASSERT_TRUE(judge(first).admitted());
  EXPECT_TRUE(admission.JudgeAgain(first).admitted());
  ASSERT_TRUE(judge(second).admitted());
  EXPECT_EQ(admission.JudgeAgain(first).refusal, Refusal::kStale);
  EXPECT_TRUE(admission.JudgeAgain(second).admitted());
  admission.Expel(ReplicaId(0), Incarnation(second.incarnation));
  EXPECT_EQ(admission.JudgeAgain(second).refusal, Refusal::kRemoved);
}

TEST_F(WireTest, AHelloWithANumberOutOfRangeIsMalformed) {
  EXPECT_EQ(Parse(Good()), HelloFound::kGood);
  const auto expect_malformed = [this](const std::function<void(Hello&)>& change) {
    Hello hello = Good();
    change(hello);
    EXPECT_EQ(Parse(hello), HelloFound::kMalformed);
  };
  expect_malformed([](Hello& hello) { hello.magic ^= 1; });
  expect_malformed([](Hello& hello) { hello.instance = 0; });
  expect_malformed([](Hello& hello) { hello.attempt = 0; });
  expect_malformed([](Hello& hello) { hello.incarnation = 0; });
  expect_malformed([](Hello& hello) { hello.incarnation = 1U << 24; });
  expect_malformed([](Hello& hello) { hello.zero = 1; });
  expect_malformed([](Hello& hello) { hello.cluster_bytes = 0; });
  expect_malformed([](Hello& hello) { hello.cluster_bytes = 64; });
  expect_malformed([](Hello& hello) { hello.cluster_bytes = 255; });
  expect_malformed([](Hello& hello) { hello.cluster_bytes = 6; });  // bytes behind its end
  expect_malformed([](Hello& hello) { hello.cluster_bytes = 8; });  // a zero inside
  expect_malformed([](Hello& hello) { hello.cluster[2] = '\n'; });
  Hello hello = Good();
  hello.version = 2;
  EXPECT_EQ(Parse(hello), HelloFound::kOtherVersion);
}

TEST_F(WireTest, ARefusalComesBackAsItWasSent) {
  const std::string payload = EncodeRefuse(Refusal::kGroup, "of another\tgroup");
  const std::optional<RefuseFrame> refuse = ParseRefuse(Bytes(payload));
  ASSERT_TRUE(refuse.has_value());
  EXPECT_EQ(refuse->refusal, Refusal::kGroup);
  EXPECT_EQ(refuse->reason, "of another?group");
  const std::string longest = EncodeRefuse(Refusal::kGroup, std::string(10'000, 'x'));
  EXPECT_EQ(longest.size(), kMaxGreetingBytes);
  EXPECT_TRUE(ParseRefuse(Bytes(longest)).has_value());
  EXPECT_FALSE(ParseRefuse(Bytes(longest).first(100)).has_value());
  EXPECT_FALSE(ParseRefuse({}).has_value());
}

TEST_F(WireTest, EveryRefusalHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (std::size_t refusal = 0; refusal < kRefusals; ++refusal) {
    EXPECT_TRUE(names.insert(RefusalName(static_cast<Refusal>(refusal))).second) << refusal;
  }
}

TEST_F(WireTest, FramesAreFoundHoweverTheirBytesCome) {
  Outbox outbox;
  outbox.Reserve(3 * kMaxWireFrameBytes);
  const std::string longest(kMaxFrameBytes, 'x');
  ASSERT_TRUE(outbox.Append(FrameType::kData, Bytes("a")));
  ASSERT_TRUE(outbox.Append(FrameType::kData, Bytes(longest)));
  ASSERT_TRUE(outbox.Append(FrameType::kPing, {}));
  ASSERT_TRUE(outbox.Append(FrameType::kData, Bytes("b")));
  for (const std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{1000}, std::size_t{5000}}) {
    FrameReader reader;
    reader.Allow(kMaxFrameBytes);
    std::vector<std::string> found;
    for (std::span<const std::byte> left = outbox.front(); !left.empty();) {
      const std::span<std::byte> space = reader.Space();
      ASSERT_FALSE(space.empty());
      const std::size_t size = std::min({step, space.size(), left.size()});
      std::memcpy(space.data(), left.data(), size);
      reader.Filled(size);
      left = left.subspan(size);
      Frame frame;
      FrameReader::Found result = FrameReader::Found::kNothing;
      while ((result = reader.Next(frame)) == FrameReader::Found::kFrame) {
        found.emplace_back(
            frame.type == FrameType::kPing
                ? "ping"
                : std::string(reinterpret_cast<const char*>(frame.payload.data()), frame.payload.size()));
      }
      ASSERT_EQ(result, FrameReader::Found::kNothing);
    }
    EXPECT_THAT(found, testing::ElementsAre("a", longest, "ping", "b"));
  }
}

TEST_F(WireTest, WhatIsNoFrameIsMalformedFromItsHeaderOn) {
  const auto expect_malformed = [](std::string_view header, std::size_t allowed) {
    FrameReader reader;
    reader.Allow(allowed);
    Put(reader, header);
    Frame frame;
    EXPECT_EQ(reader.Next(frame), FrameReader::Found::kMalformed);
  };
  using std::string_view_literals::operator""sv;
  expect_malformed("\x01\x00\x00\x00"sv, kMaxFrameBytes);     // no type
  expect_malformed("\x01\x00\x06\x00"sv, kMaxFrameBytes);     // no such type
  expect_malformed("\x01\x00\x04\x01"sv, kMaxFrameBytes);     // not zero
  expect_malformed("\x00\x00\x04\x00"sv, kMaxFrameBytes);     // data without any
  expect_malformed("\x01\x10\x04\x00"sv, kMaxFrameBytes);     // longer than any
  expect_malformed("\x01\x02\x04\x00"sv, kMaxGreetingBytes);  // longer than any before a peer is up
  expect_malformed("\x01\x00\x05\x00"sv, kMaxFrameBytes);     // a ping with something in it
  expect_malformed("\x05\x00\x01\x00"sv, kMaxFrameBytes);     // shorter than magic and version
  expect_malformed("\x03\x00\x03\x00"sv, kMaxFrameBytes);     // shorter than a refusal
}

TEST_F(WireTest, AnOutboxTakesWhatItHasRoomForAndKeepsTheOrder) {
  Outbox outbox;
  outbox.Reserve(20);
  EXPECT_TRUE(outbox.Append(FrameType::kData, Bytes("12345678")));
  EXPECT_FALSE(outbox.Append(FrameType::kData, Bytes("12345678")));
  EXPECT_TRUE(outbox.Append(FrameType::kData, Bytes("1234")));
  outbox.Drop(12);
  EXPECT_TRUE(outbox.Append(FrameType::kData, Bytes("abcdefgh"))) << "what was in front has made room";
  EXPECT_EQ(outbox.size(), 20U);
  EXPECT_EQ(std::memcmp(outbox.front().data() + 4, "1234", 4), 0);
  EXPECT_EQ(std::memcmp(outbox.front().data() + 12, "abcdefgh", 8), 0);
}

}  // namespace
}  // namespace gaios::transport::bootstrap

#include "gaios/paxos/message.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace gaios::paxos {
namespace {

constexpr GroupId kGroup{42};

Message Full() {
  Message message;
  message.kind = MessageKind::kPromise;
  message.grant = {Ballot(7, ReplicaId(2), Incarnation(3)), 4};
  message.promised = Ballot(8, ReplicaId(1), Incarnation(5));
  message.commit = Position(640);
  message.applied = Position(576);
  message.retained = Position(64);
  message.valid_end = {Position(704), Slot(9), Ballot(6, ReplicaId(0), Incarnation(1)),
                       0x1234567890abcdefULL};
  return message;
}

std::array<std::byte, kEncodedMessageBytes> Encoded(const Message& message) {
  std::array<std::byte, kEncodedMessageBytes> bytes;
  EncodeMessage(message, kGroup, bytes);
  return bytes;
}

TEST(Message, EveryKindComesBackAsItWas) {
  for (int kind = 1; kind <= static_cast<int>(kLastMessageKind); ++kind) {
    Message message = Full();
    message.kind = static_cast<MessageKind>(kind);
    EXPECT_EQ(DecodeMessage(Encoded(message), kGroup), message);
  }
}

TEST(Message, OfAnotherGroupIsNoise) {
  EXPECT_FALSE(DecodeMessage(Encoded(Full()), GroupId(43)).has_value());
}

TEST(Message, OfAnotherSizeIsNoise) {
  std::mt19937_64 random(1);
  for (std::size_t size = 0; size <= 2 * kMaxMessageBytes; ++size) {
    std::vector<std::byte> garbage(size);
    for (std::byte& byte : garbage) {
      byte = static_cast<std::byte>(random());
    }
    EXPECT_FALSE(DecodeMessage(garbage, kGroup).has_value()) << size;
    const auto good = Encoded(Full());
    std::vector<std::byte> cut(good.begin(), good.end());
    cut.resize(size);
    EXPECT_EQ(DecodeMessage(cut, kGroup).has_value(), size == good.size()) << size;
  }
}

TEST(Message, FlippedBitsGiveNoiseOrAnotherMessage) {
  const auto good = Encoded(Full());
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    auto bad = good;
    bad.at(bit / 8) ^= std::byte{1} << (bit % 8);
    const std::optional<Message> message = DecodeMessage(bad, kGroup);
    if (message.has_value()) {  // there is no checksum: what carries messages does not alter them
      EXPECT_EQ(Encoded(*message), bad) << "accepted, but not what would be sent, bit " << bit;
      EXPECT_GE(static_cast<int>(message->kind), 1);
      EXPECT_LE(static_cast<int>(message->kind), 6);
    }
    if (bit < 32 || (bit >= 64 && bit < 128)) {
      EXPECT_FALSE(message.has_value()) << "version and group, bit " << bit;
    }
  }
}

}  // namespace
}  // namespace gaios::paxos

// What an acceptor takes, and what a reader asks for: the parts of the engine at the receiving end.

#include "gaios/transport/udp/receiver.h"

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/transport/udp/connector.h"
#include "gaios/transport/udp/control_reads.h"
#include "gaios/transport/udp/log_read.h"

namespace gaios::transport::udp {
namespace {

constexpr ReplicaId kPeer{1};

Range RangeOf(std::uint64_t from, std::uint64_t to) {
  return {.from = Position(from), .to = Position(to)};
}

class ReceiverTest : public testing::Test {
 protected:
  Receiver::Taken Take(std::uint64_t sequence, std::uint64_t position, std::size_t size,
                       std::uint8_t word_set = 0, std::uint64_t word = 0, std::uint64_t applied = 0) {
    const std::vector<std::byte> bytes(size, static_cast<std::byte>(sequence));
    const WriteBody body = {.ballot = 1,
                            .sequence = sequence,
                            .position = position,
                            .words = {word, word},
                            .bytes = static_cast<std::uint32_t>(size),
                            .word_set = word_set};
    return receiver_->Take(body, bytes, Position(applied), log_);
  }

  std::unique_ptr<Receiver> receiver_ = std::make_unique<Receiver>();
  std::vector<std::byte> ring_ = std::vector<std::byte>(4096);
  std::array<std::uint64_t, kLogWords> words_ = {};
  LogMemory log_ = {.ring = ring_.data(), .capacity = 4096, .words = &words_};
};

TEST_F(ReceiverTest, BytesArePlacedInAnyOrderAndTheBitmapTellsTheGaps) {
  std::array<std::uint64_t, kMaxBitmapWords> bitmap;
  EXPECT_EQ(Take(3, 200, 100), Receiver::Taken::kPlaced);
  EXPECT_EQ(ring_[200], std::byte{3});
  EXPECT_EQ(receiver_->cumulative(), 0U);
  ASSERT_EQ(receiver_->Bitmap(bitmap), 1U);
  EXPECT_EQ(bitmap[0], 0b100U);
  EXPECT_EQ(Take(1, 0, 100), Receiver::Taken::kPlaced);
  EXPECT_EQ(receiver_->cumulative(), 1U);
  EXPECT_EQ(Take(2, 100, 100), Receiver::Taken::kPlaced);
  EXPECT_EQ(receiver_->cumulative(), 3U);
  EXPECT_EQ(receiver_->Bitmap(bitmap), 0U);
}

// An older entry may stand where bytes are still missing: the commit word would make it chosen.
TEST_F(ReceiverTest, AWordWaitsForTheBytesBeforeIt) {
  EXPECT_EQ(Take(2, 100, 100, 1, 200), Receiver::Taken::kPlaced);
  EXPECT_EQ(words_[0], 0U);
  EXPECT_EQ(Take(1, 0, 100, 1, 100), Receiver::Taken::kPlaced);
  EXPECT_EQ(words_[0], 200U);
}

TEST_F(ReceiverTest, WhatWasTakenNeverLandsAgain) {
  EXPECT_EQ(Take(1, 0, 100), Receiver::Taken::kPlaced);
  EXPECT_EQ(Take(3, 200, 100), Receiver::Taken::kPlaced);
  ring_.assign(ring_.size(), std::byte{0xee});
  EXPECT_EQ(Take(1, 0, 100), Receiver::Taken::kAgain);
  EXPECT_EQ(Take(3, 200, 100), Receiver::Taken::kAgain);
  EXPECT_EQ(ring_, std::vector<std::byte>(4096, std::byte{0xee}));
}

TEST_F(ReceiverTest, P8NothingIsPlacedBeyondWhatMayBeOverwritten) {
  EXPECT_EQ(Take(1, 4000, 97), Receiver::Taken::kOutside);
  EXPECT_EQ(ring_, std::vector<std::byte>(4096));
  EXPECT_EQ(Take(1, 4000, 96), Receiver::Taken::kPlaced);
  EXPECT_EQ(Take(2, 4096, 64, 0, 0, 64), Receiver::Taken::kPlaced);
  EXPECT_EQ(ring_[0], std::byte{2});
  EXPECT_EQ(Take(3, 4096, 4097, 0, 0, 10'000), Receiver::Taken::kOutside) << "longer than the ring";
}

TEST_F(ReceiverTest, ASequenceTooFarAheadIsNotTaken) {
  EXPECT_EQ(Take(kWindow, 0, 1), Receiver::Taken::kFar);
  EXPECT_EQ(Take(kWindow - 1, 0, 1), Receiver::Taken::kPlaced);
  EXPECT_EQ(Take(~std::uint64_t{0}, 0, 1), Receiver::Taken::kFar);
}

TEST_F(ReceiverTest, AnotherGrantStartsFromNothing) {
  EXPECT_EQ(Take(1, 0, 100), Receiver::Taken::kPlaced);
  EXPECT_EQ(Take(3, 200, 100, 1, 9), Receiver::Taken::kPlaced);
  receiver_->Restart();
  EXPECT_EQ(receiver_->cumulative(), 0U);
  EXPECT_EQ(Take(1, 0, 100), Receiver::Taken::kPlaced);
  EXPECT_EQ(Take(2, 0, 100), Receiver::Taken::kPlaced);
  EXPECT_EQ(receiver_->cumulative(), 2U) << "the third was of another grant";
  EXPECT_EQ(words_[0], 0U);
}

TEST(ControlReadsTest, AnAnswerAnswersWhatWasPostedBeforeItsQuestion) {
  ControlReads reads;
  reads.Post();
  reads.Post();
  ASSERT_EQ(reads.ToAsk(0, 1000), 2U);
  reads.Asked(0);
  reads.Post();  // after the question
  EXPECT_EQ(reads.Answer(3), 0U) << "it was not asked";
  EXPECT_EQ(reads.Answer(2), 2U);
  EXPECT_EQ(reads.Answer(2), 0U) << "it comes twice";
  ASSERT_EQ(reads.ToAsk(0, 1000), 3U);
  reads.Asked(0);
  EXPECT_EQ(reads.ToAsk(999, 1000), 0U);
  EXPECT_EQ(reads.ToAsk(1000, 1000), 3U) << "it is asked again";
  EXPECT_EQ(reads.GiveUp(), 1U);
  EXPECT_EQ(reads.Answer(3), 0U);
}

TEST(LogReadTest, WhatDoesNotComeIsAskedForAgainAndWhatComesTwiceIsTakenOnce) {
  LogRead read(8192);
  read.Reserve(kPeer, {}, RangeOf(1000, 1000 + 2500));
  EXPECT_EQ(read.ToAsk(0, 100), std::nullopt) << "it has not begun";
  read.Begin(1000);
  EXPECT_EQ(read.ToAsk(0, 100), RangeOf(1000, 3500));
  const std::vector<std::byte> bytes(1000, std::byte{7});
  EXPECT_TRUE(read.Take(Position(2000), bytes));
  EXPECT_TRUE(read.Take(Position(2000), bytes));
  EXPECT_FALSE(read.Take(Position(2001), bytes)) << "no piece begins there";
  EXPECT_FALSE(read.Take(Position(3000), bytes)) << "the last piece is shorter";
  EXPECT_FALSE(read.Take(Position(4000), bytes));
  EXPECT_EQ(read.ToAsk(99, 100), std::nullopt);
  EXPECT_EQ(read.ToAsk(100, 100), RangeOf(1000, 2000));
  EXPECT_TRUE(read.Take(Position(1000), bytes));
  EXPECT_EQ(read.ToAsk(100, 100), RangeOf(3000, 3500));
  EXPECT_FALSE(read.complete());
  EXPECT_TRUE(read.Take(Position(3000), std::span(bytes).first(500)));
  EXPECT_TRUE(read.complete());
}

TEST(HelloFrameTest, OnlyWholeOnesAreTaken) {
  HelloFrame hello = {.version = 1, .port = 7400, .address = 1, .payload_bytes = 1400};
  const auto parse = [&hello] { return ParseHelloFrame(std::as_bytes(std::span(&hello, 1))); };
  EXPECT_TRUE(parse().has_value());
  EXPECT_FALSE(ParseHelloFrame(std::as_bytes(std::span(&hello, 1)).first(23)).has_value());
  hello.payload_bytes = kMinPayloadBytes - 1;
  EXPECT_FALSE(parse().has_value());
  hello.payload_bytes = kMinPayloadBytes;
  hello.authenticate = 2;
  EXPECT_FALSE(parse().has_value());
  hello.authenticate = 1;
  EXPECT_TRUE(parse().has_value());
  hello.port = 0;
  EXPECT_FALSE(parse().has_value());
}

}  // namespace
}  // namespace gaios::transport::udp

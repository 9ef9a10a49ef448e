// The parts of the engine one by one: what is cut, lost and sent again, what an acceptor takes, and time.

#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/transport/udp/connector.h"
#include "gaios/transport/udp/control_reads.h"
#include "gaios/transport/udp/log_read.h"
#include "gaios/transport/udp/posted_queue.h"
#include "gaios/transport/udp/receiver.h"
#include "gaios/transport/udp/rtt_estimator.h"
#include "gaios/transport/udp/send_window.h"
#include "gaios/transport/udp/sender.h"

namespace gaios::transport::udp {
namespace {

constexpr std::uint64_t kShortestNs = 1'000'000;
constexpr std::uint64_t kLongestNs = 100'000'000;
constexpr ReplicaId kPeer{1};

Range RangeOf(std::uint64_t from, std::uint64_t to) {
  return {.from = Position(from), .to = Position(to)};
}

class SenderTest : public testing::Test {
 protected:
  void Write(std::uint64_t from, std::uint64_t to) {
    posted_.Push(kPeer, Operation::kWrite, {}, 0).range = RangeOf(from, to);
  }
  void WriteWord(LogWord which, std::uint64_t value) {
    PostedOperation& posted = posted_.Push(kPeer, Operation::kWriteWord, {}, 0);
    posted.word = which;
    posted.value = value;
  }
  // Sends what may be sent now; the sequences.
  std::vector<std::uint64_t> SendAll() {
    std::vector<std::uint64_t> sent;
    while (sender_->Next(posted_, now_ns_) != nullptr) {
      sent.push_back(sender_->next_sequence());
      sender_->Sent(now_ns_);
    }
    return sent;
  }
  bool Ack(std::uint64_t cumulative, std::uint64_t bits = 0) {
    const AckBody body = {
        .cumulative = cumulative, .stamp_ns = now_ns_ - 1, .bitmap_words = bits == 0 ? 0U : 1U};
    std::array<std::byte, 8> bitmap;
    std::memcpy(bitmap.data(), &bits, sizeof(bits));
    return sender_->OnAck(body, bitmap, now_ns_);
  }

  std::uint64_t now_ns_ = 1000;
  PostedQueue posted_;
  std::unique_ptr<Sender> sender_ =
      std::make_unique<Sender>(1000, 512, RttEstimator(kShortestNs, kLongestNs));
};

TEST_F(SenderTest, RangesThatFollowOneAnotherShareAPieceWithTheirWords) {
  Write(0, 300);
  Write(300, 500);
  WriteWord(LogWord::kCommit, 5);
  WriteWord(LogWord::kCommit, 6);
  const Piece* const piece = sender_->Next(posted_, now_ns_);
  ASSERT_NE(piece, nullptr);
  EXPECT_EQ(piece->position, Position(0));
  EXPECT_EQ(piece->bytes, 500U);
  EXPECT_EQ(piece->word_set, 1U);
  EXPECT_EQ(piece->words[0], 6U);
  sender_->Sent(now_ns_);
  EXPECT_EQ(sender_->Next(posted_, now_ns_), nullptr);
  EXPECT_EQ(posted_.front().last_sequence, 1U);
}

TEST_F(SenderTest, ALongRangeIsSplitByPositionAndOneElsewhereBeginsAnotherPiece) {
  Write(0, 2500);
  Write(64000, 64010);
  std::vector<std::pair<std::uint64_t, std::uint32_t>> pieces;
  while (const Piece* const piece = sender_->Next(posted_, now_ns_)) {
    pieces.emplace_back(piece->position.value(), piece->bytes);
    sender_->Sent(now_ns_);
  }
  const std::vector<std::pair<std::uint64_t, std::uint32_t>> expected = {
      {0, 1000}, {1000, 1000}, {2000, 500}, {64000, 10}};
  EXPECT_EQ(pieces, expected);
  EXPECT_EQ(posted_.front().last_sequence, 3U);
}

TEST_F(SenderTest, APieceIsLostWhenSeveralSentLaterHaveArrived) {
  Write(0, 6000);
  EXPECT_EQ(SendAll(), (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6}));
  // The first is missing: 2 and 3 say little, 4 says that it is gone.
  EXPECT_TRUE(Ack(0, 0b110));
  EXPECT_TRUE(SendAll().empty());
  EXPECT_TRUE(Ack(0, 0b1110));
  EXPECT_EQ(SendAll(), (std::vector<std::uint64_t>{1}));
  EXPECT_EQ(sender_->counters().lost, 1U);
  EXPECT_FALSE(Ack(0, 0b1110)) << "nothing new";
  EXPECT_TRUE(Ack(6));
  EXPECT_FALSE(sender_->busy());
}

TEST_F(SenderTest, WhatIsSentAgainAndLostAgainIsSentAThirdTime) {
  Write(0, 6000);
  (void)SendAll();
  EXPECT_TRUE(Ack(0, 0b1110));
  EXPECT_EQ(SendAll(), (std::vector<std::uint64_t>{1}));
  Write(6000, 10000);
  EXPECT_EQ(SendAll(), (std::vector<std::uint64_t>{7, 8, 9, 10}));
  EXPECT_TRUE(Ack(0, 0b1111111110));
  EXPECT_EQ(SendAll(), (std::vector<std::uint64_t>{1}));
}

TEST_F(SenderTest, ATimeoutSendsTheOldestAgainAndWaitsLongerEachTime) {
  Write(0, 1000);
  (void)SendAll();
  std::uint64_t waited_ns = kShortestNs;
  for (int round = 0; round < 5; ++round) {
    now_ns_ += waited_ns - 1;
    sender_->RunTimer(now_ns_);
    EXPECT_TRUE(SendAll().empty());
    now_ns_ += 1;
    sender_->RunTimer(now_ns_);
    EXPECT_EQ(SendAll(), (std::vector<std::uint64_t>{1}));
    waited_ns *= 2;
  }
  EXPECT_EQ(sender_->counters().timeouts, 5U);
  EXPECT_EQ(sender_->stalled_since_ns(), 1000U);
}

TEST_F(SenderTest, AnAcknowledgementOfWhatWasNeverSentChangesNothing) {
  Write(0, 1000);
  (void)SendAll();
  EXPECT_FALSE(Ack(2));
  EXPECT_FALSE(Ack(0, 0b10));
  EXPECT_TRUE(sender_->busy());
  EXPECT_EQ(sender_->counters().acks_refused, 2U);
  EXPECT_EQ(sender_->cumulative(), 0U);
}

TEST_F(SenderTest, NoMoreIsUnderWayThanThePeerHasRoomFor) {
  Write(0, 1'000'000);
  std::uint64_t taken = 0;
  for (int round = 0; round < 100; ++round) {
    now_ns_ += 1'000'000'000;
    const std::vector<std::uint64_t> sent = SendAll();
    if (!sent.empty()) {
      EXPECT_LE(sent.back() - taken, 512U);
      taken = sent.back();
      ASSERT_TRUE(Ack(taken));
    }
  }
  EXPECT_EQ(taken, 1000U);
}

TEST(SendWindowTest, StrayLossIsToleratedAndHeavyLossShrinksIt) {
  SendWindow window(512);
  for (int i = 0; i < 100; ++i) {
    window.OnAcked(100);
    window.OnLost(1);
  }
  EXPECT_EQ(window.size(), 512U);
  for (int i = 0; i < 100; ++i) {
    window.OnAcked(100);
    window.OnLost(20);
  }
  EXPECT_LT(window.size(), 64U);
  EXPECT_GE(window.size(), SendWindow::kSmallest);
}

TEST(SendWindowTest, ABurstPassesThenTheRateIsTwiceAWindowInARoundTrip) {
  SendWindow window(64);
  constexpr std::uint64_t kRttNs = 64'000;
  std::uint32_t passed = 0;
  while (window.Paced(1'000'000, kRttNs)) {
    window.OnSent();
    ++passed;
  }
  EXPECT_LE(passed, 2 * SendWindow::kBurst);
  passed = 0;
  for (std::uint64_t now_ns = 1'000'000; now_ns < 1'000'000 + kRttNs; now_ns += 500) {
    while (window.Paced(now_ns, kRttNs)) {
      window.OnSent();
      ++passed;
    }
  }
  EXPECT_NEAR(passed, 128, 3);
}

TEST(RttEstimatorTest, TheTimeoutFollowsWhatIsMeasuredWithinItsBounds) {
  RttEstimator rtt(kShortestNs, kLongestNs);
  EXPECT_EQ(rtt.timeout_ns(), kShortestNs);
  for (int i = 0; i < 100; ++i) {
    rtt.Sample(5'000'000);
  }
  EXPECT_NEAR(static_cast<double>(rtt.smoothed_ns()), 5e6, 1e4);
  EXPECT_GE(rtt.timeout_ns(), 5'000'000U);
  EXPECT_LE(rtt.timeout_ns(), 6'000'000U);
  const std::uint64_t before_ns = rtt.timeout_ns();
  rtt.BackOff();
  EXPECT_EQ(rtt.timeout_ns(), 2 * before_ns);
  for (int i = 0; i < 30; ++i) {
    rtt.BackOff();
  }
  EXPECT_EQ(rtt.timeout_ns(), kLongestNs);
  rtt.Progress();
  EXPECT_EQ(rtt.timeout_ns(), before_ns);
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
  hello.port = 0;
  EXPECT_FALSE(parse().has_value());
}

}  // namespace
}  // namespace gaios::transport::udp

// What a sender cuts, takes for lost and sends again, how much and how fast, and what it knows of time.

#include "gaios/transport/udp/sender.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/transport/udp/posted_queue.h"
#include "gaios/transport/udp/receiver.h"
#include "gaios/transport/udp/rtt_estimator.h"
#include "gaios/transport/udp/send_window.h"

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
  bool Ack(std::uint64_t cumulative, std::uint64_t bits = 0) { return AckOf(now_ns_ - 1, cumulative, bits); }
  // That answers what was sent then.
  bool AckOf(std::uint64_t stamp_ns, std::uint64_t cumulative, std::uint64_t bits) {
    const AckBody body = {
        .cumulative = cumulative, .stamp_ns = stamp_ns, .bitmap_words = bits == 0 ? 0U : 1U};
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

TEST_F(SenderTest, WhatATimeoutSendsAgainDoesNotWaitForRoomInTheWindow) {
  Write(0, 24'000);
  ASSERT_EQ(SendAll().size(), 24U);
  now_ns_ += kShortestNs;
  sender_->RunTimer(now_ns_);
  EXPECT_EQ(SendAll(), (std::vector<std::uint64_t>{1, 2})) << "the window is 16 now, and 22 are under way";
}

TEST_F(SenderTest, WhatATimeoutSentAgainComesBackAndTheRestIsKnownToBeLost) {
  Write(0, 24'000);
  ASSERT_EQ(SendAll().size(), 24U);
  now_ns_ += kShortestNs;
  sender_->RunTimer(now_ns_);
  ASSERT_EQ(SendAll().size(), 2U);
  now_ns_ += 10'000;
  ASSERT_TRUE(Ack(2));
  const std::vector<std::uint64_t> again = SendAll();
  ASSERT_FALSE(again.empty());
  EXPECT_EQ(again.front(), 3U);
  now_ns_ += 10'000;
  ASSERT_TRUE(Ack(again.back()));
  (void)SendAll();
  now_ns_ += 10'000;
  EXPECT_TRUE(Ack(24)) << "all were sent again, without another timeout";
  EXPECT_EQ(sender_->counters().timeouts, 1U);
  EXPECT_EQ(sender_->counters().sent, 24U + 2U + 22U);
}

// The originals of what is sent again have arrived, and the answer to them comes first.
TEST_F(SenderTest, TheRestIsKnownToBeLostThoughTheProbesBringNothingNew) {
  Write(0, 24'000);
  ASSERT_EQ(SendAll().size(), 24U);
  const std::uint64_t sent_ns = now_ns_;
  now_ns_ += kShortestNs;
  sender_->RunTimer(now_ns_);
  ASSERT_EQ(SendAll().size(), 2U);
  now_ns_ += 10'000;
  EXPECT_TRUE(AckOf(sent_ns, 2, 0));
  EXPECT_TRUE(SendAll().empty());
  EXPECT_FALSE(Ack(2)) << "nothing new";
  EXPECT_EQ(sender_->counters().lost, 22U);
  EXPECT_FALSE(SendAll().empty());
}

TEST_F(SenderTest, TheLastBeforeATimeoutAreKnownToBeLostToo) {
  Write(0, 3'000);
  ASSERT_EQ(SendAll().size(), 3U);
  now_ns_ += kShortestNs;
  sender_->RunTimer(now_ns_);
  ASSERT_EQ(SendAll(), (std::vector<std::uint64_t>{1, 2}));
  now_ns_ += 10'000;
  EXPECT_TRUE(Ack(2));
  EXPECT_EQ(SendAll(), (std::vector<std::uint64_t>{3}));
  EXPECT_TRUE(Ack(3));
  EXPECT_EQ(sender_->counters().timeouts, 1U);
}

TEST_F(SenderTest, APeerThatWasSlowIsNotSentEverythingAgain) {
  Write(0, 24'000);
  ASSERT_EQ(SendAll().size(), 24U);
  const std::uint64_t sent_ns = now_ns_;
  now_ns_ += kShortestNs;
  sender_->RunTimer(now_ns_);
  ASSERT_EQ(SendAll().size(), 2U);
  now_ns_ += 10'000;
  EXPECT_TRUE(AckOf(sent_ns, 8, 0)) << "of the first sending: the second is still to be looked at";
  EXPECT_TRUE(AckOf(sent_ns, 8, 0b10)) << "one is missing, not the others";
  EXPECT_TRUE(SendAll().empty());
  EXPECT_EQ(sender_->counters().lost, 0U);
}

// A way that loses some of what goes each way, and takes 10 us; 24 pieces are wanted under way at any time.
class LossyWay {
 public:
  LossyWay(unsigned lost_in_thousand, std::uint64_t seed) : lost_(lost_in_thousand), random_(seed) {
    log_.capacity = ring_.size();
    log_.ring = ring_.data();
    log_.words = &words_;
  }
  // The longest time in nanoseconds for which nothing was taken.
  std::uint64_t LongestStall(std::uint64_t pieces) {
    constexpr std::uint64_t kStepNs = 10'000;
    constexpr std::uint64_t kUnderWay = 24;
    std::uint64_t posted = 0;
    std::uint64_t progress_ns = now_ns_;
    std::uint64_t longest_ns = 0;
    while (sender_->cumulative() < pieces) {
      for (; posted < pieces && posted < sender_->cumulative() + kUnderWay; ++posted) {
        // A piece each: what follows on directly would share one.
        queue_.Push(kPeer, Operation::kWrite, {}, 0).range =
            RangeOf(posted % 2 * 4096, posted % 2 * 4096 + 8);
      }
      AckBody ack;
      bool any = false;
      for (; sender_->Next(queue_, now_ns_) != nullptr; sender_->Sent(now_ns_)) {
        any = Deliver(ack) || any;
      }
      now_ns_ += kStepNs;
      if (any && !Lost() && Answer(ack)) {
        longest_ns = std::max(longest_ns, now_ns_ - progress_ns);
        progress_ns = now_ns_;
      }
      while (!queue_.empty() && queue_.front().cut && queue_.front().last_sequence <= sender_->cumulative()) {
        queue_.Pop();
      }
      sender_->RunTimer(now_ns_);
    }
    return longest_ns;
  }

 private:
  bool Lost() { return random_() % 1000 < lost_; }
  bool Deliver(AckBody& ack) {
    if (Lost()) {
      return false;
    }
    const WriteBody body = {.sequence = sender_->next_sequence(), .stamp_ns = now_ns_};
    (void)receiver_->Take(body, {}, Position(0), log_);
    ack.stamp_ns = now_ns_;
    return true;
  }
  bool Answer(AckBody& ack) {
    std::array<std::uint64_t, kMaxBitmapWords> bitmap;
    ack.cumulative = receiver_->cumulative();
    ack.bitmap_words = receiver_->Bitmap(bitmap);
    return sender_->OnAck(ack, std::as_bytes(std::span(bitmap)), now_ns_);
  }

  unsigned lost_;
  std::mt19937_64 random_;
  std::uint64_t now_ns_ = 1'000'000;
  PostedQueue queue_;
  std::vector<std::byte> ring_ = std::vector<std::byte>(8192);
  std::array<std::uint64_t, kLogWords> words_ = {};
  LogMemory log_;
  std::unique_ptr<Sender> sender_ =
      std::make_unique<Sender>(1000, 512, RttEstimator(kShortestNs, kLongestNs));
  std::unique_ptr<Receiver> receiver_ = std::make_unique<Receiver>();
};

TEST(SenderUnderLossTest, NothingStandsStillForLongerThanAFewTimeouts) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    // Two timeouts one after the other, the second twice as long, and the way.
    EXPECT_LE(LossyWay(20, seed).LongestStall(20'000), 4 * kShortestNs) << "2 %, seed " << seed;
    EXPECT_LE(LossyWay(100, seed).LongestStall(5'000), 16 * kShortestNs) << "10 %, seed " << seed;
  }
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

// ---- what a port may still read (P8)

TEST_F(SenderTest, APieceIsSettledWhenItIsTakenAndItsLatestLoanIsOver) {
  Write(0, 3000);
  for (const std::uint64_t loan : {7U, 8U, 9U}) {
    ASSERT_NE(sender_->Next(posted_, now_ns_), nullptr);
    sender_->Sent(now_ns_, loan);
  }
  EXPECT_EQ(sender_->latest_loan(), 9U);
  EXPECT_FALSE(sender_->Settle(9)) << "nothing is taken";
  ASSERT_TRUE(Ack(2));
  EXPECT_EQ(sender_->settled(), 0U);
  EXPECT_TRUE(sender_->Settle(7));
  EXPECT_EQ(sender_->settled(), 1U);
  EXPECT_FALSE(sender_->Settle(7));
  EXPECT_TRUE(sender_->Settle(9));
  EXPECT_EQ(sender_->settled(), 2U) << "the third is not taken";
}

TEST_F(SenderTest, WhatIsNotSettledKeepsItsPlaceInTheWindow) {
  Write(0, std::uint64_t{2000} * kWindow);
  for (std::uint64_t acked = 0; acked < 2 * kWindow; acked = sender_->last()) {
    const std::uint64_t before = sender_->last();
    while (sender_->Next(posted_, now_ns_) != nullptr) {
      sender_->Sent(now_ns_, sender_->last());
    }
    if (sender_->last() == before) {
      break;  // no room, though all is taken
    }
    now_ns_ += kShortestNs;
    ASSERT_TRUE(Ack(sender_->last()));
  }
  EXPECT_EQ(sender_->cumulative(), kWindow - 1);
  EXPECT_EQ(sender_->settled(), 0U);
  EXPECT_TRUE(sender_->Settle(kWindow));
  EXPECT_NE(sender_->Next(posted_, now_ns_), nullptr);
}

}  // namespace
}  // namespace gaios::transport::udp

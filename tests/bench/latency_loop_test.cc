#include "bench/latency_loop.h"

#include <utility>

#include <gtest/gtest.h>

namespace gaios::bench {
namespace {

// Completes what was proposed once it has been polled so many times.
class SlowTarget {
 public:
  explicit SlowTarget(std::size_t polls) : polls_(polls) {}

  bool Propose() {
    most_under_way_ = std::max(most_under_way_, ++under_way_);
    ++proposed_;
    return true;
  }
  std::size_t Poll() {
    if (under_way_ == 0 || ++polled_ < polls_) {
      return 0;
    }
    polled_ = 0;
    return std::exchange(under_way_, 0);
  }

  [[nodiscard]] std::size_t proposed() const { return proposed_; }
  [[nodiscard]] std::size_t most_under_way() const { return most_under_way_; }

 private:
  std::size_t polls_;
  std::size_t polled_ = 0;
  std::size_t under_way_ = 0;
  std::size_t most_under_way_ = 0;
  std::size_t proposed_ = 0;
};

// Refuses everything until it has been polled so many times, then completes one command in each poll.
class FullTarget {
 public:
  explicit FullTarget(std::size_t polls) : polls_(polls) {}
  bool Propose() {
    under_way_ += polls_ == 0 ? 1U : 0U;
    return polls_ == 0;
  }
  std::size_t Poll() {
    polls_ -= polls_ > 0 ? 1U : 0U;
    const std::size_t done = under_way_ > 0 ? 1 : 0;
    under_way_ -= done;
    return done;
  }

 private:
  std::size_t polls_;
  std::size_t under_way_ = 0;
};

TEST(LatencyLoop, ClosedKeepsToWhatMayBeOutstandingAndTimesEachCommand) {
  const base::TscClock clock;
  LatencyLoop loop(clock);
  base::Histogram histogram;
  SlowTarget target(3);
  const LoopResult result = loop.Closed(target, 4, {.duration_ns = 1'000'000}, histogram);
  EXPECT_EQ(target.most_under_way(), 4U);
  EXPECT_GT(result.commands, 0U);
  EXPECT_EQ(result.commands, target.proposed()) << "none is left under way";
  EXPECT_EQ(histogram.count(), result.commands);
  EXPECT_GE(result.elapsed_ns, 1'000'000U);
  EXPECT_GE(loop.RunP50Ns(), static_cast<double>(histogram.min_ns())) << "means of some of them";
  EXPECT_LE(loop.RunP50Ns(), static_cast<double>(histogram.max_ns()));
}

TEST(LatencyLoop, OpenSendsWhatWasDueWhateverKeepsItBack) {
  const base::TscClock clock;
  LatencyLoop loop(clock);
  base::Histogram histogram;
  FullTarget target(1000);
  const LoopResult result = loop.Open(target, 100'000, {.duration_ns = 1'000'000}, histogram);
  EXPECT_EQ(result.commands, 10U) << "one for each interval, the refused ones included";
  EXPECT_EQ(histogram.count(), 10U);
}

TEST(LatencyLoop, OpenCountsFromTheIntendedStart) {
  const base::TscClock clock;
  LatencyLoop loop(clock);
  base::Histogram histogram;
  // Everything is due at once and one command completes in a poll: the last has waited for all of them.
  FullTarget target(0);
  const LoopResult result = loop.Open(target, 1, {.duration_ns = 5'000}, histogram);
  EXPECT_EQ(result.commands, 5'000U);
  EXPECT_GT(histogram.max_ns(), 4 * histogram.min_ns());
}

}  // namespace
}  // namespace gaios::bench

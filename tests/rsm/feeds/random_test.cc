#include "gaios/rsm/feeds/random.h"

#include <cmath>

#include <gtest/gtest.h>

namespace gaios::feeds {
namespace {

TEST(Random, GivesThePublishedSequence) {
  Random random(1234567);
  EXPECT_EQ(random.Next(), 6457827717110365317U);
  EXPECT_EQ(random.Next(), 3203168211198807973U);
  EXPECT_EQ(random.Next(), 9817491932198370423U);
}

TEST(Random, ExponentialOfFollowsTheLogarithm) {
  Random random(7);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t bits = random.Next() >> (i % 64);
    const double expected = -std::log(static_cast<double>(bits | 1) / 0x1p64);
    EXPECT_NEAR(static_cast<double>(ExponentialOf(bits)) / (1 << kFixedBits), expected, 0.0005) << bits;
  }
  EXPECT_EQ(ExponentialOf(~std::uint64_t{0}), 0U);
  EXPECT_LT(ExponentialOf(0), std::uint64_t{45} << kFixedBits);
}

TEST(Random, BelowStaysBelowAndReachesAll) {
  Random random(3);
  std::array<int, 10> seen = {};
  for (int i = 0; i < 100'000; ++i) {
    ++seen.at(random.Below(10));
  }
  for (const int count : seen) {
    EXPECT_NEAR(count, 10'000, 500);
  }
}

TEST(Random, GeometricHasItsMean) {
  Random random(4);
  std::uint64_t sum = 0;
  constexpr int kDraws = 200'000;
  for (int i = 0; i < kDraws; ++i) {
    sum += random.Geometric(6);
  }
  // The whole part of an exponential of mean m has the mean 1 / (e^(1/m) - 1).
  EXPECT_NEAR(static_cast<double>(sum) / kDraws, 1 / std::expm1(1.0 / 6), 0.06);
}

}  // namespace
}  // namespace gaios::feeds

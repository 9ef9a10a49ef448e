#include "gaios/paxos/silence_limit.h"

#include <gtest/gtest.h>

namespace gaios::paxos {
namespace {

constexpr TimeNs kMs = 1'000'000;

TEST(SilenceLimit, IsWhatWasConfiguredWhileBeatsComeAsTheyShould) {
  SilenceLimit silence(100 * kMs, 1000 * kMs);
  EXPECT_EQ(silence.limit(), 100 * kMs);
  for (int i = 0; i < 100; ++i) {
    silence.OnGap(5 * kMs);
  }
  EXPECT_EQ(silence.limit(), 100 * kMs);
}

TEST(SilenceLimit, GrowsWithThePausesThatAreSeen) {
  SilenceLimit silence(100 * kMs, 1000 * kMs);
  silence.OnGap(60 * kMs);
  EXPECT_EQ(silence.limit(), 180 * kMs);
  silence.OnGap(150 * kMs);
  EXPECT_EQ(silence.limit(), 450 * kMs);
  silence.OnGap(5 * kMs);
  EXPECT_EQ(silence.limit(), 450 * kMs);
}

TEST(SilenceLimit, GrowsNoFurtherThanItMay) {
  SilenceLimit silence(100 * kMs, 1000 * kMs);
  silence.OnGap(~TimeNs{0});
  EXPECT_EQ(silence.limit(), 1000 * kMs);
}

TEST(SilenceLimit, ForgetsPausesThatDoNotComeAgain) {
  SilenceLimit silence(100 * kMs, 1000 * kMs);
  silence.OnGap(60 * kMs);
  for (int i = 0; i < 4096; ++i) {
    silence.OnGap(5 * kMs);
    EXPECT_EQ(silence.limit(), 180 * kMs) << i;
  }
  for (int i = 0; i < 512; ++i) {
    silence.OnGap(5 * kMs);
  }
  EXPECT_EQ(silence.limit(), 100 * kMs);
}

TEST(SilenceLimit, IsFixedWhereBothBoundsAreEqual) {
  SilenceLimit silence(20 * kMs, 20 * kMs);
  silence.OnGap(19 * kMs);
  EXPECT_EQ(silence.limit(), 20 * kMs);
}

}  // namespace
}  // namespace gaios::paxos

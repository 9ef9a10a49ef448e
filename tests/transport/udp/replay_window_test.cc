#include "gaios/transport/udp/replay_window.h"

#include <cstdint>
#include <limits>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace gaios::transport::udp {
namespace {

using Found = ReplayWindow::Found;

TEST(ReplayWindow, ANumberIsNewOnce) {
  ReplayWindow window;
  EXPECT_EQ(window.Look(1), Found::kNew);
  window.Mark(1);
  EXPECT_EQ(window.Look(1), Found::kSeen);
  EXPECT_EQ(window.Look(2), Found::kNew);
  EXPECT_EQ(window.highest(), 1U);
}

TEST(ReplayWindow, NumberZeroIsNeverGood) {
  ReplayWindow window;
  EXPECT_EQ(window.Look(0), Found::kTooOld);
  window.Mark(1);
  EXPECT_EQ(window.Look(0), Found::kTooOld);
}

TEST(ReplayWindow, WithinTheWindowAnyOrderIsGood) {
  ReplayWindow window;
  window.Mark(kReplayWindow + 7);
  for (std::uint64_t sequence = kReplayWindow + 6; sequence >= 8; --sequence) {
    ASSERT_EQ(window.Look(sequence), Found::kNew) << sequence;
    window.Mark(sequence);
    ASSERT_EQ(window.Look(sequence), Found::kSeen) << sequence;
  }
  EXPECT_EQ(window.Look(7), Found::kTooOld);
}

TEST(ReplayWindow, TheHighestNumbersAreAsGoodAsAnyOther) {
  constexpr std::uint64_t kLast = std::numeric_limits<std::uint64_t>::max();
  ReplayWindow window;
  window.Mark(kLast);
  EXPECT_EQ(window.Look(kLast), Found::kSeen);
  EXPECT_EQ(window.Look(kLast - kReplayWindow + 1), Found::kNew);
  EXPECT_EQ(window.Look(kLast - kReplayWindow), Found::kTooOld);
}

// Against a set of all numbers, with jumps that leave words, the whole bitmap, and more behind.
TEST(ReplayWindow, AgreesWithASetOfAllNumbersSeen) {
  std::mt19937_64 random(1);
  for (int run = 0; run < 20; ++run) {
    ReplayWindow window;
    std::set<std::uint64_t> seen;
    std::uint64_t highest = 0;
    for (int step = 0; step < 20'000; ++step) {
      std::uint64_t sequence = 0;
      const std::uint64_t kind = random() % 100;
      if (kind < 60) {
        sequence = highest + 1 + random() % 3;
      } else if (kind < 98) {
        const std::uint64_t back = random() % (kReplayWindow + 100);
        sequence = highest > back ? highest - back : 1;
      } else {
        sequence = highest + random() % (3 * kReplayWindow) + 1;
      }
      Found expected = Found::kNew;
      if (sequence <= highest && highest - sequence >= kReplayWindow) {
        expected = Found::kTooOld;
      } else if (seen.contains(sequence)) {
        expected = Found::kSeen;
      }
      ASSERT_EQ(window.Look(sequence), expected) << "run " << run << ", step " << step;
      if (expected == Found::kNew) {
        window.Mark(sequence);
        seen.insert(sequence);
        highest = std::max(highest, sequence);
      }
      ASSERT_EQ(window.highest(), highest);
    }
  }
}

TEST(ReplayWindowDeathTest, WhatIsNotNewIsNotMarked) {
  ReplayWindow window;
  window.Mark(5);
  EXPECT_DEATH(window.Mark(5), "not new");
}

}  // namespace
}  // namespace gaios::transport::udp

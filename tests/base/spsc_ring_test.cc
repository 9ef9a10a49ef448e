#include "gaios/base/spsc_ring.h"

#include <cstdint>
#include <memory>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "tests/base/patience.h"

namespace gaios::base {
namespace {

TEST(SpscRing, LeavesInOrderAndSaysFullAndEmpty) {
  SpscRing<int> ring(4);
  EXPECT_EQ(ring.capacity(), 4);
  int value = -1;
  EXPECT_FALSE(ring.TryPop(value));
  EXPECT_EQ(value, -1);
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(ring.TryPush(i));
  }
  EXPECT_FALSE(ring.TryPush(4));
  EXPECT_EQ(ring.SizeApproximate(), 4);
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(ring.TryPop(value));
    EXPECT_EQ(value, i);
  }
  EXPECT_FALSE(ring.TryPop(value));
  EXPECT_EQ(ring.SizeApproximate(), 0);
}

TEST(SpscRing, HoldsOneElementWhenAskedTo) {
  SpscRing<int> ring(1);
  int value = 0;
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(ring.TryPush(i));
    EXPECT_FALSE(ring.TryPush(i));
    ASSERT_TRUE(ring.TryPop(value));
    EXPECT_EQ(value, i);
  }
}

TEST(SpscRing, WrapsAtEveryFill) {
  SpscRing<std::uint64_t> ring(8);
  std::uint64_t pushed = 0;
  std::uint64_t popped = 0;
  for (std::uint64_t fill = 0; fill <= 8; ++fill) {
    for (int round = 0; round < 20; ++round) {
      for (std::uint64_t i = 0; i < fill; ++i) {
        ASSERT_TRUE(ring.TryPush(pushed++));
      }
      for (std::uint64_t i = 0; i < fill; ++i) {
        std::uint64_t value = 0;
        ASSERT_TRUE(ring.TryPop(value));
        ASSERT_EQ(value, popped++);
      }
    }
  }
}

TEST(SpscRing, FrontStaysUntilPop) {
  SpscRing<int> ring(2);
  EXPECT_EQ(ring.Front(), nullptr);
  ASSERT_TRUE(ring.TryPush(5));
  ASSERT_NE(ring.Front(), nullptr);
  EXPECT_EQ(*ring.Front(), 5);
  EXPECT_EQ(*ring.Front(), 5);
  ring.Pop();
  EXPECT_EQ(ring.Front(), nullptr);
}

TEST(SpscRing, ARefusedPushKeepsItsArgument) {
  SpscRing<std::unique_ptr<int>> ring(1);
  ASSERT_TRUE(ring.TryPush(std::make_unique<int>(1)));
  auto second = std::make_unique<int>(2);
  EXPECT_FALSE(ring.TryPush(std::move(second)));
  EXPECT_NE(second, nullptr);  // NOLINT(bugprone-use-after-move): that it was not moved is the point
}

TEST(SpscRing, APoppedElementGivesUpItsResources) {
  SpscRing<std::shared_ptr<int>> ring(4);
  const auto shared = std::make_shared<int>(1);
  ASSERT_TRUE(ring.TryPush(shared));
  EXPECT_EQ(shared.use_count(), 2);
  ASSERT_NE(ring.Front(), nullptr);
  ring.Pop();
  EXPECT_EQ(shared.use_count(), 1);
}

TEST(SpscRing, TheRingReleasesWhatIsLeftInIt) {
  const auto shared = std::make_shared<int>(1);
  {
    SpscRing<std::shared_ptr<int>> ring(4);
    ASSERT_TRUE(ring.TryPush(shared));
    ASSERT_TRUE(ring.TryPush(shared));
  }
  EXPECT_EQ(shared.use_count(), 1);
}

// Two words that must arrive together: a torn or early read shows as a mismatch, and as a race to the thread
// sanitizer.
struct Twin {
  std::uint64_t number = 0;
  std::uint64_t complement = 0;
};

void StreamThrough(std::size_t capacity, std::uint64_t elements) {
  SpscRing<Twin> ring(capacity);
  std::thread producer([&ring, elements] {
    Patience patience;
    for (std::uint64_t i = 0; i < elements; ++i) {
      while (!ring.TryPush(Twin{.number = i, .complement = ~i})) {
        patience.Wait();
      }
    }
  });
  std::uint64_t mismatches = 0;
  Patience patience;
  for (std::uint64_t i = 0; i < elements; ++i) {
    const Twin* front = ring.Front();
    while (front == nullptr) {
      patience.Wait();
      front = ring.Front();
    }
    mismatches += front->number == i && front->complement == ~i ? 0 : 1;
    ring.Pop();
  }
  producer.join();
  EXPECT_EQ(mismatches, 0);
  EXPECT_EQ(ring.Front(), nullptr);
}

TEST(SpscRing, StreamsBetweenThreadsInOrder) {
  StreamThrough(1024, 200'000);
}

TEST(SpscRing, StreamsBetweenThreadsWhenNearlyAlwaysFullOrEmpty) {
  StreamThrough(2, 20'000);
}

TEST(SpscRing, ReportsASizeWithinItsCapacityToThirdThreads) {
  SpscRing<int> ring(4);
  std::thread other([&ring] {
    for (int i = 0; i < 20'000; ++i) {
      if (!ring.TryPush(i)) {
        (void)ring.Front();
      }
      EXPECT_LE(ring.SizeApproximate(), 4);
    }
  });
  other.join();
  EXPECT_EQ(ring.SizeApproximate(), 4);
}

TEST(SpscRingDeathTest, RefusesMisuse) {
  EXPECT_DEATH(SpscRing<int>(0), "power of two");
  EXPECT_DEATH(SpscRing<int>(6), "power of two");
  SpscRing<int> ring(2);
  EXPECT_DEATH(ring.Pop(), "without an element");
}

}  // namespace
}  // namespace gaios::base

#include "gaios/base/mpsc_ring.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/base/patience.h"

namespace gaios::base {
namespace {

template <typename Ring, typename Value>
concept Takes = requires(Ring& ring, Value value) { ring.TryPush(std::forward<Value>(value)); };
static_assert(Takes<MpscRing<std::string>, std::string&&>);
static_assert(!Takes<MpscRing<std::string>, const std::string&>,
              "a copy that allocates may throw on a won place");

TEST(MpscRing, LeavesInOrderAndSaysFullAndEmpty) {
  MpscRing<int> ring(4);
  EXPECT_EQ(ring.capacity(), 4);
  int value = -1;
  EXPECT_FALSE(ring.TryPop(value));
  EXPECT_EQ(value, -1);
  for (int lap = 0; lap < 3; ++lap) {
    for (int i = 0; i < 4; ++i) {
      EXPECT_TRUE(ring.TryPush(i));
    }
    EXPECT_FALSE(ring.TryPush(4));
    for (int i = 0; i < 4; ++i) {
      ASSERT_TRUE(ring.TryPop(value));
      EXPECT_EQ(value, i);
    }
    EXPECT_FALSE(ring.TryPop(value));
  }
}

TEST(MpscRing, OnePopMakesRoomForOnePush) {
  MpscRing<int> ring(2);
  ASSERT_TRUE(ring.TryPush(0));
  ASSERT_TRUE(ring.TryPush(1));
  for (int i = 2; i < 20; ++i) {
    EXPECT_FALSE(ring.TryPush(i));
    int value = -1;
    ASSERT_TRUE(ring.TryPop(value));
    EXPECT_EQ(value, i - 2);
    EXPECT_TRUE(ring.TryPush(i));
  }
}

TEST(MpscRing, ARefusedPushKeepsItsArgument) {
  MpscRing<std::unique_ptr<int>> ring(2);
  ASSERT_TRUE(ring.TryPush(std::make_unique<int>(1)));
  ASSERT_TRUE(ring.TryPush(std::make_unique<int>(2)));
  auto third = std::make_unique<int>(3);
  EXPECT_FALSE(ring.TryPush(std::move(third)));
  EXPECT_NE(third, nullptr);  // NOLINT(bugprone-use-after-move): that it was not moved is the point
}

TEST(MpscRing, ElementsAreReleased) {
  const auto shared = std::make_shared<int>(1);
  {
    MpscRing<std::shared_ptr<int>> ring(4);
    ASSERT_TRUE(ring.TryPush(shared));
    ASSERT_TRUE(ring.TryPush(shared));
    std::shared_ptr<int> popped;
    ASSERT_TRUE(ring.TryPop(popped));
    EXPECT_EQ(shared.use_count(), 3);
  }
  EXPECT_EQ(shared.use_count(), 1);
}

struct Item {
  std::size_t producer = 0;
  std::uint64_t number = 0;
  std::uint64_t complement = 0;
};

void StreamThrough(std::size_t capacity, std::uint64_t per_producer) {
  constexpr std::size_t kProducers = 3;
  MpscRing<Item> ring(capacity);
  std::vector<std::thread> producers;
  producers.reserve(kProducers);
  for (std::size_t producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back([&ring, producer, per_producer] {
      Patience patience;
      for (std::uint64_t i = 0; i < per_producer; ++i) {
        while (!ring.TryPush(Item{.producer = producer, .number = i, .complement = ~i})) {
          patience.Wait();
        }
      }
    });
  }
  std::array<std::uint64_t, kProducers> next{};
  std::uint64_t mismatches = 0;
  Patience patience;
  for (std::uint64_t popped = 0; popped < kProducers * per_producer; ++popped) {
    Item item;
    while (!ring.TryPop(item)) {
      patience.Wait();
    }
    mismatches += item.number == next[item.producer] && item.complement == ~item.number ? 0 : 1;
    next[item.producer] = item.number + 1;
  }
  for (std::thread& producer : producers) {
    producer.join();
  }
  EXPECT_EQ(mismatches, 0);
  Item left_over;
  EXPECT_FALSE(ring.TryPop(left_over));
}

TEST(MpscRing, StreamsFromManyThreadsEachInOrder) {
  StreamThrough(1024, 50'000);
}

TEST(MpscRing, StreamsFromManyThreadsWhenNearlyAlwaysFullOrEmpty) {
  StreamThrough(2, 5'000);
}

TEST(MpscRing, ProducersInARaceFillItExactly) {
  constexpr std::size_t kCapacity = 256;
  MpscRing<int> ring(kCapacity);
  std::atomic<std::size_t> accepted{0};
  constexpr int kProducers = 4;
  std::vector<std::thread> producers;
  producers.reserve(kProducers);
  for (int producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back([&ring, &accepted] {
      while (ring.TryPush(1)) {
        accepted.fetch_add(1);
      }
    });
  }
  for (std::thread& producer : producers) {
    producer.join();
  }
  EXPECT_EQ(accepted.load(), kCapacity);
  int value = 0;
  for (std::size_t i = 0; i < kCapacity; ++i) {
    EXPECT_TRUE(ring.TryPop(value));
  }
  EXPECT_FALSE(ring.TryPop(value));
}

TEST(MpscRingDeathTest, RefusesCapacitiesThatDoNotWork) {
  EXPECT_DEATH(MpscRing<int>(0), "power of two");
  EXPECT_DEATH(MpscRing<int>(1), "at least 2");
  EXPECT_DEATH(MpscRing<int>(6), "power of two");
}

}  // namespace
}  // namespace gaios::base

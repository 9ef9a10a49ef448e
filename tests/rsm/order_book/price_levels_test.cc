// The tree of levels against a std::map: thousands of levels come and go, in every pattern that splits,
// merges and evens out nodes, and when all are gone so are all nodes.

#include "gaios/rsm/order_book/price_levels.h"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <random>

#include <gtest/gtest.h>

namespace gaios::order_book {
namespace {

class Levels : public testing::Test {
 protected:
  static constexpr std::uint32_t kMaxLevels = 20'000;

  Levels() {
    auto memory = LevelMemory::Make(kMaxLevels, 2);
    EXPECT_TRUE(memory.ok());
    memory_ = *std::move(memory);
  }

  void Insert(std::int64_t key) {
    const LevelHandle level = levels_.FindOrInsert(key, memory_);
    const auto known = expected_.find(key);
    if (known != expected_.end()) {
      ASSERT_EQ(known->second, level);
    } else {
      ASSERT_EQ(memory_.levels[level].key, key);
      ASSERT_EQ(memory_.levels[level].orders, 0U);
      expected_[key] = level;
    }
  }
  void Erase(std::int64_t key) {
    levels_.Erase(expected_.at(key), memory_);
    expected_.erase(key);
  }
  void ExpectEqual() {
    LevelHandle at = levels_.best();
    LevelHandle previous;
    for (const auto& [key, level] : expected_) {
      ASSERT_EQ(at, level) << "key " << key;
      ASSERT_EQ(memory_.levels[at].previous, previous);
      previous = at;
      at = memory_.levels[at].next;
    }
    ASSERT_FALSE(at);
    ASSERT_EQ(memory_.levels.used(), expected_.size());
    ASSERT_LE(memory_.nodes.used(), expected_.size() / 7 + 1);
  }

  LevelMemory memory_;
  PriceLevels levels_;
  std::map<std::int64_t, LevelHandle> expected_;
};

TEST_F(Levels, UpwardsThenAwayFromTheBest) {
  for (std::int64_t key = 1; key <= kMaxLevels; ++key) {
    Insert(key);
  }
  ExpectEqual();
  for (std::int64_t key = 1; key <= kMaxLevels; ++key) {
    Erase(key);
    ASSERT_EQ(static_cast<bool>(levels_.best()), key < kMaxLevels);
  }
  EXPECT_EQ(memory_.nodes.used(), 0U);
}

TEST_F(Levels, DownwardsThenAwayFromTheWorst) {
  for (std::int64_t key = kMaxLevels; key >= 1; --key) {
    Insert(-key * 1'000'000'007);
  }
  ExpectEqual();
  for (std::int64_t key = 1; key <= kMaxLevels; ++key) {
    Erase(-key * 1'000'000'007);
  }
  EXPECT_EQ(memory_.nodes.used(), 0U);
  EXPECT_FALSE(levels_.best());
}

TEST_F(Levels, AtRandomGrowingAndShrinking) {
  std::mt19937_64 random(5);
  for (int wave = 0; wave < 6; ++wave) {
    const std::size_t target = wave % 2 == 0 ? 15'000 : 100;
    for (int step = 0; expected_.size() != target; ++step) {
      // Mostly towards the target, some the other way; keys now dense, now sparse, at both ends and in
      // between.
      const bool grow = (random() % 8 != 0) == (expected_.size() < target);
      if (grow) {
        const auto range = static_cast<std::int64_t>(wave < 3 ? 40'000 : kMaxPrice);
        Insert(static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(range)) - range / 2);
      } else if (!expected_.empty()) {
        auto it = expected_.lower_bound(static_cast<std::int64_t>(random() % 40'000) - 20'000);
        if (it == expected_.end() || random() % 4 == 0) {
          it = random() % 2 == 0 ? expected_.begin() : std::prev(expected_.end());
        }
        Erase(it->first);
      }
      if (step % 4'000 == 0) {
        ExpectEqual();
      }
    }
    ExpectEqual();
  }
  while (!expected_.empty()) {
    Erase(expected_.begin()->first);
  }
  EXPECT_EQ(memory_.nodes.used(), 0U);
}

TEST_F(Levels, TwoSidesShareOneMemory) {
  PriceLevels other(1);
  for (std::int64_t key = 1; key <= 1'000; ++key) {
    Insert(key);
    static_cast<void>(other.FindOrInsert(-key, memory_));
  }
  EXPECT_EQ(memory_.levels[levels_.best()].key, 1);
  EXPECT_EQ(memory_.levels[other.best()].key, -1'000);
  EXPECT_EQ(memory_.levels.used(), 2'000U);
}

TEST(Keys, TheBestIsTheSmallestOnEitherSide) {
  EXPECT_LT(KeyOf(Side::kBuy, 101), KeyOf(Side::kBuy, 100));
  EXPECT_LT(KeyOf(Side::kSell, 100), KeyOf(Side::kSell, 101));
  EXPECT_EQ(PriceOf(Side::kBuy, KeyOf(Side::kBuy, kMaxPrice)), kMaxPrice);
  EXPECT_EQ(PriceOf(Side::kSell, KeyOf(Side::kSell, 1)), 1);
}

}  // namespace
}  // namespace gaios::order_book

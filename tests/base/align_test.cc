#include "gaios/base/align.h"

#include <cstdint>

#include <gtest/gtest.h>

namespace gaios::base {
namespace {

static_assert(IsPowerOfTwo(1) && IsPowerOfTwo(64) && IsPowerOfTwo(std::uint64_t{1} << 63U));
static_assert(!IsPowerOfTwo(0) && !IsPowerOfTwo(3) && !IsPowerOfTwo(UINT64_MAX));
static_assert(RoundUp(0, 8) == 0 && RoundUp(1, 8) == 8 && RoundUp(8, 8) == 8 && RoundUp(9, 8) == 16);
static_assert(RoundUp(UINT64_MAX - 63, 64) == UINT64_MAX - 63);
static_assert(RoundUp(UINT64_MAX, 1) == UINT64_MAX);
static_assert(sizeof(CacheLinePadded<char>) == kCacheLineBytes);
static_assert(alignof(CacheLinePadded<char>) == kCacheLineBytes);

TEST(AlignDeathTest, RoundUpRefusesWhatItCannotAnswer) {
  const volatile std::uint64_t three = 3;
  EXPECT_DEATH((void)RoundUp(10, three), "power of two");
  const volatile std::uint64_t largest = UINT64_MAX;
  EXPECT_DEATH((void)RoundUp(largest, 8), "exceeds 64 bits");
}

TEST(CacheLinePadded, NeighboursDoNotShareALine) {
  const CacheLinePadded<int> pair[2];
  const auto first = reinterpret_cast<std::uintptr_t>(&pair[0].value);
  const auto second = reinterpret_cast<std::uintptr_t>(&pair[1].value);
  EXPECT_NE(first / kCacheLineBytes, second / kCacheLineBytes);
  EXPECT_EQ(pair[0].value, 0);
}

}  // namespace
}  // namespace gaios::base

#include "tests/linearizability/configurations.h"

#include <cstdint>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace gaios::linearizability {
namespace {

using Words = std::vector<std::uint32_t>;

TEST(Configurations, KnowsWhatItHasSeen) {
  Configurations seen;
  EXPECT_TRUE(seen.Insert(Words{1, 2, 3}));
  EXPECT_TRUE(seen.Insert(Words{1, 2}));
  EXPECT_TRUE(seen.Insert(Words{1, 2, 4}));
  EXPECT_FALSE(seen.Insert(Words{1, 2, 3}));
  EXPECT_FALSE(seen.Insert(Words{1, 2}));
  EXPECT_EQ(seen.size(), 3);
}

TEST(Configurations, AgreesWithASetThroughGrowthAndChunks) {
  std::mt19937_64 random(20240229);
  Configurations seen;
  std::set<Words> expected;
  for (int i = 0; i < 50'000; ++i) {
    Words words(1 + random() % 12);
    for (std::uint32_t& word : words) {
      word = static_cast<std::uint32_t>(random() % 4);
    }
    EXPECT_EQ(seen.Insert(words), expected.insert(words).second);
  }
  EXPECT_EQ(seen.size(), expected.size());
  for (const Words& words : expected) {
    EXPECT_FALSE(seen.Insert(words));
  }
}

TEST(Configurations, KeepsOneThatIsLongerThanAChunk) {
  Configurations seen;
  Words large(100'000, 7);
  EXPECT_TRUE(seen.Insert(large));
  EXPECT_TRUE(seen.Insert(Words{1}));
  EXPECT_FALSE(seen.Insert(large));
  large.back() = 8;
  EXPECT_TRUE(seen.Insert(large));
  EXPECT_FALSE(seen.Insert(Words{1}));
  EXPECT_GE(seen.bytes(), 2 * large.size() * sizeof(large[0]));
}

}  // namespace
}  // namespace gaios::linearizability

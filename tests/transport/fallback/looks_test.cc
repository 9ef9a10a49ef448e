#include "gaios/transport/fallback/looks.h"

#include <gtest/gtest.h>

namespace gaios::transport::fallback {
namespace {

// How many looks are lost when that path gives one up.
std::uint64_t Lost(Looks& looks, std::size_t path) {
  looks.GivenUp(path);
  return looks.TakeLost();
}

constexpr std::uint32_t kFirst = 1;
constexpr std::uint32_t kBoth = 3;

TEST(Looks, TheFirstAnswerIsTheOne) {
  Looks looks;
  looks.Post(kBoth);
  EXPECT_EQ(looks.Answered(1), 1U);
  EXPECT_EQ(looks.Answered(0), 0U);
  EXPECT_FALSE(looks.open());
}

TEST(Looks, AnAnswerAnswersEarlierLooksToo) {
  Looks looks;
  looks.Post(kFirst);  // the second path was not there
  looks.Post(kFirst);
  looks.Post(kBoth);
  EXPECT_EQ(looks.Answered(1), 3U);
  EXPECT_EQ(looks.Answered(0), 0U);
  EXPECT_EQ(looks.Answered(0), 0U);
  EXPECT_EQ(looks.Answered(0), 0U);
}

TEST(Looks, WhatOnePathGivesUpTheOtherMayAnswer) {
  Looks looks;
  looks.Post(kBoth);
  EXPECT_EQ(Lost(looks, 0), 0U);
  EXPECT_TRUE(looks.open());
  EXPECT_EQ(looks.Answered(1), 1U);
  EXPECT_EQ(looks.TakeLost(), 0U);
}

TEST(Looks, WhatNobodyAnswersIsLostInOrder) {
  Looks looks;
  looks.Post(kBoth);
  looks.Post(kFirst);
  EXPECT_EQ(Lost(looks, 0), 0U);
  EXPECT_EQ(Lost(looks, 0), 0U) << "the look before it is still open";
  EXPECT_EQ(Lost(looks, 1), 2U);
  EXPECT_FALSE(looks.open());
}

// What came for an earlier look may be older than this one.
TEST(Looks, OneThatWaitedForAnEarlierOneAloneIsLostWhenThatIsAnswered) {
  Looks looks;
  looks.Post(kBoth);
  looks.Post(kFirst);
  EXPECT_EQ(Lost(looks, 0), 0U);
  EXPECT_EQ(Lost(looks, 0), 0U);
  EXPECT_EQ(looks.Answered(1), 1U) << "the earlier one alone";
  EXPECT_EQ(looks.TakeLost(), 1U);
  EXPECT_FALSE(looks.open());
}

TEST(Looks, APathThatOwesTooManyIsFullAndTheOthersGoOn) {
  Looks looks;
  for (std::size_t i = 0; i < 3 * Looks::kMost; ++i) {
    ASSERT_FALSE(looks.full());
    looks.Post(looks.Full(0) ? 2 : kBoth);
    EXPECT_EQ(looks.Answered(1), 1U);
  }
  EXPECT_TRUE(looks.Full(0));
  EXPECT_FALSE(looks.Full(1));
  for (std::size_t i = 0; i < Looks::kMost; ++i) {
    EXPECT_EQ(looks.Answered(0), 0U);
  }
  looks.Post(kFirst);
  EXPECT_EQ(looks.Answered(0), 1U);
}

TEST(Looks, AnswersThatNobodyAskedForAreNone) {
  Looks looks;
  EXPECT_EQ(looks.Answered(0), 0U);
  EXPECT_EQ(Lost(looks, 0), 0U);
}

}  // namespace
}  // namespace gaios::transport::fallback

#include "gaios/base/check.h"

#include <csignal>
#include <memory>

#include <gtest/gtest.h>

namespace gaios::base {
namespace {

TEST(Check, EvaluatesItsConditionOnceAndGoesOn) {
  int evaluations = 0;
  GAIOS_CHECK(++evaluations == 1, "evaluated once");
  EXPECT_EQ(evaluations, 1);
}

TEST(Check, TakesWhatConvertsToBoolOnlyInACondition) {
  const auto pointer = std::make_unique<int>(1);
  GAIOS_CHECK(pointer, "not null");
}

constexpr int Half(int even) {
  GAIOS_CHECK(even % 2 == 0, "even");
  return even / 2;
}
static_assert(Half(4) == 2, "a check fits in a constant expression");

TEST(CheckDeathTest, ReportsPlaceConditionAndMessageAndAborts) {
  const int replicas = 2;
  EXPECT_EXIT(GAIOS_CHECK(replicas == 3, "a group has three"), testing::KilledBySignal(SIGABRT),
              "check_test\\.cc:[0-9]+: check failed: replicas == 3: a group has three");
}

}  // namespace
}  // namespace gaios::base

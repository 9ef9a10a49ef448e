// What the search costs, in steps: large histories must be decided with few, and hard ones given up.

#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gaios/base/clock.h"

#include "tests/linearizability/check_history.h"
#include "tests/linearizability/notation.h"
#include "tests/linearizability/random_history.h"

namespace gaios::linearizability {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t kOperations = 8'000;
// A search that never went wrong would take one step for each operation.
constexpr std::uint64_t kStepsPerOperation = 4;

struct Load {
  std::size_t clients;
  std::size_t keys;
  std::size_t values;
};

class LargeRegister : public ::testing::TestWithParam<Load> {
 protected:
  static RandomHistoryOptions Options(std::uint64_t seed) {
    return {.model = Model::kRegister,
            .seed = seed,
            .operations = kOperations,
            .clients = GetParam().clients,
            .keys = GetParam().keys,
            .values = GetParam().values,
            .info_per_mille = 20};
  }
};

TEST_P(LargeRegister, IsDecidedInFewSteps) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(seed);
    const History history = MakeHistory(Model::kRegister, MakeRandomHistory(Options(seed)));
    const Judgement judgement =
        CheckHistory(history, BudgetOptions{.steps = kStepsPerOperation * kOperations});
    EXPECT_EQ(judgement.verdict, Verdict::kLinearizable);
    std::printf("steps %lu\n", judgement.steps);
  }
}
INSTANTIATE_TEST_SUITE_P(All, LargeRegister,
                         ::testing::Values(Load{5, 1, 0}, Load{20, 4, 0}, Load{64, 8, 0}, Load{64, 8, 5},
                                           Load{30, 1, 0}, Load{30, 1, 5}, Load{100, 1, 0},
                                           Load{100, 1, 1000}));

}  // namespace
}  // namespace gaios::linearizability

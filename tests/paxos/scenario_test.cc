// Plays every script of scenarios/, each as a test of its own name.

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/paxos/script.h"
#include "tests/support/paths.h"

namespace gaios::sim {
namespace {

std::vector<std::string> Scripts() {
  std::vector<std::string> paths;
  for (const auto& file : std::filesystem::directory_iterator(SourceDirectory() + "/tests/paxos/scenarios")) {
    if (file.path().extension() == ".txt") {
      paths.push_back(file.path().string());
    }
  }
  std::ranges::sort(paths);
  return paths;
}

class Scenario : public ::testing::TestWithParam<std::string> {};

TEST_P(Scenario, Holds) {
  const std::string failure = Script(GetParam()).Play();
  EXPECT_TRUE(failure.empty()) << failure;
}

// The same, where every write that can be is posted to all in one call.
class ScenarioToAll : public ::testing::TestWithParam<std::string> {};

TEST_P(ScenarioToAll, Holds) {
  const std::string failure = Script(GetParam(), 1'000).Play();
  EXPECT_TRUE(failure.empty()) << failure;
}

std::string NameOf(const ::testing::TestParamInfo<std::string>& script) {
  std::string name = std::filesystem::path(script.param).stem().string();
  std::ranges::replace(name, '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Paxos, Scenario, ::testing::ValuesIn(Scripts()), NameOf);
INSTANTIATE_TEST_SUITE_P(Paxos, ScenarioToAll, ::testing::ValuesIn(Scripts()), NameOf);

}  // namespace
}  // namespace gaios::sim

// The program: that a round whose replicas do damage on purpose fails, and what it leaves behind.

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "gaios/cli/demo/child_process.h"

#include "tests/processes/group.h"
#include "tests/support/paths.h"

namespace gaios::chaos {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

class Program : public ::testing::Test {
 protected:
  cli::Ran Run(std::vector<std::string> arguments) {
    const std::string output = scratch_.Path("output");
    std::filesystem::remove(output);
    arguments.insert(arguments.begin(), BinDirectory() + "/gaios-chaos");
    auto process = cli::ChildProcess::Start(arguments, output);
    EXPECT_TRUE(process.ok());
    const std::optional<int> code = (*process)->Wait(std::chrono::minutes(3));
    EXPECT_TRUE(code.has_value()) << cli::ReadText(output);
    return {.exit_code = code.value_or(-1), .output = cli::ReadText(output)};
  }
  // Runs a round with that damage, and expects it to be found, told and kept.
  void ExpectFound(const std::string& fault, const std::string& finding) {
    const std::string json_file = scratch_.Path("json");
    const cli::Ran ran = Run({"--seed", "11", "--rounds", "1", "--replicas", "3", "--inject-fault", fault,
                              "--keep", scratch_.Path("kept"), "--json", json_file});
    EXPECT_EQ(ran.exit_code, 1);
    EXPECT_THAT(ran.output, HasSubstr("seed 11: FAILED"));
    EXPECT_THAT(ran.output, HasSubstr(finding));
    EXPECT_THAT(ran.output,
                HasSubstr("again: gaios-chaos --seed 11 --rounds 1 --replicas 3 --inject-fault " + fault));
    EXPECT_THAT(ran.output, EndsWith("\n0 passed, 1 failed\n"));
    const auto json = nlohmann::json::parse(cli::ReadText(json_file));
    EXPECT_EQ(json["passed"], 0);
    EXPECT_EQ(json["failed_seeds"], nlohmann::json({11}));
    for (const char* file : {"history.jsonl", "client-0.acks", "client-0.sessions", "faults.txt",
                             "findings.txt", "plan.txt", "group.toml", "0.log", "replica-0.life-1.journal"}) {
      EXPECT_TRUE(std::filesystem::exists(scratch_.Path("kept/chaos-11-3/") + file)) << file;
    }
  }

  cli::Scratch scratch_;
};

TEST_F(Program, FindsALostCommand) {
  ExpectFound("lose", "1 acknowledged commands are in no journal");
}

TEST_F(Program, FindsACommandThatWasRunTwice) {
  ExpectFound("duplicate", "1 commands were run, or acknowledged, more than once");
}

TEST_F(Program, FindsAnAnswerThatNoCounterGives) {
  ExpectFound("reorder", "answers to a client were not those of a counter");
}

TEST_F(Program, TellsItsPlansWhichAreTheSameOverRdma) {
  const std::vector<std::string> arguments = {"--plan", "--seed", "300", "--rounds", "2", "--replicas", "3"};
  const cli::Ran here = Run(arguments);
  EXPECT_EQ(here.exit_code, 0);
  EXPECT_THAT(here.output, HasSubstr("seed 300: 3 replicas"));
  EXPECT_THAT(here.output, HasSubstr("seed 301: 3 replicas"));
  std::vector<std::string> over_rdma = arguments;
  over_rdma.insert(over_rdma.end(), {"--transport", "verbs", "--slower", "4"});
  EXPECT_EQ(Run(over_rdma).output, here.output);
}

TEST_F(Program, ExitsWith2ForWrongUsage) {
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"--replicas", "8"},
                                             {"--seconds", "0"},
                                             {"--inject-fault", "rust"},
                                             {"--nonsense"},
                                             {"--slower", "0"},
                                             {"--members", "--transport", "verbs"}}) {
    const cli::Ran ran = Run(wrong);
    EXPECT_EQ(ran.exit_code, 2) << ran.output;
    EXPECT_THAT(ran.output, HasSubstr("gaios-chaos: "));
  }
}

}  // namespace
}  // namespace gaios::chaos

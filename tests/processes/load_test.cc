// `gaios load` against a real group.

#include <csignal>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/processes/group.h"

namespace gaios::cli {
namespace {

using ::testing::HasSubstr;

// Reads a history and checks that every process does one thing at a time and hears of each once, and that
// each command, which adds one to the group's counter, is answered with another number.
std::map<std::string, std::uint64_t> CountHistory(const std::string& text) {
  std::map<std::string, std::uint64_t> types;
  std::map<std::uint64_t, std::uint64_t> under_way;  // value by process
  std::set<std::uint64_t> lost;                      // processes that end in info
  std::set<std::uint64_t> numbers;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto event = nlohmann::json::parse(line);
    const std::string type = event.at("type");
    const std::uint64_t process = event.at("process");
    const std::uint64_t value = event.at("value");
    EXPECT_EQ(event.at("f"), "submit");
    EXPECT_TRUE(event.at("time_ns").is_number_unsigned());
    ++types[type];
    EXPECT_FALSE(lost.contains(process)) << line;
    if (type == "invoke") {
      EXPECT_TRUE(under_way.emplace(process, value).second) << line;
      continue;
    }
    EXPECT_EQ(under_way[process], value) << line;
    under_way.erase(process);
    if (type == "info") {
      lost.insert(process);
    } else if (event.contains("answer")) {
      EXPECT_TRUE(numbers.insert(event["answer"].get<std::uint64_t>()).second) << line;
    }
  }
  EXPECT_TRUE(under_way.empty());
  types["numbered"] = numbers.size();
  types["highest"] = numbers.empty() ? 0 : *numbers.rbegin();
  return types;
}

TEST(Load, ClosedLoopTellsLatenciesAndWritesAHistory) {
  const Group group;
  static_cast<void>(group.AwaitLeader());
  const std::string json_file = group.scratch().Path("load.json");
  const std::string history = group.scratch().Path("history.jsonl");
  const Ran ran = RunGaios(
      group.scratch(), {"load", "--config", group.config_path(), "--clients", "3", "--mode", "closed",
                        "--idle", "back_off", "--seconds", "1", "--history", history, "--json", json_file});
  ASSERT_EQ(ran.exit_code, 0) << ran.output;
  const auto json = nlohmann::json::parse(ReadText(json_file));
  EXPECT_GT(json["acknowledged"], 0);
  EXPECT_EQ(json["unknown"], 0);
  EXPECT_EQ(json["refused"], 0);
  EXPECT_GT(json["rate"], 0);
  EXPECT_EQ(json["clients_saw"]["sessions_opened"], 3);
  EXPECT_EQ(json["clients_saw"]["lost_connections"], 0);
  for (const char* field : {"p50", "p99", "p99_9", "p99_99", "max"}) {
    EXPECT_GT(json["latency_ns"][field], 0) << field;
  }
  const auto types = CountHistory(ReadText(history));
  EXPECT_EQ(types.at("ok"), json["acknowledged"]);
  EXPECT_EQ(types.at("invoke"), json["acknowledged"]);
  EXPECT_EQ(types.at("numbered"), json["acknowledged"]);
  EXPECT_EQ(types.at("highest"), json["acknowledged"]);
}

TEST(Load, OpenLoopSurvivesAKilledLeader) {
  Group group;
  const std::size_t leader = group.AwaitLeader();
  const std::string json_file = group.scratch().Path("load.json");
  const std::string history = group.scratch().Path("history.jsonl");
  const auto load =
      StartGaios({"load", "--config", group.config_path(), "--clients", "2", "--mode", "open", "--rate",
                  "2000", "--seconds", "3", "--history", history, "--json", json_file},
                 group.scratch().Path("load.log"));
  EXPECT_TRUE(Await([&] { return group.Counters(leader).applied_commands > 100; }));
  group.Kill(leader);
  EXPECT_EQ(load->Wait(std::chrono::minutes(1)), 0) << ReadText(group.scratch().Path("load.log"));
  const auto json = nlohmann::json::parse(ReadText(json_file));
  EXPECT_EQ(json["unknown"], 0);
  EXPECT_GT(json["acknowledged"], 100);
  const auto types = CountHistory(ReadText(history));
  EXPECT_EQ(types.at("ok"), json["acknowledged"]);
}

TEST(Load, SaysWhenNothingRuns) {
  const Scratch scratch;
  const std::string config = scratch.Write("group.toml", ConfigText(scratch.Path("group"), {}));
  const Ran ran = RunGaios(scratch, {"load", "--config", config});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.output, HasSubstr("no replica of group test runs"));
  const Ran mode = RunGaios(scratch, {"load", "--config", config, "--mode", "ajar"});
  EXPECT_EQ(mode.exit_code, 2);
  EXPECT_THAT(mode.output, HasSubstr("closed or open"));
  for (const std::string idle : {"block", "sometimes"}) {
    const Ran ran_idle = RunGaios(scratch, {"load", "--config", config, "--idle", idle});
    EXPECT_EQ(ran_idle.exit_code, 2);
    EXPECT_THAT(ran_idle.output, HasSubstr("--idle is \"" + idle + "\": say spin, yield or back_off"));
  }
}

}  // namespace
}  // namespace gaios::cli

// `gaios demo`: what it proves, that it fails when it should, and what it refuses.

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/processes/group.h"
#include "tests/support/paths.h"

namespace gaios::cli {
namespace {

using ::testing::HasSubstr;

// A short run, unless it is told otherwise. Its result is in `json`.
Ran RunDemo(const Scratch& scratch, std::vector<std::string> flags, nlohmann::json& json,
            const std::string& seconds = "2") {
  const std::string file = scratch.Path("demo.json");
  flags.insert(flags.begin(), {"demo", "--seconds", seconds, "--rate", "10000", "--json", file});
  Ran ran = RunGaios(scratch, flags);
  json = nlohmann::json::parse(ReadText(file), nullptr, /*allow_exceptions=*/false);
  return ran;
}

TEST(Demo, SurvivesAKilledLeaderAndProvesIt) {
  const Scratch scratch;
  nlohmann::json json;
  const Ran ran = RunDemo(scratch, {}, json);
  ASSERT_EQ(ran.exit_code, 0) << ran.output;
  EXPECT_THAT(ran.output, HasSubstr("\nlost 0, duplicated 0, state hashes equal\n"));
  EXPECT_GT(json["acknowledged"], 1000);
  EXPECT_EQ(json["unknown"], 0);
  EXPECT_EQ(json["lost"], 0);
  EXPECT_EQ(json["duplicated"], 0);
  EXPECT_EQ(json["reordered"], 0);
  EXPECT_EQ(json["hashes_equal"], true);
  // The generated flow knows what a book does.
  EXPECT_EQ(json["book_rejects"], 0);
  EXPECT_EQ(json["unfilled_executions"], 0);
  EXPECT_THAT(ran.output, HasSubstr("0 commands rejected, 0 executions not filled in full"));
  EXPECT_EQ(json["state_hash"].get<std::string>().size(), 16U);
  EXPECT_GE(json["leader_changes"], 1);
  for (const char* field : {"detect", "fence", "recover", "first_commit", "total"}) {
    EXPECT_TRUE(json["failover_us"][field].is_number()) << field;
  }
  EXPECT_GT(json["failover_us"]["total"], 0);
  EXPECT_GT(json["client_gap_us"], 0);
  // And comes back.
  EXPECT_GT(json["readmitted_ms"], 0);
  for (const char* field : {"p50", "p99", "p99_9", "p99_99", "max"}) {
    EXPECT_GT(json["latency_ns"][field], 0) << field;
  }
}

// Long enough for all of it also on a machine that has other things to do.
TEST(Demo, TheKilledReplicaComesBackAndLeads) {
  const Scratch scratch;
  nlohmann::json json;
  const Ran ran = RunDemo(scratch, {}, json, "8");
  ASSERT_EQ(ran.exit_code, 0) << ran.output;
  EXPECT_GT(json["readmitted_ms"], 0);
  EXPECT_GT(json["hand_over_gap_us"], 0);
  EXPECT_THAT(ran.output, HasSubstr("handed over as planned: nothing was committed for "));
  EXPECT_GE(json["leader_changes"], 2);
}

TEST(Demo, RunsWithoutAKillAndWithOtherSizes) {
  const Scratch scratch;
  nlohmann::json json;
  for (const char* replicas : {"1", "5"}) {
    const Ran ran = RunDemo(scratch, {"--replicas", replicas, "--kill-leader-at", "0"}, json);
    EXPECT_EQ(ran.exit_code, 0) << ran.output;
    EXPECT_EQ(json["lost"], 0);
  }
}

TEST(Demo, FindsALostCommand) {
  const Scratch scratch;
  nlohmann::json json;
  const Ran ran = RunDemo(scratch, {"--inject-fault", "lose"}, json);
  EXPECT_EQ(ran.exit_code, 1) << ran.output;
  EXPECT_EQ(json["lost"], 1);
  EXPECT_EQ(json["duplicated"], 0);
  EXPECT_THAT(ran.output, HasSubstr("lost 1, duplicated 0"));
}

TEST(Demo, FindsADuplicatedCommand) {
  const Scratch scratch;
  nlohmann::json json;
  const Ran ran = RunDemo(scratch, {"--inject-fault", "duplicate"}, json);
  EXPECT_EQ(ran.exit_code, 1) << ran.output;
  EXPECT_EQ(json["lost"], 0);
  EXPECT_EQ(json["duplicated"], 1);
}

TEST(Demo, FindsACommandOutOfOrder) {
  const Scratch scratch;
  nlohmann::json json;
  const Ran ran = RunDemo(scratch, {"--inject-fault", "reorder"}, json);
  EXPECT_EQ(ran.exit_code, 1) << ran.output;
  EXPECT_EQ(json["lost"], 0);
  EXPECT_EQ(json["duplicated"], 0);
  EXPECT_EQ(json["reordered"], 1);
  EXPECT_EQ(json["orders_equal"], true);
  EXPECT_EQ(json["hashes_equal"], true);
  EXPECT_THAT(ran.output, HasSubstr("state hashes equal, reordered 1\n"));
}

TEST(Demo, FindsADivergedReplica) {
  const Scratch scratch;
  nlohmann::json json;
  const Ran ran = RunDemo(scratch, {"--inject-fault", "diverge"}, json);
  EXPECT_EQ(ran.exit_code, 1) << ran.output;
  EXPECT_EQ(json["hashes_equal"], false);
  EXPECT_THAT(ran.output, HasSubstr("state hashes differ"));
}

TEST(Demo, RunsTheRecordings) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
  const char* const set = std::getenv("GAIOS_DATA_DIR");
  const std::filesystem::path data = set != nullptr
                                         ? std::filesystem::path(set)
                                         : std::filesystem::path(SourceDirectory()) / "../shared/data";
  const std::vector<std::filesystem::path> recordings = {
      data / "bitstamp-l3/orders.csv.xz", data / "itch50-simulated/ex20101224.TEST_ITCH_50.gz"};
  const Scratch scratch;
  // The simulated ITCH recording leaves orders that cross standing, and executes them later.
  const std::vector<std::uint64_t> unfilled_executions = {0, 70};
  for (std::size_t i = 0; i < recordings.size(); ++i) {
    const std::filesystem::path& recording = recordings[i];
    if (!std::filesystem::exists(recording)) {
      GTEST_SKIP() << "there is no " << recording
                   << "; name the directory of the recordings in GAIOS_DATA_DIR";
    }
    nlohmann::json json;
    const std::string file = scratch.Path("feed.json");
    const Ran ran =
        RunGaios(scratch, {"demo", "--seconds", "3", "--feed", recording.string(), "--json", file});
    EXPECT_EQ(ran.exit_code, 0) << ran.output;
    json = nlohmann::json::parse(ReadText(file));
    EXPECT_EQ(json["lost"], 0);
    EXPECT_EQ(json["acknowledged"], json["feed"]["mapped"]);
    EXPECT_GT(json["acknowledged"], 1000);
    EXPECT_EQ(json["unfilled_executions"], unfilled_executions[i]);
    EXPECT_GT(json["book_rejects"], 0);
  }
}

TEST(Demo, SaysWhatIsWrongWithItsFlags) {
  const Scratch scratch;
  struct Wrong {
    std::vector<std::string> flags;
    const char* told;
  };
  const std::vector<Wrong> wrongs = {
      {{"--transport", "pigeon"}, "say shm, verbs or udp"},
      {{"--replicas", "0"}, "--replicas is 0"},
      {{"--replicas", "8"}, "give it 1 to 7"},
      {{"--seconds", "0"}, "--seconds is 0"},
      {{"--rate", "0"}, "--rate is 0"},
      {{"--seconds", "2", "--kill-leader-at", "2"}, "--kill-leader-at is 2"},
      {{"--replicas", "2", "--kill-leader-at", "1"}, "does not survive a death"},
      {{"--inject-fault", "sulk"}, "say lose, duplicate, reorder or diverge"},
      {{"--feed", "/nowhere/feed.gz"}, "/nowhere/feed.gz"},
      {{"--feed", "/proc/self/status"}, "/proc/self/status"},
      {{"--rate", "1000000", "--seconds", "86400"}, "give --seconds or --rate a smaller value"},
  };
  for (const Wrong& wrong : wrongs) {
    std::vector<std::string> arguments = {"demo"};
    arguments.insert(arguments.end(), wrong.flags.begin(), wrong.flags.end());
    const Ran ran = RunGaios(scratch, arguments);
    EXPECT_EQ(ran.exit_code, 2) << ran.output;
    EXPECT_THAT(ran.output, HasSubstr(wrong.told));
  }
}

}  // namespace
}  // namespace gaios::cli

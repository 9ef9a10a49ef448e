// The program: its flags, its exit codes, and what goes to stdout and to stderr.

#include <cstdio>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/run_program.h"

namespace gaios::sim {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Ran Call(const std::string& arguments) {
  return RunProgram("gaios-sim", arguments);
}

TEST(SimProgram, ExitsWith0WhenAllPassAndSaysHowManyLast) {
  const Ran ran = Call("--seeds 3 --start 7 --replicas 5");
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.out, "3 passed, 0 failed\n");
  EXPECT_THAT(ran.err, HasSubstr("3 of 3 seeds, 0 failed"));
  EXPECT_THAT(ran.err, HasSubstr("simulated seconds a second"));
}

TEST(SimProgram, WritesItsSummaryAsJson) {
  const Ran ran = Call("--seeds 2 --profile torn --json -");
  EXPECT_EQ(ran.exit_code, 0);
  const auto json = nlohmann::json::parse(ran.out);
  EXPECT_EQ(json["passed"], 2);
  EXPECT_THAT(json["failed_seeds"], IsEmpty());
  EXPECT_GE(json["commits"], 2000);
  EXPECT_GE(json["leader_changes"], 2);
  EXPECT_GT(json["simulated_seconds"], 0);
  EXPECT_GT(json["wall_seconds"], 0);
  EXPECT_GT(json["faults"]["write_torn"], 0);
  EXPECT_GT(json["runs_with"]["write_torn"], 0);
  EXPECT_LE(json["runs_with"]["write_torn"], 2);
  EXPECT_THAT(ran.err, EndsWith("2 passed, 0 failed\n"));
  const std::string path = ScratchFile("json");
  EXPECT_EQ(Call("--seeds 1 --profile calm --json " + path).exit_code, 0);
  EXPECT_EQ(nlohmann::json::parse(ReadText(path))["passed"], 1);
  std::remove(path.c_str());
}

TEST(SimProgram, TracesASingleRun) {
  const Ran ran = Call("--seeds 1 --start 2 --trace");
  EXPECT_EQ(ran.exit_code, 0);
  for (const std::string deed :
       {"promises ballot", "has fenced its log", "leads ballot", "is leader now", "appends slot",
        "knows slot", "applies slot", "fault", "all faults end", "is told by replica"}) {
    EXPECT_THAT(ran.out, HasSubstr(deed));
  }
  EXPECT_THAT(ran.out, EndsWith("\n1 passed, 0 failed\n"));
}

TEST(SimProgram, ExitsWith1WhenARunFailsAndSaysHowToSeeItAgain) {
  const Ran ran = Call("--seeds 2 --start 4 --profile calm --replicas 3 --inject-fault diverge");
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_EQ(ran.out, "0 passed, 2 failed\n");
  EXPECT_THAT(ran.err, HasSubstr("seed 4 failed:\n  agreement: "));
  const std::string replay = "--seeds 1 --start 4 --profile calm --replicas 3 --inject-fault diverge --trace";
  EXPECT_THAT(ran.err, HasSubstr("to see it again: gaios-sim " + replay + "\n"));
  const Ran again = Call(replay);
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.out, HasSubstr("FAILED       agreement: "));
}

TEST(SimProgram, TracesTheRunsThatFailOfMany) {
  const Ran ran = Call("--seeds 2 --profile calm --inject-fault lose --trace");
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.out, HasSubstr("FAILED       lost: "));
  EXPECT_THAT(ran.out, EndsWith("\n0 passed, 2 failed\n"));
}

TEST(SimProgram, ARunThatDiesIsASeedThatFailedAndNotTheEnd) {
  const Ran ran = Call("--seeds 2 --profile calm --inject-fault abort --trace");
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.out, HasSubstr("applies slot"));  // what it did until then
  EXPECT_THAT(ran.out, EndsWith("0 passed, 2 failed\n"));
  EXPECT_THAT(ran.err, HasSubstr("the run died: Aborted"));
}

TEST(SimProgram, NamesItsProfiles) {
  const Ran ran = Call("--list-profiles");
  EXPECT_EQ(ran.exit_code, 0);
  for (const std::string profile : {"default", "calm", "partitions", "pauses", "crashes", "replaced",
                                    "preferences", "snapshots", "torn", "tiny-ring", "clients"}) {
    EXPECT_THAT(ran.out, HasSubstr(profile + " "));
  }
}

TEST(SimProgram, ExitsWith2ForWrongUsage) {
  const std::vector<std::string> wrong = {"--seeds 0",
                                          "--seeds x",
                                          "--start -1",
                                          "--profile stormy",
                                          "--seeds 2 --start 18446744073709551615",
                                          "--replicas 4",
                                          "--replicas 9",
                                          "--no-such-flag",
                                          "extra",
                                          "--inject-fault x",
                                          "--seeds 1 --profile calm --json /no/such/directory/file"};
  for (const std::string& arguments : wrong) {
    const Ran ran = Call(arguments);
    EXPECT_EQ(ran.exit_code, 2) << arguments;
    EXPECT_THAT(ran.err, HasSubstr("gaios-sim: ")) << arguments;
  }
  EXPECT_THAT(Call("--profile stormy").err, HasSubstr("say one of default, calm, "));
}

}  // namespace
}  // namespace gaios::sim

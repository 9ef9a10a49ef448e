// The program: its exit codes, and what goes to stdout and to stderr. The histories are those in histories/.

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/paths.h"
#include "tests/support/run_program.h"

namespace gaios::linearizability {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

Ran Call(const std::string& arguments) {
  return RunProgram("gaios-linearizability", arguments);
}

std::string Sample(const std::string& name) {
  return SourceDirectory() + "/tests/linearizability/histories/" + name + ".jsonl";
}

TEST(Program, ExitsWith0ForAGoodHistory) {
  for (const std::string model : {"register", "lock", "log"}) {
    const Ran ran = Call("--model " + model + " " + Sample(model + "-good"));
    EXPECT_EQ(ran.exit_code, 0) << model;
    EXPECT_THAT(ran.out, StartsWith("linearizable: "));
    EXPECT_THAT(ran.err, IsEmpty());
  }
}

TEST(Program, ExitsWith1AndACounterExampleForABadOne) {
  const Ran stale = Call("--model register " + Sample("register-stale-read"));
  EXPECT_EQ(stale.exit_code, 1);
  EXPECT_THAT(stale.out, HasSubstr("line 7: process 3 read \"AAPL\" and was told 1 (invoked at line 6)"));
  EXPECT_THAT(stale.out, HasSubstr("the register can only have held 2 or 3 when it was read"));
  EXPECT_THAT(stale.err, IsEmpty());
  const Ran holders = Call("--model lock " + Sample("lock-two-holders"));
  EXPECT_EQ(holders.exit_code, 1);
  EXPECT_THAT(holders.out, HasSubstr("line 4: process 2 acquire \"risk\""));
  const Ran order = Call("--model log " + Sample("log-order-against-time"));
  EXPECT_EQ(order.exit_code, 1);
  EXPECT_THAT(order.out,
              HasSubstr("A command is not after one that was acknowledged before it was submitted."));
}

TEST(Program, SharedSlotsAllowABatchInASlot) {
  EXPECT_EQ(Call("--model log " + Sample("log-duplicated-slot")).exit_code, 1);
  EXPECT_EQ(Call("--model log --shared-slots " + Sample("log-duplicated-slot")).exit_code, 0);
}

TEST(Program, ExitsWith2ForWrongUsage) {
  const std::string good = Sample("register-good");
  const std::vector<std::string> wrong = {"",
                                          "--model register",
                                          good,
                                          "--model tree " + good,
                                          "--model register --budget-s 0 " + good,
                                          "--model register --budget-s x " + good,
                                          "--model register --budget-s nan " + good,
                                          "--model register --memory-mib 0 " + good,
                                          "--model register --shared-slots " + good,
                                          "--model register " + good + " " + good,
                                          "--model register /no/such/file",
                                          "--model register " + ::testing::TempDir(),
                                          "--model register --json /no/such/directory/file " + good};
  for (const std::string& arguments : wrong) {
    const Ran ran = Call(arguments);
    EXPECT_EQ(ran.exit_code, 2) << arguments;
    EXPECT_THAT(ran.err, StartsWith("gaios-linearizability: ")) << arguments;
  }
}

TEST(Program, ExitsWith2ForAMalformedHistoryAndSaysWhere) {
  const std::string path = ScratchFile("malformed");
  std::ofstream(path) << ReadText(Sample("register-good"))
                      << "{\"process\":9,\"type\":\"ok\",\"f\":\"read\"}\n";
  const Ran ran = Call("--model register " + path);
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.out, IsEmpty());
  EXPECT_THAT(ran.err, StartsWith("gaios-linearizability: " + path + ":11: process 9 is answered"));
  std::remove(path.c_str());
}

TEST(Program, ExitsWith3WhenTheBudgetDoesNotLast) {
  const Ran ran = Call("--model register --budget-steps 1 " + Sample("register-good"));
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_THAT(ran.out, StartsWith("unknown: --budget-steps 1 did not last: allow more"));
}

TEST(Program, WarnsOfAnEmptyHistory) {
  const Ran ran = Call("--model log /dev/null");
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_THAT(ran.err, HasSubstr("warning: /dev/null holds no operation"));
}

TEST(Program, WritesItsJudgementAsJson) {
  const Ran good = Call("--model register --json - " + Sample("register-good"));
  EXPECT_EQ(good.exit_code, 0);
  const auto judged = nlohmann::json::parse(good.out);
  EXPECT_EQ(judged["verdict"], "linearizable");
  EXPECT_EQ(judged["model"], "register");
  EXPECT_EQ(judged["operations"], 5);
  EXPECT_EQ(judged["ok"], 4);
  EXPECT_EQ(judged["unknown"], 1);
  EXPECT_EQ(judged["keys"], 2);
  EXPECT_THAT(good.err, StartsWith("linearizable: "));  // text for people makes way

  const std::string path = ScratchFile("json");
  EXPECT_EQ(Call("--model register --json " + path + " " + Sample("register-stale-read")).exit_code, 1);
  const auto bad = nlohmann::json::parse(ReadText(path));
  EXPECT_EQ(bad["verdict"], "not_linearizable");
  const auto& found = bad["counter_example"];
  EXPECT_EQ(found["key"], "AAPL");
  EXPECT_EQ(found["line"], 7);
  EXPECT_EQ(found["operation"]["process"], 3);
  EXPECT_EQ(found["possible"], nlohmann::json({"2", "3"}));
  EXPECT_EQ(found["order"].size(), 2);
  EXPECT_EQ(found["order"][1]["then"], "2");
  EXPECT_EQ(found["concurrent"][0]["process"], 2);
  std::remove(path.c_str());

  const Ran unknown = Call("--model register --budget-steps 1 --json - " + Sample("register-good"));
  EXPECT_EQ(unknown.exit_code, 3);
  EXPECT_EQ(nlohmann::json::parse(unknown.out)["verdict"], "unknown");
}

}  // namespace
}  // namespace gaios::linearizability

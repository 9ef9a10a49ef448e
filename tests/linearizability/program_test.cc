// The program: its exit codes, and what goes to stdout and to stderr. The histories are those in histories/.

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace gaios::linearizability {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

struct Ran {
  int exit_code = -1;
  std::string out;
  std::string err;
};

class Program : public ::testing::Test {
 protected:
  ~Program() override { std::remove(err_.c_str()); }

  // `arguments` as a shell has them.
  [[nodiscard]] Ran Run(const std::string& arguments) const {
    const std::string command =
        std::string(GAIOS_BIN_DIR) + "/gaios-linearizability " + arguments + " 2>" + err_;
    std::FILE* const out = popen(command.c_str(), "re");
    Ran ran;
    if (out == nullptr) {
      ADD_FAILURE() << "cannot run " << command;
      return ran;
    }
    std::array<char, 4096> piece;
    for (std::size_t got = 0; (got = std::fread(piece.data(), 1, piece.size(), out)) > 0;) {
      ran.out.append(piece.data(), got);
    }
    const int status = pclose(out);
    ran.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    ran.err = ReadText(err_);
    return ran;
  }
  static std::string ReadText(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  static std::string Sample(const std::string& name) {
    return std::string(GAIOS_SOURCE_DIR) + "/tests/linearizability/histories/" + name + ".jsonl";
  }
  static std::string Scratch(const std::string& name) {
    return ::testing::TempDir() + "gaios-linearizability-" + std::to_string(getpid()) + "-" + name;
  }

 private:
  const std::string err_ = Scratch("err");
};

TEST_F(Program, ExitsWith0ForAGoodHistory) {
  for (const std::string model : {"register", "lock", "log"}) {
    const Ran ran = Run("--model " + model + " " + Sample(model + "-good"));
    EXPECT_EQ(ran.exit_code, 0) << model;
    EXPECT_THAT(ran.out, StartsWith("linearizable: "));
    EXPECT_THAT(ran.err, IsEmpty());
  }
}

TEST_F(Program, ExitsWith1AndACounterExampleForABadOne) {
  const Ran stale = Run("--model register " + Sample("register-stale-read"));
  EXPECT_EQ(stale.exit_code, 1);
  EXPECT_THAT(stale.out, HasSubstr("line 7: process 3 read \"AAPL\" and was told 1 (invoked at line 6)"));
  EXPECT_THAT(stale.out, HasSubstr("the register can only have held 2 or 3 when it was read"));
  EXPECT_THAT(stale.err, IsEmpty());
  const Ran holders = Run("--model lock " + Sample("lock-two-holders"));
  EXPECT_EQ(holders.exit_code, 1);
  EXPECT_THAT(holders.out, HasSubstr("line 4: process 2 acquire \"risk\""));
  const Ran order = Run("--model log " + Sample("log-order-against-time"));
  EXPECT_EQ(order.exit_code, 1);
  EXPECT_THAT(order.out,
              HasSubstr("A command is not after one that was acknowledged before it was submitted."));
}

TEST_F(Program, SharedSlotsAllowABatchInASlot) {
  EXPECT_EQ(Run("--model log " + Sample("log-duplicated-slot")).exit_code, 1);
  EXPECT_EQ(Run("--model log --shared-slots " + Sample("log-duplicated-slot")).exit_code, 0);
}

TEST_F(Program, ExitsWith2ForWrongUsage) {
  const std::string good = Sample("register-good");
  const std::vector<std::string> wrong = {"",
                                          "--model register",
                                          good,
                                          "--model tree " + good,
                                          "--model register --budget-s 0 " + good,
                                          "--model register --budget-s x " + good,
                                          "--model register --memory-mib 0 " + good,
                                          "--model register --shared-slots " + good,
                                          "--model register " + good + " " + good,
                                          "--model register /no/such/file",
                                          "--model register " + ::testing::TempDir(),
                                          "--model register --json /no/such/directory/file " + good};
  for (const std::string& arguments : wrong) {
    const Ran ran = Run(arguments);
    EXPECT_EQ(ran.exit_code, 2) << arguments;
    EXPECT_THAT(ran.err, StartsWith("gaios-linearizability: ")) << arguments;
  }
}

TEST_F(Program, ExitsWith2ForAMalformedHistoryAndSaysWhere) {
  const std::string path = Scratch("malformed");
  std::ofstream(path) << ReadText(Sample("register-good"))
                      << "{\"process\":9,\"type\":\"ok\",\"f\":\"read\"}\n";
  const Ran ran = Run("--model register " + path);
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.out, IsEmpty());
  EXPECT_THAT(ran.err, StartsWith("gaios-linearizability: " + path + ":11: process 9 is answered"));
  std::remove(path.c_str());
}

TEST_F(Program, ExitsWith3WhenTheBudgetDoesNotLast) {
  const Ran ran = Run("--model register --budget-steps 1 " + Sample("register-good"));
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_THAT(ran.out, StartsWith("unknown: --budget-steps 1 did not last: allow more"));
}

TEST_F(Program, WarnsOfAnEmptyHistory) {
  const Ran ran = Run("--model log /dev/null");
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_THAT(ran.err, HasSubstr("warning: /dev/null holds no operation"));
}

TEST_F(Program, WritesItsJudgementAsJson) {
  const Ran good = Run("--model register --json - " + Sample("register-good"));
  EXPECT_EQ(good.exit_code, 0);
  const auto judged = nlohmann::json::parse(good.out);
  EXPECT_EQ(judged["verdict"], "linearizable");
  EXPECT_EQ(judged["model"], "register");
  EXPECT_EQ(judged["operations"], 5);
  EXPECT_EQ(judged["ok"], 4);
  EXPECT_EQ(judged["unknown"], 1);
  EXPECT_EQ(judged["keys"], 2);
  EXPECT_THAT(good.err, StartsWith("linearizable: "));  // text for people makes way

  const std::string path = Scratch("json");
  EXPECT_EQ(Run("--model register --json " + path + " " + Sample("register-stale-read")).exit_code, 1);
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

  const Ran unknown = Run("--model register --budget-steps 1 --json - " + Sample("register-good"));
  EXPECT_EQ(unknown.exit_code, 3);
  EXPECT_EQ(nlohmann::json::parse(unknown.out)["verdict"], "unknown");
}

}  // namespace
}  // namespace gaios::linearizability

// Hand-written histories of registers: what must be called good and what bad, and what is said about the bad.

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/linearizability/check_history.h"
#include "tests/linearizability/notation.h"

namespace gaios::linearizability {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

Judgement Judge(std::string_view script) {
  return CheckHistory(MakeHistory(Model::kRegister, script), BudgetOptions{});
}
Verdict VerdictOf(std::string_view script) {
  return Judge(script).verdict;
}
// The line of the answer that cannot be explained; 0 for a history that is not bad.
std::uint64_t BadAt(std::string_view script) {
  const Judgement judgement = Judge(script);
  return judgement.verdict == Verdict::kNotLinearizable ? judgement.counter_example.line : 0;
}

TEST(Register, NothingAtAllIsGood) {
  EXPECT_EQ(VerdictOf(""), Verdict::kLinearizable);
}

TEST(Register, IsNullUntilItIsWritten) {
  EXPECT_EQ(VerdictOf("1 read\n 1 ok null"), Verdict::kLinearizable);
  EXPECT_EQ(BadAt("1 read\n 1 ok 7"), 2);
}

TEST(Register, OneClientReadsWhatItWrote) {
  EXPECT_EQ(VerdictOf("1 write 5\n 1 ok\n 1 read\n 1 ok 5"), Verdict::kLinearizable);
}

TEST(Register, AStaleReadIsBad) {
  EXPECT_EQ(BadAt(R"(
    1 write 1
    1 ok
    1 write 2
    1 ok
    2 read
    2 ok 1)"),
            6);
}

TEST(Register, ALostWriteIsBad) {
  EXPECT_EQ(BadAt(R"(
    1 write 1
    1 ok
    2 read
    2 ok null)"),
            4);
}

TEST(Register, ConcurrentWritesMayComeInBothOrders) {
  const std::string writes = R"(
    1 write 1
    2 write 2
    1 ok
    2 ok
    3 read
    3 ok )";
  EXPECT_EQ(VerdictOf(writes + "1"), Verdict::kLinearizable);
  EXPECT_EQ(VerdictOf(writes + "2"), Verdict::kLinearizable);
  EXPECT_EQ(BadAt(writes + "null"), 6);
}

TEST(Register, ConcurrentWritesHaveOneOrderForAll) {
  EXPECT_EQ(BadAt(R"(
    1 write 1
    2 write 2
    1 ok
    2 ok
    3 read
    3 ok 1
    4 read
    4 ok 2)"),
            8);
}

TEST(Register, AReadWhileAWriteIsUnderWayMaySeeItOrNot) {
  EXPECT_EQ(VerdictOf("1 write 1\n 2 read\n 2 ok 1\n 1 ok"), Verdict::kLinearizable);
  EXPECT_EQ(VerdictOf("1 write 1\n 2 read\n 2 ok null\n 1 ok"), Verdict::kLinearizable);
}

TEST(Register, TwoReadersMustNotSeeAWriteComeAndGo) {
  EXPECT_EQ(BadAt(R"(
    1 write 1
    2 read
    2 ok 1
    3 read
    3 ok null
    1 ok)"),
            5);
}

TEST(Register, AValueFromTheFutureIsBad) {
  EXPECT_EQ(BadAt(R"(
    2 read
    2 ok 1
    1 write 1
    1 ok)"),
            2);
}

TEST(Register, AnUnknownWriteMayBeSeenLater) {
  EXPECT_EQ(VerdictOf(R"(
    1 write 1
    1 info
    2 read
    2 ok null
    2 read
    2 ok 1)"),
            Verdict::kLinearizable);
}

TEST(Register, AnUnknownWriteMayNeverBeSeen) {
  EXPECT_EQ(VerdictOf(R"(
    1 write 1
    1 info
    2 write 2
    2 ok
    2 read
    2 ok 2)"),
            Verdict::kLinearizable);
}

TEST(Register, AnUnknownWriteTakesEffectOnlyOnce) {
  EXPECT_EQ(BadAt(R"(
    1 write 1
    1 info
    2 read
    2 ok 1
    2 write 2
    2 ok
    3 read
    3 ok 1)"),
            8);
}

TEST(Register, AnUnknownWriteDoesNotAppearAndVanish) {
  EXPECT_EQ(BadAt(R"(
    1 write 1
    1 info
    2 read
    2 ok 1
    2 read
    2 ok null)"),
            6);
}

TEST(Register, AWriteWithoutAnyAnswerIsAsOneOfUnknownOutcome) {
  EXPECT_EQ(VerdictOf("1 write 1\n 2 read\n 2 ok null\n 2 read\n 2 ok 1"), Verdict::kLinearizable);
}

TEST(Register, AnUnknownWriteDoesNotTakeEffectBeforeItIsInvoked) {
  EXPECT_EQ(BadAt("2 read\n 2 ok 1\n 1 write 1\n 1 info"), 2);
}

TEST(Register, AFailedWriteNeverTookEffect) {
  EXPECT_EQ(VerdictOf("1 write 1\n 1 fail\n 2 read\n 2 ok null"), Verdict::kLinearizable);
  EXPECT_EQ(BadAt("1 write 1\n 1 fail\n 2 read\n 2 ok 1"), 4);
}

TEST(Register, ReadsOfUnknownOutcomeTellNothing) {
  EXPECT_EQ(VerdictOf("1 read\n 1 info\n 2 read\n 2 fail\n 3 read"), Verdict::kLinearizable);
}

TEST(Register, NonMonotonicReadsOfTwoProcessesAreBad) {
  EXPECT_EQ(BadAt(R"(
    1 write 1
    1 ok
    1 write 2
    2 read
    2 ok 2
    3 read
    3 ok 1
    1 ok)"),
            7);
}

TEST(Register, AChainOfCasIsPutInItsOrder) {
  EXPECT_EQ(VerdictOf(R"(
    1 write 0
    1 ok
    1 cas 2 3
    2 cas 1 2
    3 cas 0 1
    1 ok
    2 ok
    3 ok
    1 read
    1 ok 3)"),
            Verdict::kLinearizable);
}

TEST(Register, AChainOfCasWithALinkMissingIsBad) {
  EXPECT_EQ(BadAt(R"(
    1 write 0
    1 ok
    1 cas 2 3
    3 cas 0 1
    3 ok
    1 ok)"),
            6);
}

TEST(Register, TwoCasDoNotBothReplaceTheSame) {
  EXPECT_EQ(BadAt("1 cas null 1\n 2 cas null 2\n 1 ok\n 2 ok"), 4);
  EXPECT_EQ(VerdictOf("1 cas null 1\n 2 cas null 2\n 1 ok\n 2 fail"), Verdict::kLinearizable);
  EXPECT_EQ(VerdictOf("1 cas null 1\n 2 cas null 2\n 1 ok\n 2 info"), Verdict::kLinearizable);
}

TEST(Register, AnUnknownCasLinksAChain) {
  EXPECT_EQ(VerdictOf("1 cas null 1\n 1 info\n 2 cas 1 2\n 2 ok\n 3 read\n 3 ok 2"), Verdict::kLinearizable);
  EXPECT_EQ(BadAt("1 cas null 1\n 1 info\n 2 cas 1 2\n 2 ok\n 3 read\n 3 ok 1"), 6);
}

TEST(Register, ACasToTheSameValueIsARead) {
  EXPECT_EQ(VerdictOf("1 write 1\n 1 ok\n 2 cas 1 1\n 2 ok\n 2 read\n 2 ok 1"), Verdict::kLinearizable);
  EXPECT_EQ(BadAt("1 write 1\n 1 ok\n 2 cas 0 0\n 2 ok"), 4);
}

TEST(Register, TheSameValueMayBeWrittenAgain) {
  const std::string writes = R"(
    1 write 1
    1 ok
    1 write 2
    1 ok
    1 write 1
    2 read
    2 ok )";
  EXPECT_EQ(VerdictOf(writes + "1"), Verdict::kLinearizable);
  EXPECT_EQ(VerdictOf(writes + "2"), Verdict::kLinearizable);
}

TEST(Register, ValuesAreTheSameWhenTheirTextIs) {
  EXPECT_EQ(VerdictOf("1 write \"1\"\n 1 ok\n 1 read\n 1 ok \"1\""), Verdict::kLinearizable);
  EXPECT_EQ(BadAt("1 write \"1\"\n 1 ok\n 1 read\n 1 ok 1"), 4);
}

TEST(Register, KeysAreIndependent) {
  EXPECT_EQ(VerdictOf("1 \"x\": write 1\n 1 ok\n 1 \"y\": read\n 1 ok null"), Verdict::kLinearizable);
  const Judgement judgement = Judge(R"(
    1 "x": write 1
    2 "y": write 2
    1 ok
    2 ok
    1 "y": read
    1 ok null)");
  ASSERT_EQ(judgement.verdict, Verdict::kNotLinearizable);
  EXPECT_EQ(judgement.keys, 2);
  EXPECT_EQ(judgement.counter_example.line, 6);
  EXPECT_THAT(judgement.counter_example.text, HasSubstr("not linearizable: register \"y\""));
}

TEST(RegisterCounterExample, SaysWhatWasToldAndWhatWouldHaveBeenRight) {
  const Judgement judgement = Judge(R"(
    1 write 1
    1 ok
    2 write 2
    3 write 3
    2 ok
    1 read
    1 ok 1
    1 read
    1 ok 77)");
  ASSERT_EQ(judgement.verdict, Verdict::kNotLinearizable);
  const CounterExample& found = judgement.counter_example;
  EXPECT_EQ(found.line, 7);  // the first answer, not the worst
  EXPECT_TRUE(found.first);
  EXPECT_EQ(found.operation, 3);
  EXPECT_THAT(found.order, ElementsAre(0, 1));
  EXPECT_THAT(found.holds, ElementsAre("1", "2"));
  EXPECT_THAT(found.possible, UnorderedElementsAre("2", "3"));
  EXPECT_TRUE(found.all_possible);
  EXPECT_THAT(found.concurrent, ElementsAre(2));
  EXPECT_EQ(found.text,
            "not linearizable: register\n"
            "\n"
            "No order of the operations explains this answer:\n"
            "  line 7: process 1 read and was told 1 (invoked at line 6)\n"
            "\n"
            "Given all the other answers so far, the register can only have held 2 or 3 when it was read.\n"
            "\n"
            "All that was answered before it can be explained, for example by this order:\n"
            "  process 1 write := 1 (lines 1 to 2), then 1\n"
            "  process 2 write := 2 (lines 3 to 5), then 2\n"
            "\n"
            "Under way at the same time, so that each may have come before it or after it:\n"
            "  process 3 write := 3 (from line 4, never answered)\n");
}

TEST(RegisterCounterExample, SaysWhenTheValueWasThereButTheChangeWasNot) {
  // 0 was there, but only one of the two can have replaced it.
  const Judgement judgement = Judge(R"(
    1 write 0
    1 ok
    1 cas 0 1
    2 cas 0 2
    2 ok
    3 read
    3 ok 2
    1 ok)");
  ASSERT_EQ(judgement.verdict, Verdict::kNotLinearizable);
  EXPECT_EQ(judgement.counter_example.line, 8);
  EXPECT_THAT(judgement.counter_example.possible, UnorderedElementsAre("0", "2"));
  EXPECT_THAT(judgement.counter_example.text, HasSubstr("It can have been 0, but the change"));
}

TEST(RegisterCounterExample, NothingBefore) {
  const Judgement judgement = Judge("1 read\n 1 ok 7");
  ASSERT_EQ(judgement.verdict, Verdict::kNotLinearizable);
  EXPECT_THAT(judgement.counter_example.order, IsEmpty());
  EXPECT_THAT(judgement.counter_example.text, HasSubstr("it was null from the beginning"));
}

TEST(RegisterCounterExample, ListsAreCutAtTenOperations) {
  std::string script;
  for (int i = 1; i <= 30; ++i) {
    script += "1 write " + std::to_string(i) + "\n 1 ok\n";
  }
  for (int process = 2; process <= 20; ++process) {
    script += std::to_string(process) + " write " + std::to_string(100 + process) + "\n";
  }
  const Judgement judgement = Judge(script + "1 read\n 1 ok 3");
  ASSERT_EQ(judgement.verdict, Verdict::kNotLinearizable);
  const std::string& text = judgement.counter_example.text;
  EXPECT_THAT(text, HasSubstr("(its last 10 of 30)"));
  EXPECT_THAT(text, HasSubstr("write := 30 (lines 59 to 60), then 30"));
  EXPECT_THAT(text, Not(HasSubstr("write := 20 (")));
  EXPECT_THAT(text, HasSubstr("  and 9 more\n"));
  EXPECT_EQ(judgement.counter_example.concurrent.size(), 19);
}

}  // namespace
}  // namespace gaios::linearizability

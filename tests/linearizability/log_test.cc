// Hand-written histories of logs.

#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/linearizability/check_history.h"
#include "tests/linearizability/notation.h"

namespace gaios::linearizability {
namespace {

using ::testing::HasSubstr;

Judgement Judge(std::string_view script, bool shared_slots = false) {
  return CheckHistory(MakeHistory(Model::kLog, script), BudgetOptions{}, {.shared_slots = shared_slots});
}
Verdict VerdictOf(std::string_view script, bool shared_slots = false) {
  return Judge(script, shared_slots).verdict;
}
std::uint64_t BadAt(std::string_view script, bool shared_slots = false) {
  const Judgement judgement = Judge(script, shared_slots);
  return judgement.verdict == Verdict::kNotLinearizable ? judgement.counter_example.line : 0;
}

TEST(Log, SlotsInTheOrderOfTimeAreGood) {
  EXPECT_EQ(VerdictOf("1 submit 1\n 1 ok @3\n 2 submit 2\n 2 ok @7"), Verdict::kLinearizable);
}

TEST(Log, ConcurrentCommandsMayComeInBothOrders) {
  EXPECT_EQ(VerdictOf("1 submit 1\n 2 submit 2\n 1 ok @4\n 2 ok @3"), Verdict::kLinearizable);
  EXPECT_EQ(VerdictOf("1 submit 1\n 2 submit 2\n 1 ok @3\n 2 ok @4"), Verdict::kLinearizable);
}

TEST(Log, ADuplicatedSlotIsBad) {
  const Judgement judgement = Judge("1 submit 1\n 2 submit 2\n 1 ok @3\n 2 ok @3");
  ASSERT_EQ(judgement.verdict, Verdict::kNotLinearizable);
  EXPECT_EQ(judgement.counter_example.line, 4);
  EXPECT_EQ(judgement.counter_example.text,
            "not linearizable: log\n"
            "\n"
            "A place in the log was given to two commands. (If a slot of this log holds a batch, record the "
            "\"index\" of each command in it, or check with --shared-slots.)\n"
            "  line 4: process 2 submit 2 and got slot 3 (invoked at line 2)\n"
            "beside\n"
            "  process 1 submit 1 and got slot 3 (lines 1 to 3)\n");
}

TEST(Log, AnOrderAgainstTimeIsBad) {
  const Judgement judgement = Judge("1 submit 1\n 1 ok @4\n 2 submit 2\n 2 ok @3");
  ASSERT_EQ(judgement.verdict, Verdict::kNotLinearizable);
  EXPECT_EQ(judgement.counter_example.line, 4);
  EXPECT_THAT(judgement.counter_example.text,
              HasSubstr("A command is not after one that was acknowledged before it was submitted."));
}

TEST(Log, EachKeyIsALog) {
  EXPECT_EQ(VerdictOf("1 1: submit 1\n 1 ok @4\n 2 2: submit 2\n 2 ok @4"), Verdict::kLinearizable);
  EXPECT_EQ(BadAt("1 1: submit 1\n 1 ok @4\n 2 1: submit 2\n 2 ok @4"), 4);
}

TEST(Log, UnknownAndFailedCommandsConstrainNothing) {
  EXPECT_EQ(VerdictOf("1 submit 1\n 1 info\n 2 submit 2\n 2 fail\n 3 submit 3\n 4 submit 4\n 4 ok @1"),
            Verdict::kLinearizable);
}

TEST(Log, AReadSeesWhatWasAcknowledgedBeforeIt) {
  EXPECT_EQ(VerdictOf("1 submit 1\n 1 ok @3\n 2 read\n 2 ok @4"), Verdict::kLinearizable);
  const Judgement judgement = Judge("1 submit 1\n 1 ok @3\n 2 read\n 2 ok @3");
  ASSERT_EQ(judgement.verdict, Verdict::kNotLinearizable);
  EXPECT_THAT(judgement.counter_example.text,
              HasSubstr("A read did not see a command that was acknowledged before the read was asked."));
  EXPECT_THAT(judgement.counter_example.text, HasSubstr("process 2 read and saw the slots below 3"));
}

TEST(Log, AReadMaySeeWhatIsUnderWay) {
  EXPECT_EQ(VerdictOf("1 submit 1\n 2 read\n 2 ok @4\n 1 ok @3"), Verdict::kLinearizable);
  EXPECT_EQ(VerdictOf("1 submit 1\n 2 read\n 2 ok @3\n 1 ok @3"), Verdict::kLinearizable);
}

TEST(Log, ACommandDoesNotComeBelowWhatWasRead) {
  EXPECT_EQ(BadAt("2 read\n 2 ok @4\n 1 submit 1\n 1 ok @3"), 4);
  EXPECT_EQ(VerdictOf("2 read\n 2 ok @4\n 1 submit 1\n 1 ok @4"), Verdict::kLinearizable);
}

TEST(Log, ReadsDoNotGoBack) {
  EXPECT_EQ(VerdictOf("1 read\n 1 ok @4\n 2 read\n 2 ok @4"), Verdict::kLinearizable);
  EXPECT_EQ(BadAt("1 read\n 1 ok @4\n 2 read\n 2 ok @3"), 4);
}

TEST(Log, ReadsOfOneLengthSeeTheSame) {
  EXPECT_EQ(VerdictOf("1 read\n 1 ok 77 @4\n 2 read\n 2 ok 77 @4"), Verdict::kLinearizable);
  EXPECT_EQ(VerdictOf("1 read\n 1 ok 77 @4\n 2 read\n 2 ok 78 @5\n 3 read\n 3 ok @5"),
            Verdict::kLinearizable);
  EXPECT_EQ(BadAt("1 read\n 2 read\n 1 ok 77 @4\n 2 ok 78 @4"), 4);
}

TEST(Log, AnIndexOrdersTheCommandsOfASlot) {
  EXPECT_EQ(VerdictOf("1 submit 1\n 2 submit 2\n 1 ok @3.1\n 2 ok @3.0"), Verdict::kLinearizable);
  EXPECT_EQ(BadAt("1 submit 1\n 2 submit 2\n 1 ok @3.1\n 2 ok @3.1"), 4);
  EXPECT_EQ(BadAt("1 submit 1\n 1 ok @3.1\n 2 submit 2\n 2 ok @3.0"), 4);
}

TEST(Log, SharedSlotsAreStillInTheOrderOfTime) {
  EXPECT_EQ(VerdictOf("1 submit 1\n 2 submit 2\n 1 ok @3\n 2 ok @3", true), Verdict::kLinearizable);
  // A batch is closed before any of it is acknowledged.
  EXPECT_EQ(BadAt("1 submit 1\n 1 ok @3\n 2 submit 2\n 2 ok @3", true), 4);
  EXPECT_EQ(BadAt("1 submit 1\n 1 ok @3\n 2 read\n 2 ok @3", true), 4);
}

TEST(Log, AnAcknowledgementWithoutASlotNeedsRoom) {
  EXPECT_EQ(VerdictOf(R"(
    1 submit 1
    1 ok @5
    2 submit 2
    2 ok
    3 submit 3
    3 ok @7)"),
            Verdict::kLinearizable);
  // A lost command: acknowledged, but nothing lies between the slots of its neighbours.
  const Judgement judgement = Judge(R"(
    1 submit 1
    1 ok @5
    2 submit 2
    2 ok
    3 submit 3
    3 ok @6)");
  ASSERT_EQ(judgement.verdict, Verdict::kNotLinearizable);
  EXPECT_EQ(judgement.counter_example.operation, 1);
  EXPECT_THAT(judgement.counter_example.text, HasSubstr("no slot is free for it"));
  EXPECT_THAT(judgement.counter_example.text, HasSubstr("process 2 submit 2, acknowledged without its slot"));
}

TEST(Log, TwoAcknowledgementsWithoutSlotsNeedRoomForTwo) {
  const std::string_view two = R"(
    1 submit 1
    1 ok @5
    2 submit 2
    3 submit 3
    2 ok
    3 ok
    4 submit 4
    4 ok @7)";
  EXPECT_NE(BadAt(two), 0);
  EXPECT_EQ(VerdictOf(two, true), Verdict::kLinearizable);
}

TEST(Log, AnAcknowledgementWithoutASlotIsSeenByALaterRead) {
  EXPECT_NE(BadAt("1 submit 1\n 1 ok @0\n 2 submit 2\n 2 ok\n 3 read\n 3 ok @1"), 0);
  EXPECT_EQ(VerdictOf("1 submit 1\n 1 ok @0\n 2 submit 2\n 2 ok\n 3 read\n 3 ok @2"), Verdict::kLinearizable);
}

}  // namespace
}  // namespace gaios::linearizability

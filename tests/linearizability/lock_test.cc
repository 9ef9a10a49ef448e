// Hand-written histories of locks.

#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/linearizability/check_history.h"
#include "tests/linearizability/notation.h"

namespace gaios::linearizability {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Judgement Judge(std::string_view script) {
  return CheckHistory(MakeHistory(Model::kLock, script), BudgetOptions{});
}
Verdict VerdictOf(std::string_view script) {
  return Judge(script).verdict;
}
std::uint64_t BadAt(std::string_view script) {
  const Judgement judgement = Judge(script);
  return judgement.verdict == Verdict::kNotLinearizable ? judgement.counter_example.line : 0;
}

TEST(Lock, GoesFromOneToTheNext) {
  EXPECT_EQ(VerdictOf(R"(
    1 acquire
    2 acquire
    1 ok
    1 release
    2 ok
    1 ok
    2 release
    2 ok)"),
            Verdict::kLinearizable);
}

TEST(Lock, TwoHoldersAreBad) {
  const Judgement judgement = Judge(R"(
    1 acquire
    1 ok
    2 acquire
    2 ok)");
  ASSERT_EQ(judgement.verdict, Verdict::kNotLinearizable);
  EXPECT_EQ(judgement.counter_example.line, 4);
  EXPECT_THAT(judgement.counter_example.possible, ElementsAre("held by process 1"));
  EXPECT_THAT(judgement.counter_example.text,
              HasSubstr("the lock can only have been held by process 1 then"));
}

TEST(Lock, TheHolderCannotAcquireAgain) {
  EXPECT_EQ(BadAt("1 acquire\n 1 ok\n 1 acquire\n 1 ok"), 4);
}

TEST(Lock, ReleaseByAnotherThanTheOwnerIsBad) {
  EXPECT_EQ(BadAt("1 acquire\n 1 ok\n 2 release\n 2 ok"), 4);
}

TEST(Lock, ReleaseOfAFreeLockIsBad) {
  EXPECT_EQ(BadAt("1 release\n 1 ok"), 2);
  EXPECT_EQ(BadAt("1 acquire\n 1 ok\n 1 release\n 1 ok\n 1 release\n 1 ok"), 6);
}

TEST(Lock, ARefusedAcquireChangesNothing) {
  EXPECT_EQ(VerdictOf("1 acquire\n 1 ok\n 2 acquire\n 2 fail\n 1 release\n 1 ok"), Verdict::kLinearizable);
}

TEST(Lock, AnUnknownReleaseFreesTheLockAtMostOnce) {
  EXPECT_EQ(VerdictOf("1 acquire\n 1 ok\n 1 release\n 1 info\n 2 acquire\n 2 ok"), Verdict::kLinearizable);
  EXPECT_EQ(BadAt(R"(
    1 acquire
    1 ok
    1 release
    1 info
    2 acquire
    2 ok
    3 acquire
    3 ok)"),
            8);
}

TEST(Lock, AnUnknownAcquireMayHoldTheLockOrNot) {
  EXPECT_EQ(VerdictOf("1 acquire\n 1 info\n 2 acquire\n 2 ok"), Verdict::kLinearizable);
  // As an owner of its own name it can be released by another process.
  EXPECT_EQ(VerdictOf(R"(
    1 acquire 7
    1 info
    2 release 7
    2 ok)"),
            Verdict::kLinearizable);
  EXPECT_EQ(BadAt(R"(
    1 acquire 7
    1 info
    2 release 8
    2 ok)"),
            4);
}

TEST(Lock, AnOwnerIsNotTheProcessOfThatNumber) {
  EXPECT_EQ(BadAt("1 acquire 2\n 1 ok\n 2 release\n 2 ok"), 4);
}

TEST(Lock, KeysAreLocksOfTheirOwn) {
  EXPECT_EQ(VerdictOf("1 1: acquire\n 1 ok\n 2 2: acquire\n 2 ok"), Verdict::kLinearizable);
}

}  // namespace
}  // namespace gaios::linearizability

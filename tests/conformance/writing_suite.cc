// Writing: where bytes go, in which order operations complete, and how those that fail do.

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "tests/conformance/suite.h"

namespace gaios::transport::conformance {
namespace {

const Range kRange = MakeRange(256, 512);

TEST_P(ConformanceTest, OperationsCompleteInPostingOrderAndNameWhatWasPosted) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  Give(kAcceptor, kWriter, grant);
  ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  Forget(kWriter);
  constexpr std::uint64_t kRounds = 5;
  constexpr std::uint64_t kRead = 1008;  // one read at a time, between writes
  constexpr std::uint64_t kLast = 1000 + 3 * kRounds - 1;
  const Range all = MakeRange(0, kRounds * 64);
  at(kWriter).FillLog(all.from, Pattern(all.size(), 6));
  for (std::uint64_t i = 0; i < kRounds; ++i) {
    const Range range = MakeRange(i * 64, i * 64 + 64);
    ASSERT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, range, 1000 + 3 * i), Post::kPosted);
    ASSERT_EQ(at(kWriter).WriteWord(kAcceptor, grant, kFirstLife, LogWord::kProbe, i, 1001 + 3 * i),
              Post::kPosted);
    const std::uint64_t third = 1002 + 3 * i;
    ASSERT_EQ(third == kRead
                  ? at(kWriter).ReadLog(kAcceptor, grant, kFirstLife, MakeRange(2048, 2112), third)
                  : at(kWriter).WriteWord(kAcceptor, grant, kFirstLife, LogWord::kCommit, i, third),
              Post::kPosted);
  }
  std::vector<Completion> completions;
  ASSERT_TRUE(PumpUntil([&] {
    completions.clear();
    for (const Event& event : reported(kWriter)) {
      if (event.kind == Event::Kind::kCompletion) {
        completions.push_back(event.completion);
      }
    }
    return !completions.empty() && completions.back().token == kLast;
  }));
  // A write or word need not be reported when a later one is; a read must be.
  std::uint64_t before = 999;
  bool read = false;
  for (const Completion& completion : completions) {
    EXPECT_GT(completion.token, before) << "out of order, or twice";
    before = completion.token;
    read = read || completion.token == kRead;
    EXPECT_EQ(completion.operation, completion.token % 3 == 1   ? Operation::kWrite
                                    : completion.token == kRead ? Operation::kReadLog
                                                                : Operation::kWriteWord);
    EXPECT_EQ(completion.peer, kAcceptor);
    EXPECT_EQ(completion.grant, grant);
    EXPECT_EQ(completion.outcome, Outcome::kDone);
  }
  EXPECT_TRUE(read);
  at(kAcceptor).SetLiveRange(all);
  Give(kAcceptor, kAcceptor, MakeGrant(2, kAcceptor));
  EXPECT_EQ(at(kAcceptor).LogBytes(all), Pattern(all.size(), 6)) << "done, though not reported each";
}

TEST_P(ConformanceTest, WritesThatFollowEachOtherByOnePathAreEachTheirOwn) {
  constexpr std::uint64_t kCount = 16;
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  Give(kAcceptor, kWriter, grant);
  ASSERT_EQ(ProbeAndWait(grant), Outcome::kDone);
  const Range all = MakeRange(0, kCount * 64);
  at(kWriter).FillLog(all.from, Pattern(all.size(), 8));
  const auto write = [&](std::uint64_t i) {
    const std::uint64_t token = NextToken();
    EXPECT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, MakeRange(i * 64, i * 64 + 64), token),
              Post::kPosted);
    return token;
  };
  std::uint64_t token = 0;
  for (std::uint64_t i = 0; i < kCount / 2; ++i) {
    token = write(i);  // while those before it may be under way
  }
  ASSERT_EQ(AwaitCompletion(kWriter, token).outcome, Outcome::kDone);
  for (std::uint64_t i = kCount / 2; i < kCount; ++i) {
    ASSERT_EQ(AwaitCompletion(kWriter, write(i)).outcome, Outcome::kDone) << "when it is done";
  }
  at(kAcceptor).SetLiveRange(all);
  Give(kAcceptor, kAcceptor, MakeGrant(2, kAcceptor));
  EXPECT_EQ(at(kAcceptor).LogBytes(all), Pattern(all.size(), 8));
}

TEST_P(ConformanceTest, PromiseWhatFollowsByAPathThatIsFencedMeanwhileIsNotWritten) {
  constexpr std::uint32_t kRounds = 8;
  StartGroup();
  for (std::uint32_t i = 0; i < kRounds; ++i) {
    const Grant grant = MakeGrant(2 * i + 1, kWriter);
    Give(kAcceptor, kWriter, grant);
    at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 8));
    ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
    at(kAcceptor).SetLiveRange(kRange);
    GiveAlone(kRival, MakeGrant(2 * i + 2, kRival));
    const Bytes held = at(kAcceptor).LogBytes(kRange);
    at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 9));
    const std::uint64_t token = NextToken();
    if (at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, token) == Post::kPosted) {
      EXPECT_NE(AwaitCompletion(kWriter, token).outcome, Outcome::kDone);
    }
    EXPECT_EQ(at(kAcceptor).LogBytes(kRange), held);
    (void)NextToken();  // so that both writes of a round are posted by each call of a transport in turn
  }
}

TEST_P(ConformanceTest, AWriteWrapsAroundTheEndOfTheRing) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  Give(kAcceptor, kWriter, grant);
  const Range range = MakeRange(3 * 4096 - 320, 3 * 4096 + 192);
  // P8: it may be written over what the acceptor has applied.
  at(kAcceptor).Publish(ControlWord::kApplied, 3 * 4096 - 320);
  at(kWriter).FillLog(range.from, Pattern(range.size(), 4));
  ASSERT_EQ(WriteAndWait(kWriter, grant, range), Outcome::kDone);
  EXPECT_EQ(at(kAcceptor).LogBytes(range), Pattern(range.size(), 4));
  // In the ring's own terms: the tail of the range stands at its beginning.
  const Bytes whole = Pattern(range.size(), 4);
  EXPECT_EQ(at(kAcceptor).LogBytes(MakeRange(0, 192)), Bytes(whole.begin() + 320, whole.end()));
}

TEST_P(ConformanceTest, AWriteChangesNothingOutsideItsRange) {
  StartGroup();
  at(kAcceptor).FillLog(Position(0), Pattern(4096, 9));
  at(kAcceptor).SetLiveRange(MakeRange(0, 4096));
  const Grant grant = MakeGrant(1, kWriter);
  Give(kAcceptor, kWriter, grant);
  at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 4));
  ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  Bytes expected = Pattern(4096, 9);
  const Bytes written = Pattern(kRange.size(), 4);
  std::copy(written.begin(), written.end(), expected.begin() + 256);
  EXPECT_EQ(at(kAcceptor).LogBytes(MakeRange(0, 4096)), expected);
}

TEST_P(ConformanceTest, ALogWordIsWrittenWhole) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  Give(kAcceptor, kWriter, grant);
  ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  for (const std::uint64_t value : {std::uint64_t{1}, ~std::uint64_t{0}, std::uint64_t{0x0123456789abcdef}}) {
    const std::uint64_t token = NextToken();
    ASSERT_EQ(at(kWriter).WriteWord(kAcceptor, grant, kFirstLife, LogWord::kCommit, value, token),
              Post::kPosted);
    ASSERT_EQ(AwaitCompletion(kWriter, token).outcome, Outcome::kDone);
    EXPECT_EQ(at(kAcceptor).ReadLogWord(LogWord::kCommit), value);
    EXPECT_EQ(at(kAcceptor).ReadLogWord(LogWord::kProbe), 0U);
  }
}

TEST_P(ConformanceTest, ALinkTakesABoundedNumberOfOperationsAndMoreAfterAPoll) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  Give(kAcceptor, kWriter, grant);
  ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  std::uint64_t posted = 0;
  Post result = Post::kPosted;
  while ((result = at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, 5000 + posted)) == Post::kPosted) {
    ++posted;
    ASSERT_LE(posted, paxos::kMaxPostedPerLink);
  }
  EXPECT_EQ(result, Post::kFull);
  EXPECT_EQ(at(kWriter).WriteWord(kAcceptor, grant, kFirstLife, LogWord::kProbe, 1, 1), Post::kFull);
  EXPECT_EQ(at(kWriter).ReadLog(kAcceptor, grant, kFirstLife, kRange, 1), Post::kFull);
  const Completion last = AwaitCompletion(kWriter, 5000 + posted - 1);
  EXPECT_EQ(last.outcome, Outcome::kDone);
  EXPECT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
}

TEST_P(ConformanceTest, WithoutAGrantThereIsNoPath) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  EXPECT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, 1), Post::kDown);
  EXPECT_EQ(at(kWriter).WriteWord(kAcceptor, grant, kFirstLife, LogWord::kProbe, 1, 1), Post::kDown);
  EXPECT_EQ(at(kWriter).ReadLog(kAcceptor, grant, kFirstLife, kRange, 1), Post::kDown);
  // Nor for a rival of the one who has it.
  Give(kAcceptor, kWriter, grant);
  ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  EXPECT_EQ(at(kRival).Write(kAcceptor, grant, kFirstLife, kRange, 1), Post::kDown);
}

TEST_P(ConformanceTest, AfterAFailureLaterOperationsUnderTheSameGrantFailToo) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  Give(kAcceptor, kWriter, grant);
  ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  Give(kAcceptor, kRival, MakeGrant(2, kRival));
  for (int i = 0; i < 6; ++i) {
    const std::uint64_t token = NextToken();
    const Post post = i % 3 == 0 ? at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, token)
                      : i % 3 == 1
                          ? at(kWriter).WriteWord(kAcceptor, grant, kFirstLife, LogWord::kProbe, 1, token)
                          : at(kWriter).ReadLog(kAcceptor, grant, kFirstLife, kRange, token);
    // A backend may know by now, and say so at once.
    if (post == Post::kPosted) {
      const Completion completion = AwaitCompletion(kWriter, token);
      EXPECT_NE(completion.outcome, Outcome::kDone);
    } else {
      EXPECT_EQ(post, Post::kDown);
    }
  }
  EXPECT_EQ(at(kAcceptor).ReadLogWord(LogWord::kProbe), 0U);
}

TEST_P(ConformanceTest, AWriteThatNamesAnEarlierLifeOfTheAcceptorNeverCompletes) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  Give(kAcceptor, kWriter, grant);
  ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  Kill(kAcceptor);
  Start({.id = kAcceptor, .incarnation = kSecondLife});
  AwaitLink(kWriter, kAcceptor, kSecondLife);
  AwaitLink(kAcceptor, kWriter, kFirstLife);
  at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 3));
  // The very same grant, given by another life, is another grant.
  Give(kAcceptor, kWriter, grant);
  ASSERT_EQ(WriteAndWait(kWriter, grant, MakeRange(1024, 1088), kSecondLife), Outcome::kDone);
  const std::uint64_t token = NextToken();
  if (at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, token) == Post::kPosted) {
    const Completion completion = AwaitCompletion(kWriter, token);
    EXPECT_EQ(completion.outcome, Outcome::kFenced);
  }
  EXPECT_NE(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 3));
}

TEST_P(ConformanceTest, WhatIsUnderWayWhenTheAcceptorDiesSaysSo) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  Give(kAcceptor, kWriter, grant);
  ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  Kill(kAcceptor);
  const std::uint64_t token = NextToken();
  if (at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, token) == Post::kPosted) {
    // Before the death is noticed a write may still complete; it is never left without an answer.
    (void)AwaitCompletion(kWriter, token);
  }
  Await(kWriter, "the end of its link",
        [](const Event& event) { return event.kind == Event::Kind::kLinkDown && event.peer == kAcceptor; });
  EXPECT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, NextToken()), Post::kDown);
  EXPECT_EQ(at(kWriter).ReadControl(kAcceptor), Post::kDown);
}

TEST_P(ConformanceTest, AnAbandonedPathCompletesAsDownAndTheNextGrantOpensAnother) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  Give(kAcceptor, kWriter, grant);
  ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  const std::uint64_t token = NextToken();
  ASSERT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, token), Post::kPosted);
  at(kWriter).Abandon(kAcceptor);
  const Completion completion = AwaitCompletion(kWriter, token);
  EXPECT_EQ(completion.outcome, Outcome::kDown);
  EXPECT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, NextToken()), Post::kDown);
  // The link itself stays.
  EXPECT_EQ(LookAt(kWriter, kAcceptor).outcome, Outcome::kDone);
  const Grant next = MakeGrant(1, kWriter, 2);
  Give(kAcceptor, kWriter, next);
  EXPECT_EQ(WriteAndWait(kWriter, next, kRange), Outcome::kDone);
}

}  // namespace
}  // namespace gaios::transport::conformance

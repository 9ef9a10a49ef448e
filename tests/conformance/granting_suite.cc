// Granting: who may write, what a grant keeps and resets, and what becomes of earlier ones.

#include <gtest/gtest.h>

#include "tests/conformance/suite.h"

namespace gaios::transport::conformance {
namespace {

// The bytes that most tests write.
const Range kRange = MakeRange(256, 512);

TEST_P(ConformanceTest, AGrantIsAnsweredFromALaterPoll) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  at(kAcceptor).GrantTo(kWriter, grant);
  EXPECT_TRUE(reported(kAcceptor).empty());
  Await(kAcceptor, "its grant",
        [&](const Event& event) { return event.kind == Event::Kind::kGranted && event.grant == grant; });
}

TEST_P(ConformanceTest, AcceptACompletedWriteIsInTheLogOfTheAcceptor) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  Give(kAcceptor, kWriter, grant);
  at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 1));
  ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 1));
}

TEST_P(ConformanceTest, AcceptACompletedWriteSurvivesLaterGrants) {
  StartGroup();
  at(kAcceptor).SetLiveRange(kRange);
  Grant grant = MakeGrant(1, kWriter);
  Give(kAcceptor, kWriter, grant);
  at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 1));
  ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  for (std::uint32_t round = 2; round < 8; ++round) {
    const ReplicaId to = round % 3 == 0 ? kAcceptor : round % 3 == 1 ? kWriter : kRival;
    grant = MakeGrant(round, to);
    Give(kAcceptor, to, grant);
    EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 1));
  }
}

TEST_P(ConformanceTest, PromiseALaterGrantFencesTheEarlierWriter) {
  StartGroup();
  at(kAcceptor).SetLiveRange(kRange);
  const Grant earlier = MakeGrant(1, kWriter);
  const Grant later = MakeGrant(2, kRival);
  Give(kAcceptor, kWriter, earlier);
  at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 1));
  ASSERT_EQ(WriteAndWait(kWriter, earlier, kRange), Outcome::kDone);
  Give(kAcceptor, kRival, later);
  at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 2));
  EXPECT_EQ(WriteAndWait(kWriter, earlier, kRange), Outcome::kFenced);
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 1));
  at(kRival).FillLog(kRange.from, Pattern(kRange.size(), 3));
  EXPECT_EQ(WriteAndWait(kRival, later, kRange), Outcome::kDone);
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 3));
}

TEST_P(ConformanceTest, TheNextNumberUnderOneBallotFencesTheEarlierNumber) {
  StartGroup();
  const Grant earlier = MakeGrant(1, kWriter, 1);
  const Grant later = MakeGrant(1, kWriter, 2);
  Give(kAcceptor, kWriter, earlier);
  ASSERT_EQ(WriteAndWait(kWriter, earlier, kRange), Outcome::kDone);
  Give(kAcceptor, kWriter, later);
  at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 2));
  EXPECT_EQ(WriteAndWait(kWriter, later, kRange), Outcome::kDone);
  at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 3));
  EXPECT_EQ(WriteAndWait(kWriter, earlier, kRange), Outcome::kFenced);
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 2));
}

TEST_P(ConformanceTest, WhatWasPostedUnderAnEarlierGrantIsFencedWhenTheSameWriterGetsALaterOne) {
  StartGroup();
  const Grant earlier = MakeGrant(1, kWriter, 1);
  Give(kAcceptor, kWriter, earlier);
  ASSERT_EQ(WriteAndWait(kWriter, earlier, kRange), Outcome::kDone);
  // The writer posts and polls only after the acceptor has promised more.
  const std::uint64_t token = NextToken();
  at(kAcceptor).GrantTo(kWriter, MakeGrant(1, kWriter, 2));
  EXPECT_EQ(at(kWriter).Write(kAcceptor, earlier, kFirstLife, kRange, token), Post::kPosted);
  const Completion completion = AwaitCompletion(kWriter, token);
  EXPECT_EQ(completion.grant, earlier);
  // A fence may take its time: until it is effective, and the grant given, the earlier writer may still get
  // through. Then its bytes are there.
  if (completion.outcome != Outcome::kFenced) {
    EXPECT_EQ(completion.outcome, Outcome::kDone);
    Await(kAcceptor, "the later grant",
          [](const Event& event) { return event.kind == Event::Kind::kGranted; });
    EXPECT_EQ(at(kAcceptor).LogBytes(kRange), at(kWriter).LogBytes(kRange));
  }
}

TEST_P(ConformanceTest, AskingAgainForTheHeldGrantIsAnsweredAndDisturbsNobody) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  Give(kAcceptor, kWriter, grant);
  at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 1));
  ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  const std::uint64_t token = NextToken();
  ASSERT_EQ(at(kWriter).WriteWord(kAcceptor, grant, kFirstLife, LogWord::kCommit, 512, token), Post::kPosted);
  ASSERT_EQ(AwaitCompletion(kWriter, token).outcome, Outcome::kDone);
  for (int i = 0; i < 3; ++i) {
    Give(kAcceptor, kWriter, grant);
    EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 1));
    EXPECT_EQ(at(kAcceptor).ReadLogWord(LogWord::kCommit), 512U);
    EXPECT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  }
}

TEST_P(ConformanceTest, LiveBytesThatWrapAroundTheRingSurviveAGrant) {
  StartGroup();
  const Range live = MakeRange(4096 - 128, 4096 + 192);
  at(kAcceptor).FillLog(live.from, Pattern(live.size(), 5));
  at(kAcceptor).SetLiveRange(live);
  Give(kAcceptor, kWriter, MakeGrant(1, kWriter));
  EXPECT_EQ(at(kAcceptor).LogBytes(live), Pattern(live.size(), 5));
  Give(kAcceptor, kRival, MakeGrant(2, kRival));
  EXPECT_EQ(at(kAcceptor).LogBytes(live), Pattern(live.size(), 5));
}

TEST_P(ConformanceTest, AGrantSetsTheLogWordsToZero) {
  StartGroup();
  const Grant earlier = MakeGrant(1, kWriter);
  Give(kAcceptor, kWriter, earlier);
  const std::uint64_t commit = NextToken();
  const std::uint64_t probe = NextToken();
  ASSERT_EQ(PostWhenGranted([&] {
              return at(kWriter).WriteWord(kAcceptor, earlier, kFirstLife, LogWord::kCommit, 4711, commit);
            }),
            Post::kPosted);
  ASSERT_EQ(at(kWriter).WriteWord(kAcceptor, earlier, kFirstLife, LogWord::kProbe, 4712, probe),
            Post::kPosted);
  ASSERT_EQ(AwaitCompletion(kWriter, probe).outcome, Outcome::kDone);  // and so is the word before it
  EXPECT_EQ(at(kAcceptor).ReadLogWord(LogWord::kCommit), 4711U);
  EXPECT_EQ(at(kAcceptor).ReadLogWord(LogWord::kProbe), 4712U);
  for (const ReplicaId to : {kRival, kAcceptor, kWriter}) {
    Give(kAcceptor, to, MakeGrant(to == kRival ? 2 : to == kAcceptor ? 3 : 4, to));
    EXPECT_EQ(at(kAcceptor).ReadLogWord(LogWord::kCommit), 0U);
    EXPECT_EQ(at(kAcceptor).ReadLogWord(LogWord::kProbe), 0U);
  }
}

TEST_P(ConformanceTest, AGrantToOneselfFencesEveryoneElse) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  Give(kAcceptor, kWriter, grant);
  ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  Give(kAcceptor, kAcceptor, MakeGrant(2, kAcceptor));
  at(kAcceptor).FillLog(kRange.from, Pattern(kRange.size(), 7));
  at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 8));
  EXPECT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kFenced);
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), Pattern(kRange.size(), 7));
  // And again under another ballot, with nobody left to fence.
  Give(kAcceptor, kAcceptor, MakeGrant(3, kAcceptor));
}

TEST_P(ConformanceTest, ThePromiseIsPublishedBeforeTheGrantIsAnsweredAndNeverDecreases) {
  StartGroup();
  Grant seen;
  for (std::uint32_t round = 1; round < 5; ++round) {
    for (std::uint64_t number = 1; number < 3; ++number) {
      const Grant grant = MakeGrant(round, kWriter, number);
      at(kAcceptor).GrantTo(kWriter, grant);
      const Event during = LookAt(kRival, kAcceptor);
      EXPECT_GE(during.control.promised, seen);
      Await(kAcceptor, "its grant",
            [&](const Event& event) { return event.kind == Event::Kind::kGranted && event.grant == grant; });
      const Event after = LookAt(kRival, kAcceptor);
      EXPECT_EQ(after.control.promised, grant);
      seen = after.control.promised;
    }
  }
}

TEST_P(ConformanceTest, P1ALowerGrantIsADefectOfTheCaller) {
  StartGroup();
  Give(kAcceptor, kWriter, MakeGrant(2, kWriter, 2));
  // In a process of its own the endpoint dies of it, and its stub of that.
  EXPECT_DEATH(at(kAcceptor).GrantTo(kRival, MakeGrant(1, kRival, 9)), "P1|ended unasked");
}

}  // namespace
}  // namespace gaios::transport::conformance

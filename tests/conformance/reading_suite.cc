// Reading a peer's log and control region, messages, and links coming and going.

#include <gtest/gtest.h>

#include "tests/conformance/suite.h"

namespace gaios::transport::conformance {
namespace {

const Range kRange = MakeRange(256, 512);
const Range kWholeRing = MakeRange(0, 4096);
// The first is read across the end of the ring; the second is the rest of it.
const Range kWrappedRange = MakeRange(1024, 4096 + 512);
const Range kNotWrappedRange = MakeRange(512, 1024);

// What stands at `range` in a ring with these bytes.
Bytes Slice(const Bytes& ring, Range range) {
  Bytes bytes(range.size());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = ring[(range.from + i).value() % ring.size()];
  }
  return bytes;
}

TEST_P(ConformanceTest, ReadLogBringsThePeersBytesToTheSamePositions) {
  StartGroup();
  for (const Range range : {kRange, MakeRange(4096 - 64, 4096 + 128)}) {
    at(kAcceptor).FillLog(range.from, Pattern(range.size(), 6));
    at(kAcceptor).SetLiveRange(range);
    const Grant grant = MakeGrant(static_cast<std::uint32_t>(range.to.value()), kWriter);
    Give(kAcceptor, kWriter, grant);
    const std::uint64_t token = NextToken();
    ASSERT_EQ(
        PostWhenGranted([&] { return at(kWriter).ReadLog(kAcceptor, grant, kFirstLife, range, token); }),
        Post::kPosted);
    ASSERT_EQ(AwaitCompletion(kWriter, token).outcome, Outcome::kDone);
    EXPECT_EQ(at(kWriter).LogBytes(range), Pattern(range.size(), 6));
  }
}

TEST_P(ConformanceTest, ReadLogUnderAnEndedGrantIsFenced) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  Give(kAcceptor, kWriter, grant);
  ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  Give(kAcceptor, kRival, MakeGrant(2, kRival));
  const std::uint64_t token = NextToken();
  ASSERT_EQ(at(kWriter).ReadLog(kAcceptor, grant, kFirstLife, kRange, token), Post::kPosted);
  EXPECT_EQ(AwaitCompletion(kWriter, token).outcome, Outcome::kFenced);
}

// What a candidate has accepted stands where its reads land. So a read whose grant ends before, while or
// after it takes its bytes must leave the reader's log alone, whatever stands in the acceptor's by then.
TEST_P(ConformanceTest, P4AReadThatDoesNotCompleteAsDoneLeavesTheReadersLogAsItWas) {
  StartGroup();
  at(kAcceptor).SetLiveRange(kWholeRing);
  int undone = 0;
  for (std::uint32_t round = 1; round <= 60; ++round) {
    const std::uint64_t seed = std::uint64_t{3} * round;
    const Bytes theirs = Pattern(kWholeRing.size(), seed);
    const Bytes own = Pattern(kWholeRing.size(), seed + 1);
    at(kAcceptor).FillLog(kWholeRing.from, theirs);
    at(kWriter).FillLog(kWholeRing.from, own);
    const Grant grant = MakeGrant(2 * round, kWriter);
    Give(kAcceptor, kWriter, grant);
    ASSERT_EQ(ProbeAndWait(grant), Outcome::kDone);
    const Grant later = MakeGrant(2 * round + 1, kRival);
    const std::uint64_t token = NextToken();
    const auto post = [&] {
      ASSERT_EQ(at(kWriter).ReadLog(kAcceptor, grant, kFirstLife, kWrappedRange, token), Post::kPosted);
    };
    switch (round % 3) {
      case 0:  // the grant is over, which the reader does not know
        GiveAlone(kRival, later);
        at(kAcceptor).FillLog(kWholeRing.from, Pattern(kWholeRing.size(), seed + 2));
        post();
        break;
      case 1:  // it ends before the reader looks again
        post();
        GiveAlone(kRival, later);
        at(kAcceptor).FillLog(kWholeRing.from, Pattern(kWholeRing.size(), seed + 2));
        break;
      default:  // it ends meanwhile
        post();
        at(kAcceptor).GrantTo(kRival, later);
        break;
    }
    const Outcome outcome = AwaitCompletion(kWriter, token).outcome;
    if (outcome == Outcome::kDone) {
      EXPECT_EQ(at(kWriter).LogBytes(kWrappedRange), Slice(theirs, kWrappedRange));
      EXPECT_EQ(at(kWriter).LogBytes(kNotWrappedRange), Slice(own, kNotWrappedRange));
    } else {
      ++undone;
      EXPECT_EQ(outcome, Outcome::kFenced);
      ASSERT_EQ(at(kWriter).LogBytes(kWholeRing), own) << "round " << round;
    }
    if (round % 3 == 2) {
      Await(kAcceptor, "the later grant",
            [&](const Event& event) { return event.kind == Event::Kind::kGranted && event.grant == later; });
      EXPECT_TRUE(outcome == Outcome::kDone || at(kWriter).LogBytes(kWholeRing) == own);
    }
  }
  EXPECT_GE(undone, 20);  // those of the first kind at least
}

TEST_P(ConformanceTest, P4AReadLandsNoMoreOnceItsPathIsGivenUp) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  const Bytes own = Pattern(kWholeRing.size(), 1);
  at(kAcceptor).SetLiveRange(kWholeRing);
  at(kAcceptor).FillLog(kWholeRing.from, Pattern(kWholeRing.size(), 2));
  at(kWriter).FillLog(kWholeRing.from, own);
  Give(kAcceptor, kWriter, grant);
  ASSERT_EQ(ProbeAndWait(grant), Outcome::kDone);
  const std::uint64_t token = NextToken();
  ASSERT_EQ(at(kWriter).ReadLog(kAcceptor, grant, kFirstLife, kRange, token), Post::kPosted);
  at(kWriter).Abandon(kAcceptor);
  EXPECT_EQ(AwaitCompletion(kWriter, token).outcome, Outcome::kDown);
  for (int i = 0; i < 50; ++i) {
    Pump();
    ASSERT_EQ(at(kWriter).LogBytes(kWholeRing), own);
  }
}

TEST_P(ConformanceTest, P4AReadOfADyingPeerIsDoneOrLeavesTheReadersLogAsItWas) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  const Bytes theirs = Pattern(kWholeRing.size(), 1);
  const Bytes own = Pattern(kWholeRing.size(), 2);
  at(kAcceptor).SetLiveRange(kWholeRing);
  at(kAcceptor).FillLog(kWholeRing.from, theirs);
  at(kWriter).FillLog(kWholeRing.from, own);
  Give(kAcceptor, kWriter, grant);
  ASSERT_EQ(ProbeAndWait(grant), Outcome::kDone);
  const std::uint64_t token = NextToken();
  ASSERT_EQ(at(kWriter).ReadLog(kAcceptor, grant, kFirstLife, kRange, token), Post::kPosted);
  Kill(kAcceptor);
  const Outcome outcome = AwaitCompletion(kWriter, token).outcome;
  if (outcome == Outcome::kDone) {
    EXPECT_EQ(at(kWriter).LogBytes(kRange), Slice(theirs, kRange));
  } else {
    EXPECT_EQ(at(kWriter).LogBytes(kWholeRing), own);
  }
}

TEST_P(ConformanceTest, OneReadIsUnderWayAtATimeUntilItsOutcomeIsSettled) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  for (const ReplicaId id : {kAcceptor, kRival}) {
    at(id).SetLiveRange(kWholeRing);
    at(id).FillLog(kWholeRing.from, Pattern(kWholeRing.size(), id.value()));
    Give(id, kWriter, grant);
  }
  const std::uint64_t given_up = NextToken();
  const std::uint64_t read = NextToken();
  const auto post = [&](ReplicaId from, std::uint64_t token) {
    return at(kWriter).ReadLog(from, grant, kFirstLife, kRange, token);
  };
  // So that both paths are known.
  ASSERT_EQ(PostWhenGranted([&] { return post(kRival, given_up); }), Post::kPosted);
  ASSERT_EQ(AwaitCompletion(kWriter, given_up).outcome, Outcome::kDone);
  ASSERT_EQ(PostWhenGranted([&] { return post(kAcceptor, given_up); }), Post::kPosted);
  EXPECT_EQ(post(kAcceptor, read), Post::kFull);
  EXPECT_EQ(post(kRival, read), Post::kFull);
  at(kWriter).Abandon(kAcceptor);
  EXPECT_EQ(post(kRival, read), Post::kPosted);
  EXPECT_EQ(AwaitCompletion(kWriter, given_up).outcome, Outcome::kDown);
  EXPECT_EQ(AwaitCompletion(kWriter, read).outcome, Outcome::kDone);
  EXPECT_EQ(at(kWriter).LogBytes(kRange), Slice(Pattern(kWholeRing.size(), kRival.value()), kRange));
}

TEST_P(ConformanceTest, ReadControlShowsWhatWasPublishedAndNeedsNoGrant) {
  StartGroup();
  for (std::size_t word = 0; word < kControlWords; ++word) {
    at(kAcceptor).Publish(static_cast<ControlWord>(word), 100 + word);
  }
  Event look;
  // Where control regions travel in datagrams the words arrive in their own time.
  ASSERT_TRUE(PumpUntil([&] {
    look = LookAt(kRival, kAcceptor);
    return look.control.word(ControlWord::kHeartbeatCounter) == 105;
  }));
  EXPECT_EQ(look.outcome, Outcome::kDone);
  EXPECT_EQ(look.control.incarnation, kFirstLife);
  EXPECT_EQ(look.control.promised, Grant{});
  for (std::size_t word = 0; word < kControlWords; ++word) {
    EXPECT_EQ(look.control.words[word], 100 + word);
  }
}

// A linearizable read at a follower rests on this: it looks after it was asked.
TEST_P(ConformanceTest, AControlReadFindsNothingOlderThanItself) {
  StartGroup();
  for (std::uint32_t round = 1; round <= 20; ++round) {
    at(kAcceptor).Publish(ControlWord::kCommit, round);
    ASSERT_EQ(LookAt(kRival, kAcceptor).control.word(ControlWord::kCommit), round);
    const Grant grant = MakeGrant(round, round % 2 == 0 ? kWriter : kAcceptor);
    Give(kAcceptor, grant.ballot.replica(), grant);
    ASSERT_EQ(LookAt(kRival, kAcceptor).control.promised, grant);
  }
}

TEST_P(ConformanceTest, ControlReadsAreAnsweredInPostingOrder) {
  StartGroup();
  constexpr std::uint64_t kReads = 30;
  for (std::uint64_t value = 1; value <= kReads; ++value) {
    at(kAcceptor).Publish(ControlWord::kCommit, value);
    ASSERT_EQ(at(kRival).ReadControl(kAcceptor), Post::kPosted);
    if (value % 3 == 0) {
      Pump();
    }
  }
  for (std::uint64_t value = 1; value <= kReads; ++value) {
    const Event look = Await(kRival, "a control view",
                             [](const Event& event) { return event.kind == Event::Kind::kControl; });
    ASSERT_EQ(look.outcome, Outcome::kDone);
    ASSERT_GE(look.control.word(ControlWord::kCommit), value);  // published before it was posted
  }
}

TEST_P(ConformanceTest, EachControlReadIsAnsweredOnce) {
  StartGroup();
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(at(kWriter).ReadControl(kAcceptor), Post::kPosted);
  }
  for (int i = 0; i < 3; ++i) {
    Await(kWriter, "a control view", [](const Event& event) { return event.kind == Event::Kind::kControl; });
  }
  for (int i = 0; i < 20; ++i) {
    Pump();
  }
  for (const Event& event : reported(kWriter)) {
    EXPECT_NE(event.kind, Event::Kind::kControl);
  }
}

TEST_P(ConformanceTest, MessagesArriveUnalteredFromANamedPeer) {
  StartGroup();
  for (const std::size_t size : {std::size_t{1}, std::size_t{8}, std::size_t{100}, paxos::kMaxMessageBytes}) {
    for (const ReplicaId to : {kAcceptor, kRival}) {
      // Messages may be lost: send until one has come.
      Event message;
      ASSERT_TRUE(PumpUntil([&] {
        at(kWriter).Send(to, Pattern(size, size));
        Pump();
        for (const Event& event : reported(to)) {
          if (event.kind == Event::Kind::kMessage && event.bytes.size() == size) {
            message = event;
          }
        }
        return message.bytes.size() == size;
      }));
      EXPECT_EQ(message.peer, kWriter);
      EXPECT_EQ(message.incarnation, kFirstLife);
      EXPECT_EQ(message.bytes, Pattern(size, size));
    }
  }
}

TEST_P(ConformanceTest, ARestartedPeerIsANewLinkWithItsNewIncarnationAndWithoutAPath) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  Give(kAcceptor, kWriter, grant);
  ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  for (const ReplicaId id : {kAcceptor, kWriter, kRival}) {
    Forget(id);
  }
  Kill(kAcceptor);
  for (const ReplicaId id : {kWriter, kRival}) {
    Await(id, "the end of its link",
          [](const Event& event) { return event.kind == Event::Kind::kLinkDown && event.peer == kAcceptor; });
  }
  Start({.id = kAcceptor, .incarnation = kSecondLife});
  for (const ReplicaId id : {kWriter, kRival}) {
    AwaitLink(id, kAcceptor, kSecondLife);
    AwaitLink(kAcceptor, id, kFirstLife);
  }
  EXPECT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, 1), Post::kDown);
  EXPECT_EQ(at(kWriter).Write(kAcceptor, grant, kSecondLife, kRange, 1), Post::kDown);
  const Event look = LookAt(kWriter, kAcceptor);
  EXPECT_EQ(look.control.incarnation, kSecondLife);
  EXPECT_EQ(look.control.promised, Grant{});
}

TEST_P(ConformanceTest, ARestartedWriterHasNoPathUntilItIsGrantedOne) {
  StartGroup();
  at(kAcceptor).SetLiveRange(kRange);
  const Grant grant = MakeGrant(1, kWriter);
  Give(kAcceptor, kWriter, grant);
  ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  Kill(kWriter);
  Start({.id = kWriter, .incarnation = kSecondLife});
  AwaitLink(kAcceptor, kWriter, kSecondLife);
  AwaitLink(kWriter, kAcceptor, kFirstLife);
  EXPECT_EQ(at(kWriter).Write(kAcceptor, grant, kFirstLife, kRange, 1), Post::kDown);
  const Grant next = MakeGrant(2, kWriter);
  Give(kAcceptor, kWriter, next);
  EXPECT_EQ(WriteAndWait(kWriter, next, kRange), Outcome::kDone);
}

}  // namespace
}  // namespace gaios::transport::conformance

// Reading a peer's log and control region, messages, and links coming and going.

#include <gtest/gtest.h>

#include "tests/conformance/suite.h"

namespace gaios::transport::conformance {
namespace {

const Range kRange = MakeRange(256, 512);

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

// The old writer held between two instructions of its write while the acceptor grants to another, and then
// let go. No check before the store can save a backend from this; only fencing that reaches the memory itself
// can.

#include <algorithm>
#include <utility>

#include <gtest/gtest.h>

#include "tests/conformance/suite.h"

namespace gaios::transport::conformance {
namespace {

constexpr int kRounds = 10'000;
const Range kRange = MakeRange(256, 512);
const Range kWholeRing = MakeRange(0, 4096);

}  // namespace

void ConformanceTest::HoldAndRelease(HoldPoint point) {
  StartGroup();
  at(kAcceptor).SetLiveRange(kWholeRing);
  ReplicaId holder = kWriter;
  ReplicaId other = kRival;
  Grant held = MakeGrant(1, holder);
  Give(kAcceptor, holder, held);
  ASSERT_EQ(WriteAndWait(holder, held, kRange), Outcome::kDone);
  for (std::uint32_t round = 1; round <= kRounds; ++round) {
    at(holder).FillLog(kRange.from, Pattern(kRange.size(), std::uint64_t{2} * round));
    at(other).FillLog(kRange.from, Pattern(kRange.size(), std::uint64_t{2} * round + 1));
    const std::uint64_t late = NextToken();
    at(holder).WriteAndHold(point, kAcceptor, held, kFirstLife, kRange, late);
    const Grant next = MakeGrant(round + 1, other);
    GiveAlone(other, next);
    Bytes granted = at(kAcceptor).LogBytes(kWholeRing);
    // Every other round the new writer has written when the old one awakes, so that both cases are met: a
    // store that would change what the acceptor has, and one that would overwrite what another has had
    // accepted.
    if (round % 2 == 0) {
      ASSERT_EQ(WriteWhileHeld(other, next), Outcome::kDone);
      granted = at(kAcceptor).LogBytes(kWholeRing);
      const Bytes written = Pattern(kRange.size(), std::uint64_t{2} * round + 1);
      ASSERT_TRUE(std::equal(written.begin(), written.end(), granted.begin() + 256));
    }
    Book(holder, at(holder).Release());
    const Completion completion = AwaitCompletion(holder, late);
    ASSERT_EQ(completion.outcome, Outcome::kFenced) << "round " << round;
    ASSERT_EQ(completion.grant, held);
    ASSERT_EQ(at(kAcceptor).LogBytes(kWholeRing), granted)
        << "a late store reached the log in round " << round;
    if (round % 2 == 1) {
      ASSERT_EQ(WriteAndWait(other, next, kRange), Outcome::kDone);
    }
    std::swap(holder, other);
    held = next;
  }
}

Outcome ConformanceTest::WriteWhileHeld(ReplicaId writer, Grant grant) {
  const std::uint64_t token = NextToken();
  while (at(writer).Write(kAcceptor, grant, kFirstLife, kRange, token) == Post::kDown) {
    backend().Advance();
    (void)at(kAcceptor).Poll();
    (void)at(writer).Poll();
  }
  for (;;) {
    backend().Advance();
    (void)at(kAcceptor).Poll();
    for (const Event& event : at(writer).Poll()) {
      if (event.kind == Event::Kind::kCompletion && event.completion.token == token) {
        return event.completion.outcome;
      }
    }
  }
}

TEST_P(ConformanceTest, AWriterHeldBetweenLookingUpItsPathAndStoring) {
  HoldAndRelease(HoldPoint::kBeforeStore);
}

TEST_P(ConformanceTest, AWriterHeldBetweenStoringAndLookingAtThePromise) {
  HoldAndRelease(HoldPoint::kBeforeCheck);
}

}  // namespace gaios::transport::conformance

// Writes whose bytes a port sends from the log itself: nothing there is reused before it has let go of them
// (P8), whatever has become of the write.

#include <algorithm>
#include <array>
#include <cstring>

#include <gtest/gtest.h>

#include "gaios/transport/udp/authenticator.h"
#include "gaios/transport/udp/seal.h"

#include "tests/transport/udp/fixture.h"

namespace gaios::transport::udp {
namespace {

constexpr std::size_t kCapacity = std::size_t{1} << 16;
const Range kRange = MakeRange(256, 4352);  // in several pieces

// The device keeps what it has until the test lets it go on.
constexpr std::uint64_t kForGood = std::uint64_t{1} << 40;

class LendingTest : public UdpTest {
 protected:
  void Start(const MemoryNetwork::Loans& loans, bool encrypt = false, std::size_t capacity = kCapacity) {
    StartGroup({.encrypt = encrypt, .loans = loans}, capacity);
    at(kWriter).FillLog(Position(0), Pattern(capacity, 3));
  }
  // By a device that lends at once what it has: the grant is known, and no loan is open.
  Grant Granted(std::uint32_t number = 1) {
    const MemoryNetwork::Loans none;
    backend_->network().SetLoans(none);
    const Grant grant = MakeGrant(number, kWriter);
    Give(kWriter, grant);
    return grant;
  }
  // From its first write on the device keeps what it has.
  Grant StartAndHold() {
    Start({});
    const Grant grant = Granted();
    Hold();
    return grant;
  }
  void Hold() { backend_->network().SetLoans({.least_bytes = 64, .flushes = kForGood}); }
  [[nodiscard]] MemoryNetwork& network() { return backend_->network(); }
};

TEST_F(LendingTest, AWriteIsNotDoneBeforeTheDeviceHasLetGoOfIt) {
  const Grant grant = StartAndHold();
  const std::uint64_t token = PostWrite(kWriter, grant, kRange);
  Pump(200);
  EXPECT_EQ(at(kAcceptor).LogBytes(kRange), at(kWriter).LogBytes(kRange)) << "it is there,";
  EXPECT_GT(network().open_loans(), 2U);
  EXPECT_EQ(Completed(kWriter, token), nullptr) << "P8: and still read here";
  backend_->port(kWriter).EndLoans(network().open_loans());
  EXPECT_EQ(AwaitOutcome(kWriter, token), Outcome::kDone);
  EXPECT_EQ(network().loans_broken(), 0U);
}

TEST_F(LendingTest, ThoseBehindAnotherThatIsDoneWaitForTheirOwnLoansAlone) {
  const Grant grant = StartAndHold();
  const std::uint64_t first = PostWrite(kWriter, grant, MakeRange(256, 512));
  Pump(10);
  const std::size_t of_first = network().open_loans();
  const std::uint64_t second = PostWrite(kWriter, grant, MakeRange(512, 768));
  Pump(10);
  ASSERT_GT(network().open_loans(), of_first);
  backend_->port(kWriter).EndLoans(of_first);
  EXPECT_EQ(AwaitOutcome(kWriter, first), Outcome::kDone);
  Pump(100);
  EXPECT_EQ(Completed(kWriter, second), nullptr);
  backend_->port(kWriter).EndLoans(of_first + network().open_loans());
  EXPECT_EQ(AwaitOutcome(kWriter, second), Outcome::kDone);
}

// What is sent again is another loan; that the first is over, and the write acknowledged, is not enough.
TEST_F(LendingTest, WhatIsSentAgainIsALoanAsWell) {
  const Grant grant = StartAndHold();
  bool lose = true;
  network().SetTap([&](Endpoint /*from*/, Endpoint /*to*/, const Tapped& bytes) {
    return !lose || KindOf(bytes) != Kind::kAck;
  });
  const std::uint64_t token = PostWrite(kWriter, grant, MakeRange(256, 512));
  ASSERT_TRUE(PumpUntil([&] { return network().open_loans() >= 2; }));
  backend_->port(kWriter).EndLoans(1);
  lose = false;
  Pump(2'000);
  EXPECT_EQ(Completed(kWriter, token), nullptr);
  backend_->port(kWriter).EndLoans(1 + network().open_loans());
  EXPECT_EQ(AwaitOutcome(kWriter, token), Outcome::kDone);
}

TEST_F(LendingTest, WhatIsAbandonedIsReadNoMoreWhenAbandonReturns) {
  const Grant grant = StartAndHold();
  const std::uint64_t token = PostWrite(kWriter, grant, kRange);
  Pump();
  ASSERT_GT(network().open_loans(), 0U);
  transport(kWriter).Abandon(kAcceptor);
  EXPECT_EQ(network().open_loans(), 0U) << "P8";
  at(kWriter).FillLog(Position(0), Bytes(kCapacity));
  EXPECT_EQ(AwaitOutcome(kWriter, token), Outcome::kDown);
  EXPECT_EQ(network().loans_broken(), 0U);
}

TEST_F(LendingTest, ALaterGrantAndTheEndOfTheLinkEndTheLoansOfThePathBefore) {
  const Grant grant = StartAndHold();
  const std::uint64_t token = PostWrite(kWriter, grant, kRange);
  Pump();
  ASSERT_GT(network().open_loans(), 0U);
  at(kAcceptor).GrantTo(kRival, MakeGrant(2, kRival));
  EXPECT_EQ(AwaitOutcome(kWriter, token), Outcome::kFenced);
  EXPECT_EQ(network().open_loans(), 0U) << "P8";
  Granted(3);
  Hold();
  PostWrite(kWriter, MakeGrant(3, kWriter), kRange);
  Pump();
  ASSERT_GT(network().open_loans(), 0U);
  backend_->Kill(kWriter);
  EXPECT_EQ(network().open_loans(), 0U);
  EXPECT_EQ(network().loans_broken(), 0U);
}

// A device that is slower than the acceptor: the ring goes round many times, and no byte changes too early.
TEST_F(LendingTest, TheRingGoesRoundBehindADeviceThatIsSlow) {
  Start({.least_bytes = 64, .flushes = 40});
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  constexpr std::size_t kStep = kCapacity / 4;
  for (std::uint64_t from = 0; from < 6 * kCapacity; from += kStep) {
    at(kAcceptor).Publish(ControlWord::kApplied, from);
    at(kWriter).FillLog(Position(from), Pattern(kStep, from));
    ASSERT_EQ(WriteAndWait(kWriter, grant, MakeRange(from, from + kStep)), Outcome::kDone);
  }
  EXPECT_EQ(at(kAcceptor).LogBytes(MakeRange(5 * kCapacity, 6 * kCapacity)),
            at(kWriter).LogBytes(MakeRange(5 * kCapacity, 6 * kCapacity)));
  EXPECT_GT(network().loans_over(), 200U);
  EXPECT_EQ(network().loans_broken(), 0U);
}

TEST_F(LendingTest, WhatIsShortOrEncryptedOrGoesRoundTheEndIsCopied) {
  Start({}, true);
  Grant grant = Granted();
  Hold();
  EXPECT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  EXPECT_EQ(network().loans_over() + network().open_loans(), 0U) << "encrypted";
  Start({});
  grant = Granted();
  Hold();
  EXPECT_EQ(WriteAndWait(kWriter, grant, MakeRange(256, 256 + 56)), Outcome::kDone);
  at(kAcceptor).Publish(ControlWord::kApplied, 4'096);
  EXPECT_EQ(WriteAndWait(kWriter, grant, MakeRange(kCapacity - 64, kCapacity + 64)), Outcome::kDone);
  EXPECT_EQ(network().loans_over() + network().open_loans(), 0U);
}

// ---- what proves a datagram is the same, whether it is in one piece or in three

std::array<Authenticator, 2> Ends() {
  AuthenticatorOptions one;
  one.send.key[0] = 1;
  one.receive.key[0] = 2;
  AuthenticatorOptions other;
  other.send = one.receive;
  other.receive = one.send;
  return {*Authenticator::Create(one), *Authenticator::Create(other)};
}

TEST(CloseAround, IsOpenedAsIfItHadBeenInOnePiece) {
  std::array<Authenticator, 2> ends = Ends();
  std::array<Seal, 2> macs = {Seal(std::move(ends[0])), Seal(std::move(ends[1]))};
  std::array<Seal, 2> sums;
  for (std::array<Seal, 2>* const seals : {&macs, &sums}) {
    for (const std::size_t lent_bytes : {1U, 15U, 16U, 17U, 1'280U, 8'780U}) {
      const Bytes head = Pattern(96, 1);
      const Bytes lent = Pattern(lent_bytes, 2);
      std::array<std::byte, kTrailerBytes> trailer;
      ASSERT_TRUE((*seals)[0].CloseAround(head, lent, trailer));
      Bytes whole = head;
      whole.insert(whole.end(), lent.begin(), lent.end());
      whole.insert(whole.end(), trailer.begin(), trailer.end());
      Bytes altered = whole;
      altered[head.size() + lent_bytes - 1] ^= std::byte{1};
      EXPECT_EQ((*seals)[1].Open(altered), Drop::kForged) << lent_bytes;
      EXPECT_EQ((*seals)[1].Open(whole), std::nullopt) << lent_bytes;
    }
  }
}

}  // namespace
}  // namespace gaios::transport::udp

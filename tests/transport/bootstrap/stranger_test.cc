// Strangers, by the hundred: garbage, silence, half a handshake, the wrong key, bytes that were recorded. A
// pair that is up keeps exchanging frames meanwhile, and a peer that comes back is let in.

#include "tests/transport/bootstrap/stranger.h"

#include <algorithm>
#include <random>

#include <gmock/gmock.h>

#include "gaios/transport/bootstrap/admission.h"
#include "gaios/transport/bootstrap/socket.h"

#include "tests/transport/bootstrap/fixture.h"

namespace gaios::transport::bootstrap {
namespace {

constexpr std::size_t kHundreds = 300;

class StrangerTest : public BootstrapTest {
 protected:
  void SetUp() override { OpenPair(); }

  // A turn of all ends, in which the good pair goes on with what it does: end 0 counts, end 1 answers.
  void Turn() {
    if (end(0).seen->frames.size() == asked_) {
      const std::string text = "question " + std::to_string(asked_);
      ASSERT_EQ(end(0).bootstrap->Send(ReplicaId(1), Bytes(text)), Sent::kTaken);
      ++asked_;
    }
    PollAll();
    for (; answered_ < end(1).seen->frames.size(); ++answered_) {
      ASSERT_EQ(end(1).bootstrap->Send(ReplicaId(0), Bytes("answer to " + end(1).seen->frames[answered_])),
                Sent::kTaken);
    }
  }
  [[nodiscard]] bool TurnUntil(const std::function<bool()>& done) {
    return PollUntil([&] {
      Turn();
      return done() || HasFatalFailure();
    });
  }
  // What the pair has said to each other is whole, it is still up, and it still talks.
  void ExpectUndisturbed() {
    const std::size_t before = asked_;
    ASSERT_TRUE(TurnUntil([&] { return asked_ >= before + 20; }));
    EXPECT_THAT(end(0).seen->log.front(), "up 1");
    EXPECT_EQ(end(0).seen->Count("up 1"), 1U);
    EXPECT_EQ(end(1).seen->Count("up 0"), 1U);
    EXPECT_EQ(end(0).counters().peers_down + end(1).counters().peers_down, 0U);
    for (std::size_t i = 0; i < end(0).seen->frames.size(); ++i) {
      ASSERT_EQ(end(0).seen->frames[i], "answer to question " + std::to_string(i));
    }
  }
  [[nodiscard]] std::uint64_t Dropped() {
    const BootstrapCounters& counters = end(1).counters();
    return counters.strangers_garbage + counters.strangers_oversized + counters.strangers_slow +
           counters.strangers_crowded + counters.strangers_gone +
           end(1).RefusedByUs(Refusal::kAuthentication) + end(1).RefusedByPeer(Refusal::kAuthentication);
  }
  // So many at a time as the listener surely takes in.
  template <typename Deed>
  void Crowd(std::size_t count, Deed deed) {
    for (std::size_t i = 0; i < count; ++i) {
      strangers_.push_back(std::make_unique<Stranger>(ports_.at(1)));
      deed(*strangers_.back());
      Turn();
    }
  }
  [[nodiscard]] bool AllClosed() {
    return std::ranges::all_of(strangers_, [](const auto& stranger) { return stranger->Closed(); });
  }

  std::size_t asked_ = 0;
  std::size_t answered_ = 0;
  std::vector<std::unique_ptr<Stranger>> strangers_;
};

TEST_F(StrangerTest, GarbageIsDroppedAndCounted) {
  std::mt19937 random(1);
  Crowd(kHundreds, [&](const Stranger& stranger) {
    std::string bytes(1 + (random() % 600), '\0');
    std::ranges::generate(bytes, [&] { return static_cast<char>(random()); });
    // Some begin as a record of TLS does.
    if (random() % 2 == 0) {
      bytes.insert(0, "\x16\x03\x01\x00\x40\x01", 6);
    }
    stranger.Say(bytes);
  });
  Crowd(10, [](const Stranger& stranger) { stranger.Say("GET / HTTP/1.1\r\nHost: x\r\n\r\n"); });
  // Those that wait for the rest of a record are closed in their time.
  ASSERT_TRUE(TurnUntil([this] { return end(1).counters().connections_accepted == kHundreds + 11; }));
  ExpectUndisturbed();
  for (int step = 0; step < 12; ++step) {
    clock_.AdvanceNs(kSecond / 2);
    ExpectUndisturbed();
  }
  ASSERT_TRUE(TurnUntil([this] { return AllClosed(); }));
  EXPECT_EQ(Dropped(), kHundreds + 10);
  EXPECT_GT(end(1).counters().strangers_garbage, kHundreds / 2);
  EXPECT_TRUE(end(1).seen->refusals.empty()) << "nobody is told of garbage";
}

TEST_F(StrangerTest, HalfOpenConnectionsCrowdOutEachOtherAndNobodyElse) {
  Crowd(kHundreds, [](const Stranger&) {});
  ASSERT_TRUE(TurnUntil([this] { return end(1).counters().connections_accepted == kHundreds + 1; }));
  EXPECT_EQ(end(1).counters().strangers_crowded, kHundreds - 32) << "as many as may be pending are kept";
  EXPECT_TRUE(TurnUntil([this] { return strangers_.front()->Closed(); })) << "the oldest goes";
  EXPECT_FALSE(strangers_.back()->Closed()) << "and the newest stays";
  ExpectUndisturbed();
  // A peer that comes back finds its way through the crowd.
  std::unique_ptr<Bootstrap> old = std::move(end(0).bootstrap);
  BootstrapOptions options = OptionsOf(0);
  options.incarnation = Incarnation(2);
  Open(options);
  ASSERT_TRUE(PollUntil([this] { return end(0).Up(1) && end(1).Up(0); }));
  EXPECT_EQ(end(1).seen->log.back(), "up 0");
  // The rest is closed when its time is up.
  clock_.AdvanceNs(5 * kSecond);
  ASSERT_TRUE(PollUntil([this] { return AllClosed(); }));
  EXPECT_EQ(end(1).counters().strangers_slow + end(1).counters().strangers_crowded, kHundreds);
}

TEST_F(StrangerTest, SlowOnesHaveTheirTimeAndNoMore) {
  // A record of TLS, a byte at a time, that never ends.
  Crowd(20, [](const Stranger& stranger) { stranger.Say("\x16\x03\x01\x02"); });
  for (int step = 0; step < 49; ++step) {
    for (const auto& stranger : strangers_) {
      stranger->Say(std::string_view("\x01", 1));
    }
    clock_.AdvanceNs(100 * kMs);
    Turn();
  }
  Settle();
  EXPECT_EQ(end(1).counters().strangers_slow, 0U);
  clock_.AdvanceNs(100 * kMs);
  ASSERT_TRUE(TurnUntil([this] { return AllClosed(); }));
  EXPECT_EQ(end(1).counters().strangers_slow, 20U);
  ExpectUndisturbed();
}

TEST_F(StrangerTest, TheWrongKeyIsCountedEachTimeAndReportedOnceASecond) {
  Credentials wrong;
  wrong.key_file = WriteFile("wrong.key", std::string(32, 'a') + std::string(32, 'b'));
  for (std::size_t i = 0; i < 100; ++i) {
    Puppet puppet(ports_.at(1), wrong);
    ASSERT_TRUE(TurnUntil([&] {
      puppet.Turn();
      return puppet.over();
    }));
    ASSERT_FALSE(puppet.shook_hands());
  }
  EXPECT_EQ(end(1).RefusedByUs(Refusal::kAuthentication), 100U);
  ASSERT_EQ(end(1).seen->refusals.size(), 1U) << "the clock has stood still";
  EXPECT_FALSE(end(1).seen->refusals.front().peer_known);
  ExpectUndisturbed();
  clock_.AdvanceNs(kSecond);
  Puppet puppet(ports_.at(1), wrong);
  ASSERT_TRUE(TurnUntil([&] {
    puppet.Turn();
    return end(1).seen->refusals.size() == 2;
  }));
}

TEST_F(StrangerTest, ARecordedHandshakeIsOfNoUse) {
  // What a dialler with the key has said is recorded by one in the middle, and said again by a stranger.
  absl::StatusOr<base::UniqueFd> middle = Listen(*ParseAddress("127.0.0.1", 0));
  ASSERT_TRUE(middle.ok());
  Puppet puppet(ListeningPort(middle->get()), OptionsOf(0).credentials);
  SocketAddress from;
  base::UniqueFd near = Accept(middle->get(), from);
  ASSERT_TRUE(near.valid());
  base::UniqueFd far = Dial(*ParseAddress("127.0.0.1", ports_.at(1)));
  Hello hello = Admission(OptionsOf(0), 4711).HelloTo(ReplicaId(1), 1);
  hello.incarnation = 2;
  puppet.Say(FrameType::kHello, std::as_bytes(std::span(&hello, 1)));
  std::string recorded;
  const auto pass_on = [](int one, int other) {
    std::string bytes(4096, '\0');
    const ssize_t got = ::recv(one, bytes.data(), bytes.size(), MSG_DONTWAIT);
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    static_cast<void>(::send(other, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
    return bytes;
  };
  ASSERT_TRUE(TurnUntil([&] {
    puppet.Turn();
    recorded += pass_on(near.get(), far.get());
    static_cast<void>(pass_on(far.get(), near.get()));
    return !puppet.heard().empty();
  }));
  ASSERT_EQ(puppet.heard().front(), FrameType::kHello) << "the recorded one was good when it was said first";
  far.Close();
  const std::uint64_t garbage_before = end(1).counters().strangers_garbage;
  Crowd(20, [&](const Stranger& stranger) { stranger.Say(recorded); });
  // Its first message is good by itself. The answer to it is for a secret that the stranger does not have.
  ASSERT_TRUE(TurnUntil([&] { return end(1).counters().strangers_garbage == garbage_before + 20; }));
  ASSERT_TRUE(TurnUntil([this] { return AllClosed(); }));
  EXPECT_TRUE(end(1).seen->refusals.empty());
  ExpectUndisturbed();
}

TEST_F(StrangerTest, OneThatHasTheKeyMayNotSayMoreThanAGreeting) {
  // A hello of the right length is announced and its bytes never come; then ever so many pings of TLS's own.
  Puppet puppet(ports_.at(1), OptionsOf(0).credentials);
  puppet.SayRaw(Bytes(std::string("\x70\x00\x01", 3) + '\0'));
  const std::string more(40'000, 'x');
  puppet.SayRaw(Bytes(more));
  ASSERT_TRUE(TurnUntil([&] {
    puppet.Turn();
    return puppet.over();
  }));
  EXPECT_EQ(end(1).RefusedByUs(Refusal::kMalformed) + end(1).counters().strangers_oversized, 1U);
  ExpectUndisturbed();
}

TEST_F(StrangerTest, ThoseThatLeaveAreCounted) {
  Crowd(100, [](Stranger& stranger) {
    stranger.Say("\x16\x03");
    stranger.Leave();
  });
  ASSERT_TRUE(TurnUntil([this] { return end(1).counters().strangers_gone >= 68; }));
  EXPECT_EQ(Dropped(), 100U);
  ExpectUndisturbed();
}

TEST_F(StrangerTest, AMixedCrowdDoesNotKeepAPeerFromComingBackAgainAndAgain) {
  std::mt19937 random(7);
  for (std::uint32_t life = 2; life < 8; ++life) {
    Crowd(40, [&](const Stranger& stranger) {
      if (random() % 3 != 0) {
        stranger.Say(std::string(random() % 100, static_cast<char>(random())));
      }
    });
    ends_.at(0).bootstrap.reset();
    BootstrapOptions options = OptionsOf(0);
    options.incarnation = Incarnation(life);
    *end(0).seen = Recorder();
    *end(1).seen = Recorder();
    asked_ = 0;
    answered_ = 0;
    Open(options);
    ASSERT_TRUE(PollUntil([this] { return end(0).Up(1) && end(1).seen->Count("up 0") == 1; }));
    ASSERT_TRUE(TurnUntil([this] { return asked_ >= 20; }));
  }
}

}  // namespace
}  // namespace gaios::transport::bootstrap

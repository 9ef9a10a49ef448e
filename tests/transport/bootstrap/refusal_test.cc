// Ends that do not belong together are refused, and both say why.

#include <sys/socket.h>

#include <cstring>

#include <gmock/gmock.h>

#include "gaios/transport/bootstrap/admission.h"
#include "gaios/transport/bootstrap/socket.h"
#include "gaios/transport/bootstrap/wire.h"

#include "tests/transport/bootstrap/fixture.h"
#include "tests/transport/bootstrap/stranger.h"

namespace gaios::transport::bootstrap {
namespace {

using testing::HasSubstr;

constexpr const char* kOtherKey = "ffeeddccbbaa99887766554433221100fedcba9876543210fedcba9876543210";

class RefusalTest : public BootstrapTest {
 protected:
  // Opens `listener` and `dialler`, of which the former refuses the latter, and expects that both tell so
  // with `refusal` and a reason with `word` in it, once for each time that was dialled.
  void ExpectRefusedByListener(BootstrapOptions listener, BootstrapOptions dialler, Refusal refusal,
                               std::string_view word) {
    const std::uint8_t low = dialler.self.value();
    const std::uint8_t high = listener.self.value();
    Open(std::move(listener));
    for (PeerAddress& peer : dialler.peers) {
      peer.port = ports_.at(peer.id.value());
    }
    Open(std::move(dialler));
    ASSERT_TRUE(
        PollUntil([&] { return !end(low).seen->refusals.empty() && !end(high).seen->refusals.empty(); }));
    ExpectReport(end(high).seen->refusals.front(), refusal, /*by_us=*/true, word);
    ExpectReport(end(low).seen->refusals.front(), refusal, /*by_us=*/false, word);
    EXPECT_TRUE(end(low).seen->refusals.front().peer_known) << "the one that was dialled";
    EXPECT_EQ(end(low).seen->refusals.front().peer, ReplicaId(high));
    EXPECT_EQ(end(low).seen->refusals.front().address, "127.0.0.1:" + std::to_string(ports_.at(high)));
    EXPECT_EQ(end(high).RefusedByUs(refusal), 1U);
    EXPECT_EQ(end(low).RefusedByPeer(refusal), 1U);
    Settle();
    EXPECT_EQ(end(low).RefusedByPeer(refusal), 1U) << "not dialled again before a long pause";
    EXPECT_TRUE(end(low).seen->log.empty());
    EXPECT_TRUE(end(high).seen->log.empty());
    // It is tried again, as its operator may have put it right at the other end.
    clock_.AdvanceNs(2 * kSecond);
    ASSERT_TRUE(PollUntil([&] { return end(low).RefusedByPeer(refusal) == 2; }));
  }

  static void ExpectReport(const SeenRefusal& seen, Refusal refusal, bool by_us, std::string_view word) {
    EXPECT_EQ(seen.refusal, refusal) << RefusalName(seen.refusal) << ": " << seen.reason;
    EXPECT_EQ(seen.by_us, by_us);
    EXPECT_THAT(seen.reason, HasSubstr(std::string(word)));
  }

  // A hello that end 1 of the pair would admit from replica 0.
  [[nodiscard]] Hello GoodHello(std::uint64_t instance = 4711, std::uint64_t attempt = 1) const {
    return Admission(OptionsOf(0), instance).HelloTo(ReplicaId(1), attempt);
  }
  [[nodiscard]] bool TurnUntil(Puppet& puppet, const std::function<bool()>& done) {
    return PollUntil([&] {
      puppet.Turn();
      return done();
    });
  }
  static Refusal RefusalOf(const Puppet& puppet) {
    const std::optional<RefuseFrame>& refuse = puppet.refuse();
    return refuse.has_value() ? refuse->refusal : Refusal::kNone;
  }
  // Says `hello` to end 1, and returns what it answered.
  RefuseFrame Refused(const Hello& hello) {
    Puppet puppet(ports_.at(1), OptionsOf(0).credentials);
    puppet.Say(FrameType::kHello, std::as_bytes(std::span(&hello, 1)));
    EXPECT_TRUE(TurnUntil(puppet, [&] { return puppet.over(); }));
    EXPECT_TRUE(puppet.refuse().has_value());
    return puppet.refuse().value_or(RefuseFrame{});
  }
};

TEST_F(RefusalTest, AnotherKey) {
  BootstrapOptions other = OptionsOf(0);
  other.credentials.key_file = WriteFile("other.key", kOtherKey);
  ExpectRefusedByListener(OptionsOf(1), other, Refusal::kAuthentication, "do not hold the same cluster key");
}

TEST_F(RefusalTest, AnotherClusterName) {
  BootstrapOptions other = OptionsOf(0);
  other.cluster = "lagoon";
  ExpectRefusedByListener(OptionsOf(1), other, Refusal::kCluster,
                          R"(replica 0 and replica 1 are of clusters "lagoon" and "harbour")");
}

TEST_F(RefusalTest, AClusterNameThatOnlyBeginsTheSame) {
  BootstrapOptions other = OptionsOf(0);
  other.cluster = "harbours";
  ExpectRefusedByListener(OptionsOf(1), other, Refusal::kCluster, "harbours");
}

TEST_F(RefusalTest, AnotherGroup) {
  BootstrapOptions other = OptionsOf(0);
  other.group = paxos::GroupId(78);
  ExpectRefusedByListener(OptionsOf(1), other, Refusal::kGroup, "the group of the test");
}

TEST_F(RefusalTest, AnotherCapacity) {
  BootstrapOptions other = OptionsOf(0);
  other.capacity_bytes = 1 << 21;
  ExpectRefusedByListener(OptionsOf(1), other, Refusal::kCapacity, "rings of 2097152 and 1048576 bytes");
}

TEST_F(RefusalTest, AnotherNumberOfReplicas) {
  ExpectRefusedByListener(OptionsOf(1, 2), OptionsOf(0, 3), Refusal::kReplicas, "3 and 2 replicas");
}

TEST_F(RefusalTest, AnAddressThatLeadsToAnotherReplica) {
  Open(OptionsOf(2, 3));
  ports_.at(1) = ports_.at(2);
  Open(OptionsOf(0, 3));
  ASSERT_TRUE(PollUntil([this] { return end(0).Up(2) && !end(0).seen->refusals.empty(); }));
  const char* const reason = "the address of replica 1 leads to replica 2";
  ExpectReport(end(0).seen->refusals.front(), Refusal::kWrongPeer, /*by_us=*/false, reason);
  ExpectReport(end(2).seen->refusals.front(), Refusal::kWrongPeer, /*by_us=*/true, reason);
  EXPECT_THAT(end(0).seen->log, testing::ElementsAre("up 2")) << "the right address is not disturbed";
}

TEST_F(RefusalTest, AnotherVersion) {
  Open(OptionsOf(1));
  Hello hello = GoodHello();
  hello.version = kVersion + 1;
  const RefuseFrame refuse = Refused(hello);
  EXPECT_EQ(refuse.refusal, Refusal::kVersion);
  EXPECT_THAT(refuse.reason, HasSubstr("version 1, the other version 2"));
  ExpectReport(end(1).seen->refusals.at(0), Refusal::kVersion, true, "version 2");
  EXPECT_EQ(end(1).RefusedByUs(Refusal::kVersion), 1U);
}

TEST_F(RefusalTest, AHelloOfAVersionThatIsShorterOrLonger) {
  Open(OptionsOf(1));
  for (const std::size_t size : {std::size_t{8}, std::size_t{200}}) {
    std::string payload(size, '\7');
    Hello hello = GoodHello();
    hello.version = 9;
    std::memcpy(payload.data(), &hello, 6);
    Puppet puppet(ports_.at(1), OptionsOf(0).credentials);
    puppet.Say(FrameType::kHello, Bytes(payload));
    ASSERT_TRUE(TurnUntil(puppet, [&] { return puppet.over(); }));
    EXPECT_EQ(RefusalOf(puppet), Refusal::kVersion);
  }
}

TEST_F(RefusalTest, WhoeverSaysThatItIsTheReplicaItTalksTo) {
  Open(OptionsOf(1));
  Hello hello = GoodHello();
  hello.from = 1;
  EXPECT_EQ(Refused(hello).refusal, Refusal::kOwnId);
  EXPECT_EQ(end(1).RefusedByUs(Refusal::kOwnId), 1U);
}

TEST_F(RefusalTest, AReplicaThatTheConfigDoesNotHave) {
  Open(OptionsOf(1));
  for (const int id : {2, 7, 8, 255}) {
    Hello hello = GoodHello();
    hello.from = static_cast<std::uint8_t>(id);
    EXPECT_EQ(Refused(hello).refusal, Refusal::kUnknownId);
  }
  EXPECT_EQ(end(1).RefusedByUs(Refusal::kUnknownId), 4U);
  EXPECT_FALSE(end(1).seen->refusals.front().peer_known);
}

TEST_F(RefusalTest, AHigherIdThatDials) {
  Open(OptionsOf(1, 3));
  const Hello hello = Admission(OptionsOf(2, 3), 4711).HelloTo(ReplicaId(1), 1);
  EXPECT_EQ(Refused(hello).refusal, Refusal::kDirection);
  EXPECT_EQ(end(1).RefusedByUs(Refusal::kDirection), 1U);
}

TEST_F(RefusalTest, AnEarlierLifeOrATwinDoesNotDisturbTheOneThatIsUp) {
  Open(OptionsOf(1));
  BootstrapOptions options = OptionsOf(0);
  options.incarnation = Incarnation(3);
  Open(options);
  ASSERT_TRUE(PollUntil([this] { return end(0).Up(1) && end(1).Up(0); }));
  Hello earlier = GoodHello();
  earlier.incarnation = 2;
  const RefuseFrame old = Refused(earlier);
  EXPECT_EQ(old.refusal, Refusal::kIncarnation);
  EXPECT_THAT(old.reason, HasSubstr("incarnation 2, replica 1 has seen incarnation 3"));
  Hello twin = GoodHello();
  twin.incarnation = 3;
  EXPECT_EQ(Refused(twin).refusal, Refusal::kTwin);
  Hello stale = GoodHello(end(1).seen->hellos.at(0).instance, 1);
  stale.incarnation = 3;
  EXPECT_EQ(Refused(stale).refusal, Refusal::kStale);
  EXPECT_THAT(end(0).seen->log, testing::ElementsAre("up 1"));
  EXPECT_THAT(end(1).seen->log, testing::ElementsAre("up 0"));
}

TEST_F(RefusalTest, AnAttemptThatWasOvertakenIsNotAdmitted) {
  Open(OptionsOf(1));
  const Hello first = GoodHello(4711, 1);
  const Hello second = GoodHello(4711, 2);
  Puppet early(ports_.at(1), OptionsOf(0).credentials);
  early.Say(FrameType::kHello, std::as_bytes(std::span(&first, 1)));
  ASSERT_TRUE(TurnUntil(early, [&] { return !early.heard().empty(); }));
  EXPECT_EQ(early.heard().front(), FrameType::kHello);
  Puppet late(ports_.at(1), OptionsOf(0).credentials);
  late.Say(FrameType::kHello, std::as_bytes(std::span(&second, 1)));
  late.Say(FrameType::kAdmit, {});
  ASSERT_TRUE(TurnUntil(late, [&] { return end(1).Up(0); }));
  early.Say(FrameType::kAdmit, {});
  ASSERT_TRUE(TurnUntil(early, [&] { return early.over(); }));
  EXPECT_EQ(RefusalOf(early), Refusal::kStale);
  EXPECT_TRUE(end(1).Up(0));
  EXPECT_THAT(end(1).seen->log, testing::ElementsAre("up 0"));
}

TEST_F(RefusalTest, TheDiallerRefusesAListenerOfAnEarlierLife) {
  BootstrapOptions options = OptionsOf(1);
  options.incarnation = Incarnation(2);
  Open(options);
  Open(OptionsOf(0));
  ASSERT_TRUE(PollUntil([this] { return end(0).Up(1) && end(1).Up(0); }));
  Close(1);
  *end(1).seen = Recorder();
  options.incarnation = Incarnation(1);
  options.listen_port = ports_.at(1);
  Open(options);
  ASSERT_TRUE(PollUntilAdvancing(
      kMs, [this] { return !end(0).seen->refusals.empty() && !end(1).seen->refusals.empty(); }));
  ExpectReport(end(0).seen->refusals.front(), Refusal::kIncarnation, /*by_us=*/true, "incarnation 1");
  ExpectReport(end(1).seen->refusals.front(), Refusal::kIncarnation, /*by_us=*/false, "incarnation 1");
  EXPECT_TRUE(end(1).seen->log.empty());
}

TEST_F(RefusalTest, FramesThatAreMalformedOrOutOfTurn) {
  Open(OptionsOf(1));
  const Hello hello = GoodHello();
  const std::span<const std::byte> hello_bytes = std::as_bytes(std::span(&hello, 1));
  const auto expect_malformed = [&](const std::function<void(Puppet&)>& say) {
    Puppet puppet(ports_.at(1), OptionsOf(0).credentials);
    say(puppet);
    EXPECT_TRUE(TurnUntil(puppet, [&] { return puppet.over(); }));
    EXPECT_EQ(RefusalOf(puppet), Refusal::kMalformed);
  };
  expect_malformed([&](Puppet& puppet) { puppet.Say(FrameType::kAdmit, {}); });
  expect_malformed([&](Puppet& puppet) { puppet.Say(FrameType::kData, Bytes("too early")); });
  expect_malformed([&](Puppet& puppet) { puppet.Say(FrameType::kHello, hello_bytes.first(40)); });
  expect_malformed([&](Puppet& puppet) { puppet.SayRaw(Bytes(std::string(300, '\xff'))); });
  expect_malformed([&](Puppet& puppet) { puppet.SayRaw(Bytes(std::string(4, '\0'))); });
  expect_malformed([&](Puppet& puppet) {
    puppet.Say(FrameType::kHello, hello_bytes);
    puppet.Say(FrameType::kHello, hello_bytes);
  });
  EXPECT_EQ(end(1).RefusedByUs(Refusal::kMalformed), 6U);
  EXPECT_TRUE(end(1).seen->log.empty());
}

TEST_F(RefusalTest, AMalformedFrameEndsAConnectionThatIsUp) {
  Open(OptionsOf(1));
  const Hello hello = GoodHello();
  Puppet puppet(ports_.at(1), OptionsOf(0).credentials);
  puppet.Say(FrameType::kHello, std::as_bytes(std::span(&hello, 1)));
  puppet.Say(FrameType::kAdmit, {});
  puppet.Say(FrameType::kData, Bytes("good"));
  ASSERT_TRUE(TurnUntil(puppet, [&] { return !end(1).seen->frames.empty(); }));
  puppet.SayRaw(Bytes(std::string(8, '\xff')));
  ASSERT_TRUE(TurnUntil(puppet, [&] { return !end(1).Up(0); }));
  EXPECT_THAT(end(1).seen->log, testing::ElementsAre("up 0", "frame 0", "down 0 malformed"));
  EXPECT_EQ(end(1).counters().frames_malformed, 1U);
}

TEST_F(RefusalTest, AnAddressWhereSomethingElseListens) {
  // It greets with a line, as mail servers do.
  const std::optional<SocketAddress> loopback = ParseAddress("127.0.0.1", 0);
  if (!loopback.has_value()) {
    FAIL() << "127.0.0.1 is an address";
  }
  absl::StatusOr<base::UniqueFd> listener = Listen(*loopback);
  ASSERT_TRUE(listener.ok());
  ports_.at(1) = ListeningPort(listener->get());
  Open(OptionsOf(0));
  base::UniqueFd other;
  ASSERT_TRUE(PollUntil([&] {
    SocketAddress from;
    if (!other.valid()) {
      other = Accept(listener->get(), from);
      if (other.valid()) {
        EXPECT_GT(::send(other.get(), "220 ready\r\n", 11, MSG_NOSIGNAL), 0);
      }
    }
    return !end(0).seen->refusals.empty();
  }));
  ExpectReport(end(0).seen->refusals.front(), Refusal::kMalformed, true, "does not speak TLS 1.3");
}

TEST_F(RefusalTest, AReasonFromAPeerIsPrintableWhateverItSends) {
  Open(OptionsOf(1));
  Puppet puppet(ports_.at(1), OptionsOf(0).credentials);
  const RefuseHeader header = {.refusal = 200, .reason_bytes = 5};
  std::string payload(reinterpret_cast<const char*>(&header), sizeof(header));
  payload += "\x1b[2J\n";
  puppet.Say(FrameType::kRefuse, Bytes(payload));
  ASSERT_TRUE(TurnUntil(puppet, [&] { return puppet.over(); }));
  ASSERT_FALSE(end(1).seen->refusals.empty());
  EXPECT_EQ(end(1).seen->refusals.front().reason, "?[2J?");
  EXPECT_EQ(end(1).RefusedByPeer(Refusal::kMalformed), 1U) << "a code that is not known";
}

}  // namespace
}  // namespace gaios::transport::bootstrap

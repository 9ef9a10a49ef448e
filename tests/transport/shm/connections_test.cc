// Peers that do not fit, packets that are not ours, and both told apart from a peer that is merely gone.

#include <array>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gaios/transport/shm/socket.h"

#include "tests/transport/shm/fixture.h"

namespace gaios::transport::shm {
namespace {

using conformance::Event;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ConnectionsTest : public ShmTest {
 protected:
  [[nodiscard]] base::UniqueFd ConnectToSelf() const {
    return Connect(SocketPath(backend_.directory(), ReplicaId(0)));
  }

  static Hello GoodHello() {
    Hello hello;
    hello.replica = 1;
    hello.incarnation = 1;
    hello.replicas = 3;
    hello.group_id = 77;
    hello.capacity = 4096;
    return hello;
  }

  // Speaks `hello` to replica 0, which is us, and returns what it is refused with.
  Refusal RefusalOf(const Hello& hello) {
    const base::UniqueFd peer = ConnectToSelf();
    EXPECT_EQ(SendPacket(peer.get(), Packet(PacketType::kHello, hello)), SendResult::kSent);
    std::array<std::byte, kMaxPacketBytes> buffer;
    Received received;
    EXPECT_TRUE(PollUntil([&] {
      received = ReceivePacket(peer.get(), buffer);
      return received.kind != Received::Kind::kNothing;
    }));
    const std::span<const std::byte> packet(buffer.data(), received.size);
    EXPECT_EQ(DecodeType(packet), PacketType::kRefuse);
    const std::optional<Refuse> refuse = DecodeBody<Refuse>(packet);
    EXPECT_TRUE(refuse.has_value());
    return refuse.has_value() ? refuse->cause : Refusal{};
  }

  // A link whose other end is a socket of the test: the whole handshake by hand, as replica 1 or another.
  base::UniqueFd LinkByHand(std::uint32_t replica = 1) {
    const std::size_t links = CountOf(Event::Kind::kLinkUp);
    base::UniqueFd peer = ConnectToSelf();
    Hello hello = GoodHello();
    hello.replica = replica;
    EXPECT_EQ(SendPacket(peer.get(), Packet(PacketType::kHello, hello)), SendResult::kSent);
    const absl::StatusOr<Region> control = Region::Create("control", kControlRegionBytes);
    const absl::StatusOr<Region> doorbell = Region::Create("doorbell", kDoorbellBytes);
    const std::array<int, 2> fds = {control->fd(), doorbell->fd()};
    EXPECT_EQ(SendPacket(peer.get(),
                         Packet(PacketType::kRegions, Regions{.control_bytes = sizeof(ControlRegion)}), fds),
              SendResult::kSent);
    EXPECT_TRUE(PollUntil([&] { return CountOf(Event::Kind::kLinkUp) == links + 1; }));
    return peer;
  }
};

TEST_F(ConnectionsTest, EachMismatchIsRefusedWithItsCause) {
  OpenSelf(OptionsOf(ReplicaId(0)));
  const auto spoiled = [](auto member, auto value) {
    Hello hello = GoodHello();
    hello.*member = value;
    return hello;
  };
  EXPECT_EQ(RefusalOf(spoiled(&Hello::version, kWireVersion + 1)), Refusal::kVersion);
  EXPECT_EQ(RefusalOf(spoiled(&Hello::group_id, std::uint64_t{78})), Refusal::kGroup);
  EXPECT_EQ(RefusalOf(spoiled(&Hello::capacity, std::uint64_t{8192})), Refusal::kCapacity);
  EXPECT_EQ(RefusalOf(spoiled(&Hello::replicas, std::uint32_t{5})), Refusal::kReplicas);
  EXPECT_EQ(RefusalOf(spoiled(&Hello::replica, std::uint32_t{0})), Refusal::kIdentity);
  EXPECT_EQ(RefusalOf(spoiled(&Hello::replica, std::uint32_t{3})), Refusal::kIdentity);
  EXPECT_EQ(RefusalOf(spoiled(&Hello::replica, std::uint32_t{4'000'000'000})), Refusal::kIdentity);
  EXPECT_EQ(RefusalOf(spoiled(&Hello::incarnation, std::uint32_t{0})), Refusal::kIncarnation);
  EXPECT_EQ(self_->counters().connections_refused, 8U);
  EXPECT_EQ(CountOf(Event::Kind::kLinkUp), 0U);
}

TEST_F(ConnectionsTest, AnotherVersionIsToldApartHoweverItsHelloIsLaidOut) {
  OpenSelf(OptionsOf(ReplicaId(0)));
  struct LaterHello {
    std::uint32_t version = kWireVersion + 1;
    std::array<std::uint32_t, 20> more = {};
  };
  const base::UniqueFd peer = ConnectToSelf();
  ASSERT_EQ(SendPacket(peer.get(), Packet(PacketType::kHello, LaterHello())), SendResult::kSent);
  EXPECT_TRUE(PollUntil([&] { return self_->counters().connections_refused == 1; }));
  EXPECT_EQ(self_->counters().packets_malformed, 0U);
  EXPECT_THAT(self_->TakeNotices(), ElementsAre(HasSubstr("run the same release everywhere")));
}

TEST_F(ConnectionsTest, ASecondReplicaOfOneIdIsRefusedWhileTheFirstLives) {
  OpenSelf(OptionsOf(ReplicaId(0)));
  backend_.Start({.id = ReplicaId(1)});
  ASSERT_TRUE(PollUntil([&] { return LinkedTo(ReplicaId(1), Incarnation(1)); }, {ReplicaId(1)}));
  EXPECT_EQ(RefusalOf(GoodHello()), Refusal::kDuplicate);
  EXPECT_EQ(CountOf(Event::Kind::kLinkDown), 0U);
}

TEST_F(ConnectionsTest, AnIncarnationOlderThanOneSeenIsRefused) {
  OpenSelf(OptionsOf(ReplicaId(0)));
  backend_.Start({.id = ReplicaId(1), .incarnation = Incarnation(5)});
  ASSERT_TRUE(PollUntil([&] { return LinkedTo(ReplicaId(1), Incarnation(5)); }, {ReplicaId(1)}));
  backend_.Kill(ReplicaId(1));
  ASSERT_TRUE(PollUntil([&] { return CountOf(Event::Kind::kLinkDown) == 1; }));
  EXPECT_EQ(RefusalOf(GoodHello()), Refusal::kIncarnation);
}

TEST_F(ConnectionsTest, BothEndsTellTheirUserOnceWhyTheyDoNotTalk) {
  OpenSelf(OptionsOf(ReplicaId(0)));
  conformance::Endpoint& other = backend_.Start({.id = ReplicaId(1), .capacity = 8192});
  // Longer than the refused peer waits before it tries again, in its own time; ours is advanced at will.
  ASSERT_TRUE(PollUntil([&] {
    (void)other.Poll();
    return self_->counters().connections_refused >= 2;
  }));
  EXPECT_THAT(self_->TakeNotices(), ElementsAre(HasSubstr("8192")));
  EXPECT_THAT(self_->TakeNotices(), IsEmpty());
  (void)other.Poll();
  EXPECT_THAT(backend_.process(ReplicaId(1)).Ask("notices"),
              HasSubstr("replica 0 has a log capacity of 4096"));
  EXPECT_EQ(backend_.process(ReplicaId(1)).Ask("notices"), "");
}

TEST_F(ConnectionsTest, TheConnectingEndRefusesToo) {
  // Here we are the higher id: it is us who connect, and what answers does not fit.
  OpenSelf(OptionsOf(ReplicaId(1)));
  const absl::StatusOr<base::UniqueFd> listener = Listen(SocketPath(backend_.directory(), ReplicaId(0)));
  ASSERT_TRUE(listener.ok());
  base::UniqueFd accepted;
  ASSERT_TRUE(PollUntil([&] {
    accepted = Accept(listener->get());
    return accepted.valid();
  }));
  Hello hello = GoodHello();
  hello.replica = 2;
  ASSERT_EQ(SendPacket(accepted.get(), Packet(PacketType::kHello, hello)), SendResult::kSent);
  ASSERT_TRUE(PollUntil([&] { return self_->counters().connections_refused == 1; }));
  EXPECT_THAT(self_->TakeNotices(), ElementsAre(HasSubstr("calls itself replica 2")));
}

TEST_F(ConnectionsTest, GarbageInsteadOfAHelloIsCountedAndClosed) {
  OpenSelf(OptionsOf(ReplicaId(0)));
  const Packet hello(PacketType::kHello, GoodHello());
  std::vector<std::vector<std::byte>> packets = {
      std::vector<std::byte>(1, std::byte{7}),           // shorter than a header
      std::vector<std::byte>(40, std::byte{0xee}),       // no magic
      std::vector<std::byte>(4096, std::byte{0}),        // longer than any packet
      {hello.bytes().begin(), hello.bytes().end() - 1},  // cut short
      {hello.bytes().begin(), hello.bytes().end()},      // see below: too long by one
      {hello.bytes().begin(), hello.bytes().end()},      // see below: unknown type
  };
  packets[4].push_back(std::byte{0});
  packets[5][4] = std::byte{99};
  std::uint64_t malformed = 0;
  for (const std::vector<std::byte>& packet : packets) {
    const base::UniqueFd peer = ConnectToSelf();
    ASSERT_EQ(::write(peer.get(), packet.data(), packet.size()), static_cast<ssize_t>(packet.size()));
    ++malformed;
    ASSERT_TRUE(PollUntil([&] { return self_->counters().packets_malformed == malformed; }));
    std::array<std::byte, kMaxPacketBytes> buffer;
    EXPECT_EQ(ReceivePacket(peer.get(), buffer).kind, Received::Kind::kClosed);
  }
  // And a good peer is served after all that.
  (void)LinkByHand();
}

TEST_F(ConnectionsTest, ASilentConnectionIsClosedInTheEnd) {
  OpenSelf(OptionsOf(ReplicaId(0)));
  const base::UniqueFd peer = ConnectToSelf();
  std::array<std::byte, kMaxPacketBytes> buffer;
  EXPECT_TRUE(PollUntil([&] { return ReceivePacket(peer.get(), buffer).kind == Received::Kind::kClosed; }));
}

TEST_F(ConnectionsTest, MalformedPacketsOnALinkEndIt) {
  OpenSelf(OptionsOf(ReplicaId(0)));
  const absl::StatusOr<Region> unsealed_size = Region::Create("wrong", 4 * kPageBytes);
  const int wrong = unsealed_size->fd();
  const std::vector<std::function<void(int)>> offences = {
      [](int peer) { SendPacket(peer, Packet(PacketType::kHello, GoodHello())); },  // out of order
      [](int peer) {
        SendPacket(peer, Packet(PacketType::kSpare, Spare{.region_id = 1}));
      },               // nothing passed
      [=](int peer) {  // wrong size
        SendPacket(peer, Packet(PacketType::kSpare, Spare{.region_id = 1}), std::span<const int>(&wrong, 1));
      },
      [](int peer) {
        SendPacket(peer, Packet(PacketType::kGrant, Granted{.region_id = 9}));
      },              // unknown memory
      [](int peer) {  // cause out of range
        SendPacket(peer, Packet(PacketType::kRefuse, MakeRefuse(Refusal{77}, "no")));
      },
      [](int peer) { (void)!::write(peer, "garbage!garbage!", 16); },
  };
  std::uint64_t malformed = 0;
  for (const std::function<void(int)>& offence : offences) {
    events_.clear();
    const base::UniqueFd peer = LinkByHand();
    offence(peer.get());
    ++malformed;
    ASSERT_TRUE(PollUntil([&] { return CountOf(Event::Kind::kLinkDown) == 1; }));
    EXPECT_EQ(self_->counters().packets_malformed, malformed);
  }
}

TEST_F(ConnectionsTest, ARefusalIsShownWithPrintableCharactersOnly) {
  OpenSelf(OptionsOf(ReplicaId(0)));
  const base::UniqueFd peer = LinkByHand();
  Refuse refuse = MakeRefuse(Refusal::kGroup, "bad\n\x1b[31m");
  refuse.text_bytes = 4'000'000;
  ASSERT_EQ(SendPacket(peer.get(), Packet(PacketType::kRefuse, refuse)), SendResult::kSent);
  ASSERT_TRUE(PollUntil([&] { return self_->counters().refusals_received == 1; }));
  const std::vector<std::string> notices = self_->TakeNotices();
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_THAT(notices[0], HasSubstr("bad??[31m"));
}

TEST_F(ConnectionsTest, MessagesThatDoNotFitIntoTheSocketAreDroppedAndCounted) {
  OpenSelf(OptionsOf(ReplicaId(0)));
  const std::array<std::byte, 64> message = {};
  self_->Send(ReplicaId(1), message);
  EXPECT_EQ(self_->counters().messages_dropped, 1U);
  const base::UniqueFd peer = LinkByHand();
  while (self_->counters().messages_dropped < 10) {
    self_->Send(ReplicaId(1), message);
  }
  EXPECT_GT(self_->counters().messages_sent, 0U);
  // The link is none the worse for it.
  PollSelf();
  EXPECT_EQ(CountOf(Event::Kind::kLinkDown), 0U);
}

TEST_F(ConnectionsTest, ARingOfTheDoorbellBringsAMessageWhileTimeStandsStill) {
  OpenSelf(OptionsOf(ReplicaId(0)));
  conformance::Endpoint& other = backend_.Start({.id = ReplicaId(1)});
  bool other_linked = false;
  ASSERT_TRUE(PollUntil([&] {
    for (const Event& event : other.Poll()) {
      other_linked = other_linked || event.kind == Event::Kind::kLinkUp;
    }
    return other_linked && CountOf(Event::Kind::kLinkUp) == 1;
  }));
  other.Send(ReplicaId(0), conformance::Bytes(10, std::byte{1}));
  PollSelfAtOnce();
  EXPECT_EQ(CountOf(Event::Kind::kMessage), 1U);
}

// Who asks whether the leader is gone is told of what can be seen by then.
TEST_F(ConnectionsTest, ALinkThatHasEndedIsToldOfBeforeWhatOthersSay) {
  OpenSelf(OptionsOf(ReplicaId(0)));
  const base::UniqueFd peer = LinkByHand();
  base::UniqueFd leader = LinkByHand(2);
  leader.Close();
  ASSERT_EQ(SendPacket(peer.get(), Packet::Message(std::array<std::byte, 8>{})), SendResult::kSent);
  events_.clear();
  PollSelf();
  ASSERT_EQ(events_.size(), 2U);
  EXPECT_EQ(events_[0].kind, Event::Kind::kLinkDown);
  EXPECT_EQ(events_[1].kind, Event::Kind::kMessage);
}

TEST_F(ConnectionsTest, LooksThatWerePostedBeforeAGrantAreAnsweredBeforeIt) {
  OpenSelf(OptionsOf(ReplicaId(0)));
  const base::UniqueFd peer = LinkByHand();
  events_.clear();
  ASSERT_EQ(self_->ReadControl(ReplicaId(1)), Post::kPosted);
  self_->GrantTo(ReplicaId(0), {.ballot = paxos::Ballot(1, ReplicaId(0), Incarnation(1)), .number = 1});
  PollSelfAtOnce();
  ASSERT_EQ(events_.size(), 2U);
  EXPECT_EQ(events_[0].kind, Event::Kind::kControl);
  EXPECT_EQ(events_[1].kind, Event::Kind::kGranted);
}

}  // namespace
}  // namespace gaios::transport::shm

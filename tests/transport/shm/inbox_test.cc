// Packets through memory: the page by itself, one order with the packets of the socket, and peers that keep
// no rule.

#include "gaios/transport/shm/inbox.h"

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gaios/transport/shm/socket.h"

#include "tests/transport/shm/fixture.h"

namespace gaios::transport::shm {
namespace {

using conformance::Event;
using testing::ElementsAre;
using testing::IsEmpty;

std::span<const std::byte> BytesOf(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// ---- the page by itself

class InboxTest : public testing::Test {
 protected:
  [[nodiscard]] std::string Take() {
    Framed framed;
    if (reader_.Next(framed) != InboxReader::Look::kFrame) {
      return "";
    }
    reader_.Take();
    return TextOf(std::span(framed.packet).first(framed.bytes));
  }
  [[nodiscard]] InboxReader::Look Look() const {
    Framed framed;
    return reader_.Next(framed);
  }

  std::unique_ptr<InboxPage> page_ = std::make_unique<InboxPage>();
  InboxWriter writer_{page_.get()};
  InboxReader reader_{page_.get()};
};

TEST_F(InboxTest, FramesComeOutInOrderLapAfterLap) {
  std::size_t put = 0;
  std::size_t taken = 0;
  while (taken < 5 * kInboxFrames) {
    for (int i = 0; i < 3; ++i) {
      put += writer_.Put(BytesOf(std::to_string(put)), 0) ? 1 : 0;
    }
    for (int i = 0; i < 2; ++i) {
      ASSERT_EQ(Take(), std::to_string(taken));
      ++taken;
    }
  }
  while (taken < put) {
    ASSERT_EQ(Take(), std::to_string(taken));
    ++taken;
  }
  EXPECT_EQ(Look(), InboxReader::Look::kNothing);
}

TEST_F(InboxTest, AFullPageTakesNothingUntilAFrameIsTaken) {
  for (std::size_t i = 0; i < kInboxFrames; ++i) {
    ASSERT_TRUE(writer_.Put(BytesOf("a"), 0));
  }
  EXPECT_FALSE(writer_.Put(BytesOf("b"), 0));
  EXPECT_EQ(Take(), "a");
  EXPECT_TRUE(writer_.Put(BytesOf("b"), 0));
  EXPECT_FALSE(writer_.Put(BytesOf("c"), 0));
}

TEST_F(InboxTest, ALongPacketIsNotTaken) {
  EXPECT_FALSE(writer_.Put(BytesOf(std::string(kMaxFramedBytes + 1, 'x')), 0));
  EXPECT_TRUE(writer_.Put(BytesOf(std::string(kMaxFramedBytes, 'x')), 0));
}

TEST_F(InboxTest, WithoutAPageNothingIsTakenOrFound) {
  EXPECT_FALSE(InboxWriter().Put(BytesOf("a"), 0));
  Framed framed;
  EXPECT_EQ(InboxReader().Next(framed), InboxReader::Look::kNothing);
}

TEST_F(InboxTest, WhatNoWriterLeavesIsMalformed) {
  page_->frames[0].sequence.store(2);
  EXPECT_EQ(Look(), InboxReader::Look::kMalformed);
  page_->frames[0].sequence.store(~std::uint64_t{0});
  EXPECT_EQ(Look(), InboxReader::Look::kMalformed);
  page_->frames[0].framed.bytes = kMaxFramedBytes + 1;
  page_->frames[0].sequence.store(1);
  EXPECT_EQ(Look(), InboxReader::Look::kMalformed);
  page_->frames[0].framed.bytes = kMaxFramedBytes;
  EXPECT_EQ(Look(), InboxReader::Look::kFrame);
}

TEST_F(InboxTest, AWordThatCannotBeTrueMakesNoRoom) {
  for (std::size_t i = 0; i < kInboxFrames; ++i) {
    ASSERT_TRUE(writer_.Put(BytesOf("a"), 0));
  }
  for (const std::uint64_t word : {std::uint64_t{kInboxFrames + 1}, std::uint64_t{1000}, ~std::uint64_t{0}}) {
    page_->taken.value.store(word);
    EXPECT_FALSE(writer_.Put(BytesOf("b"), 0)) << word;
  }
  page_->taken.value.store(kInboxFrames);
  EXPECT_TRUE(writer_.Put(BytesOf("b"), 0));
  page_->taken.value.store(1);  // backwards
  for (std::size_t i = 1; i < kInboxFrames; ++i) {
    EXPECT_TRUE(writer_.Put(BytesOf("b"), 0));
  }
  EXPECT_FALSE(writer_.Put(BytesOf("c"), 0));
}

// ---- between transports

// Replica 1, by hand: its socket, what it passes, and what it was passed.
struct HandMade {
  base::UniqueFd socket;
  Region control;
  Region doorbell;
  Region inbox;  // of replica 0, for us to put packets into
  Region bell;   // of replica 0
  InboxWriter out;
  std::uint32_t sent = 0;

  void SendBySocket(const std::string& text) {
    ASSERT_EQ(SendPacket(socket.get(), Packet::Message(BytesOf(text))), SendResult::kSent);
    ++sent;
  }
  void SendThroughMemory(const std::string& text) { SendThroughMemory(text, sent); }
  void SendThroughMemory(const std::string& text, std::uint32_t after) {
    ASSERT_TRUE(out.Put(Packet::Message(BytesOf(text)).bytes(), after));
  }
  void Ring(std::uint64_t by) const { reinterpret_cast<Doorbell*>(bell.data())->rung.value.fetch_add(by); }
  [[nodiscard]] InboxPage& page() const { return *reinterpret_cast<InboxPage*>(inbox.data()); }
};

class InboxLinkTest : public ShmTest {
 protected:
  void SetUp() override { OpenSelf(OptionsOf(ReplicaId(0))); }

  HandMade LinkByHand(std::uint32_t replica = 1, std::uint32_t understands = kUnderstandsInbox) {
    HandMade peer;
    const std::size_t links = CountOf(Event::Kind::kLinkUp);
    peer.socket = Connect(SocketPath(backend_.directory(), ReplicaId(0)));
    const Hello hello = {
        .replica = replica, .incarnation = 1, .replicas = 3, .group_id = 77, .capacity = 4096};
    EXPECT_EQ(SendPacket(peer.socket.get(), Packet(PacketType::kHello, hello)), SendResult::kSent);
    peer.control = *Region::Create("control", kControlRegionBytes);
    peer.doorbell = *Region::Create("doorbell", kDoorbellBytes);
    reinterpret_cast<ControlHeader*>(peer.control.data())->understands = understands;
    const std::array<int, 2> fds = {peer.control.fd(), peer.doorbell.fd()};
    EXPECT_EQ(SendPacket(peer.socket.get(),
                         Packet(PacketType::kRegions, Regions{.control_bytes = sizeof(ControlRegion)}), fds),
              SendResult::kSent);
    EXPECT_TRUE(PollUntil([&] { return CountOf(Event::Kind::kLinkUp) == links + 1; }));
    ReadPassed(peer);
    events_.clear();
    return peer;
  }

  // Takes in what replica 0 has sent. The texts of messages.
  static std::vector<std::string> ReadPassed(HandMade& peer) {
    std::vector<std::string> texts;
    std::array<std::byte, kMaxPacketBytes> buffer;
    for (Received got = ReceivePacket(peer.socket.get(), buffer); got.kind == Received::Kind::kPacket;
         got = ReceivePacket(peer.socket.get(), buffer)) {
      const std::span<const std::byte> packet = std::span(buffer).first(got.size);
      const std::optional<PacketType> type = DecodeType(packet);
      if (type == PacketType::kRegions) {
        peer.bell = *Region::Adopt(std::move(got.fds[1]), kDoorbellBytes);
      } else if (type == PacketType::kInbox) {
        peer.inbox = *Region::Adopt(std::move(got.fds[0]), kInboxBytes);
        peer.out = InboxWriter(reinterpret_cast<InboxPage*>(peer.inbox.data()));
      } else if (type == PacketType::kMessage) {
        texts.push_back(TextOf(packet.subspan(sizeof(PacketHeader))));
      }
    }
    return texts;
  }

  // Passes replica 0 memory that it may send through.
  Region PassInbox(HandMade& peer) {
    Region region = *Region::Create("inbox", kInboxBytes);
    const int fd = region.fd();
    EXPECT_EQ(SendPacket(peer.socket.get(), Packet(PacketType::kInbox, Inbox{.bytes = kInboxBytes}),
                         std::span<const int>(&fd, 1)),
              SendResult::kSent);
    ++peer.sent;
    PollSelf();
    return region;
  }

  [[nodiscard]] std::vector<std::string> Messages() const {
    std::vector<std::string> texts;
    for (const Event& event : events_) {
      if (event.kind == Event::Kind::kMessage) {
        texts.push_back(TextOf(event.bytes));
      }
    }
    return texts;
  }
};

TEST_F(InboxLinkTest, ARingBringsAMessageThroughMemoryWhileTimeStandsStill) {
  HandMade peer = LinkByHand();
  peer.SendThroughMemory("a");
  PollSelfAtOnce();
  EXPECT_THAT(Messages(), IsEmpty());
  peer.Ring(kInboxRing);
  PollSelfAtOnce();
  EXPECT_THAT(Messages(), ElementsAre("a"));
}

TEST_F(InboxLinkTest, AMessageWhoseRingWasLostComesWithTheNextLookAtTheSockets) {
  HandMade peer = LinkByHand();
  peer.SendThroughMemory("a");
  PollSelf();
  EXPECT_THAT(Messages(), ElementsAre("a"));
}

TEST_F(InboxLinkTest, ThereIsOneOrderForBothWays) {
  for (const std::uint64_t ring : {kInboxRing, kSocketRing}) {
    for (const std::string way : {"msms", "smsm", "ssmm", "mmss", "mssm"}) {
      HandMade peer = LinkByHand();
      std::vector<std::string> texts;
      for (const char by : way) {
        texts.push_back(std::to_string(texts.size()) + by);
        if (by == 's') {
          peer.SendBySocket(texts.back());
        } else {
          peer.SendThroughMemory(texts.back());
        }
      }
      peer.Ring(ring);
      PollSelfAtOnce();
      PollSelf();
      EXPECT_EQ(Messages(), texts);
      peer.socket.Close();
      ASSERT_TRUE(PollUntil([&] { return CountOf(Event::Kind::kLinkDown) == 1; }));
      events_.clear();
    }
  }
  EXPECT_EQ(self_->counters().packets_malformed, 0U);
}

TEST_F(InboxLinkTest, WhatAPeerSentBeforeItDiedIsTakenBeforeTheNewsOfItsDeath) {
  HandMade peer = LinkByHand();
  peer.SendThroughMemory("a");
  peer.socket.Close();
  PollSelf();
  ASSERT_EQ(events_.size(), 2U);
  EXPECT_EQ(events_[0].kind, Event::Kind::kMessage);
  EXPECT_EQ(events_[1].kind, Event::Kind::kLinkDown);
}

TEST_F(InboxLinkTest, AFrameThatWaitsForAPacketThatWasNeverSentEndsTheLink) {
  HandMade peer = LinkByHand();
  peer.SendThroughMemory("a", 1);
  PollSelf();
  EXPECT_THAT(Messages(), IsEmpty());
  EXPECT_EQ(CountOf(Event::Kind::kLinkDown), 1U);
  EXPECT_EQ(self_->counters().packets_malformed, 1U);
}

TEST_F(InboxLinkTest, GarbageInMemoryEndsTheLinkAndIsCounted) {
  const std::vector<std::function<void(HandMade&)>> offences = {
      [](HandMade& peer) { peer.page().frames[0].sequence.store(7); },
      [](HandMade& peer) {
        peer.SendThroughMemory("a");
        peer.page().frames[0].framed.bytes = 4'000'000;
      },
      [](HandMade& peer) { ASSERT_TRUE(peer.out.Put(BytesOf("garbage!garbage!"), peer.sent)); },
      [](HandMade& peer) { ASSERT_TRUE(peer.out.Put({}, peer.sent)); },
      [](HandMade& peer) {  // what has a descriptor by a way that carries none
        ASSERT_TRUE(peer.out.Put(Packet(PacketType::kSpare, Spare{.region_id = 1}).bytes(), peer.sent));
      },
      [](HandMade& peer) {
        ASSERT_TRUE(peer.out.Put(Packet(PacketType::kHello, Hello()).bytes(), peer.sent));
      },
      [](HandMade& peer) {  // a grant of memory that was never passed
        ASSERT_TRUE(peer.out.Put(Packet(PacketType::kGrant, Granted{.region_id = 9}).bytes(), peer.sent));
      },
      [](HandMade& peer) {  // no descriptor
        SendPacket(peer.socket.get(), Packet(PacketType::kInbox, Inbox{.bytes = kInboxBytes}));
      },
      [](HandMade& peer) {  // of another size
        const int fd = peer.inbox.fd();
        SendPacket(peer.socket.get(), Packet(PacketType::kInbox, Inbox{.bytes = 1}),
                   std::span<const int>(&fd, 1));
      },
  };
  std::uint64_t malformed = 0;
  for (const std::function<void(HandMade&)>& offence : offences) {
    HandMade peer = LinkByHand();
    offence(peer);
    ++malformed;
    PollSelf();
    EXPECT_EQ(CountOf(Event::Kind::kLinkDown), 1U) << malformed;
    EXPECT_EQ(self_->counters().packets_malformed, malformed);
    events_.clear();
  }
  HandMade peer = LinkByHand();
  peer.SendThroughMemory("a");
  PollSelf();
  EXPECT_THAT(Messages(), ElementsAre("a"));
}

TEST_F(InboxLinkTest, OneInboxIsTakenForEachConnection) {
  HandMade peer = LinkByHand();
  const Region first = PassInbox(peer);
  EXPECT_EQ(self_->counters().packets_malformed, 0U);
  const Region second = PassInbox(peer);
  EXPECT_EQ(self_->counters().packets_malformed, 1U);
  EXPECT_EQ(CountOf(Event::Kind::kLinkDown), 1U);
}

TEST_F(InboxLinkTest, WhatDoesNotFitIntoMemoryGoesByTheSocket) {
  HandMade peer = LinkByHand();
  const Region inbox = PassInbox(peer);
  InboxReader reader(reinterpret_cast<InboxPage*>(inbox.data()));
  for (std::size_t i = 0; i < kInboxFrames + 2; ++i) {
    self_->Send(ReplicaId(1), BytesOf(std::to_string(i)));
  }
  EXPECT_EQ(self_->counters().packets_through_memory, kInboxFrames);
  EXPECT_EQ(self_->counters().messages_sent, kInboxFrames + 2);
  EXPECT_THAT(ReadPassed(peer), ElementsAre("16", "17"));
  Framed framed;
  for (std::size_t i = 0; i < kInboxFrames; ++i) {
    ASSERT_EQ(reader.Next(framed), InboxReader::Look::kFrame);
    reader.Take();
  }
  const std::uint32_t before = framed.after;
  self_->Send(ReplicaId(1), std::vector<std::byte>(paxos::kMaxMessageBytes));  // too long for a frame
  self_->Send(ReplicaId(1), BytesOf("18"));
  ASSERT_EQ(reader.Next(framed), InboxReader::Look::kFrame);
  EXPECT_EQ(framed.after, before + 3) << "it comes after those by the socket";
}

TEST_F(InboxLinkTest, APeerOfAnEarlierReleaseIsTalkedToByTheSocket) {
  HandMade peer = LinkByHand(1, 0);
  EXPECT_TRUE(peer.inbox.empty());
  self_->Send(ReplicaId(1), BytesOf("a"));
  EXPECT_THAT(ReadPassed(peer), ElementsAre("a"));
  EXPECT_EQ(self_->counters().packets_through_memory, 0U);
  peer.SendBySocket("b");
  PollSelf();
  EXPECT_THAT(Messages(), ElementsAre("b"));
}

TEST_F(InboxLinkTest, AGrantOfMemoryThatThePeerHasGoesThroughMemoryBeforeTheMessage) {
  HandMade peer = LinkByHand();
  const Region inbox = PassInbox(peer);
  InboxReader reader(reinterpret_cast<InboxPage*>(inbox.data()));
  self_->GrantTo(ReplicaId(1), {.ballot = paxos::Ballot(1, ReplicaId(1), Incarnation(1)), .number = 1});
  PollSelfAtOnce();
  self_->Send(ReplicaId(1), BytesOf("promise"));
  Framed framed;
  ASSERT_EQ(reader.Next(framed), InboxReader::Look::kFrame);
  EXPECT_EQ(DecodeType(std::span(framed.packet).first(framed.bytes)), PacketType::kGrant);
  reader.Take();
  ASSERT_EQ(reader.Next(framed), InboxReader::Look::kFrame);
  EXPECT_EQ(DecodeType(std::span(framed.packet).first(framed.bytes)), PacketType::kMessage);
}

// Who asks whether the leader is gone is told of what can be seen by then: as long as a link has ended, the
// sockets are looked at before what comes through memory is heard.
TEST_F(InboxLinkTest, WhileALinkHasEndedThePeerLooksAtItsSocketsFirst) {
  HandMade peer = LinkByHand();
  const Region inbox = PassInbox(peer);
  const auto rung = [&peer] { return reinterpret_cast<Doorbell*>(peer.doorbell.data())->rung.value.load(); };
  const std::uint64_t before = rung();
  self_->Send(ReplicaId(1), BytesOf("a"));
  EXPECT_EQ(rung(), before + kInboxRing);
  HandMade leader = LinkByHand(2);
  leader.socket.Close();
  ASSERT_TRUE(PollUntil([&] { return CountOf(Event::Kind::kLinkDown) == 1; }));
  self_->Send(ReplicaId(1), BytesOf("b"));
  EXPECT_EQ(rung(), before + kInboxRing + 2 * kSocketRing) << "before it is there to be found, and after";
  clock_.Advance(2'000'000'000);
  PollSelf();
  self_->Send(ReplicaId(1), BytesOf("c"));
  EXPECT_EQ(rung(), before + 2 * kInboxRing + 2 * kSocketRing) << "whoever is gone for good costs nothing";
}

TEST_F(InboxLinkTest, RingsForMemoryKeepNobodyFromLookingAtTheSockets) {
  const HandMade peer = LinkByHand();
  HandMade dead = LinkByHand(2);
  dead.socket.Close();
  for (int i = 0; i < 3; ++i) {
    peer.Ring(kInboxRing);
    PollSelf();
  }
  EXPECT_EQ(CountOf(Event::Kind::kLinkDown), 1U);
}

TEST_F(InboxLinkTest, ReplicasTalkThroughMemoryOnceTheyAreLinked) {
  backend_.Start({.id = ReplicaId(1)});
  conformance::Endpoint& other = backend_.process(ReplicaId(1));
  ASSERT_TRUE(PollUntil([&] { return LinkedTo(ReplicaId(1), Incarnation(1)); }, {ReplicaId(1)}));
  ASSERT_TRUE(PollUntil(
      [&] {
        self_->Send(ReplicaId(1), BytesOf("a"));
        return self_->counters().packets_through_memory > 0;
      },
      {ReplicaId(1)}));
  other.Send(ReplicaId(0), conformance::Bytes(10, std::byte{1}));
  PollSelfAtOnce();
  EXPECT_EQ(CountOf(Event::Kind::kMessage), 1U);
}

}  // namespace
}  // namespace gaios::transport::shm

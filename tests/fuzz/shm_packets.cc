// What the process of a peer can do to a replica's shared-memory transport: packets on its socket, any
// descriptors with them, packets and other stores in the memory that it was passed for them, stores to the
// control region that it has passed, and going away.
//
// Packets decode to what was encoded. A real transport is opened for each input; whatever comes, it completes
// each operation that it took once, counts what is malformed, and afterwards links up with a peer that does
// as it should.

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "gaios/base/check.h"
#include "gaios/base/clock.h"
#include "gaios/transport/shm/inbox.h"
#include "gaios/transport/shm/layout.h"
#include "gaios/transport/shm/region.h"
#include "gaios/transport/shm/shm_transport.h"
#include "gaios/transport/shm/socket.h"
#include "gaios/transport/shm/wire.h"

#include "tests/fuzz/choices.h"
#include "tests/fuzz/scratch_directory.h"
#include "tests/fuzz/target.h"

namespace gaios::fuzz {
namespace {

using base::UniqueFd;
using paxos::Grant;
using paxos::Incarnation;
using paxos::ReplicaId;
using transport::Post;
using transport::shm::Packet;
using transport::shm::PacketType;
using transport::shm::Region;
using transport::shm::ShmTransport;

constexpr paxos::GroupId kGroup{77};
constexpr std::size_t kCapacityBytes = paxos::kMinCapacityBytes;
constexpr std::size_t kReplicas = 3;
constexpr std::uint64_t kMs = 1'000'000;

// ---- the packets by themselves

template <typename Body>
void CheckBody(std::span<const std::byte> packet, PacketType type) {
  const std::optional<Body> body = transport::shm::DecodeBody<Body>(packet);
  if (body.has_value()) {
    const Packet again(type, *body);
    GAIOS_CHECK(again.bytes().size() == packet.size() &&
                    std::memcmp(again.bytes().data(), packet.data(), packet.size()) == 0,
                "what is accepted is what would be sent");
  }
}

void CheckPacket(std::span<const std::byte> packet) {
  const std::optional<PacketType> type = transport::shm::DecodeType(packet);
  if (!type.has_value()) {
    return;
  }
  switch (*type) {
    case PacketType::kHello:
      return CheckBody<transport::shm::Hello>(packet, *type);
    case PacketType::kRegions:
      return CheckBody<transport::shm::Regions>(packet, *type);
    case PacketType::kRefuse:
      return CheckBody<transport::shm::Refuse>(packet, *type);
    case PacketType::kSpare:
      return CheckBody<transport::shm::Spare>(packet, *type);
    case PacketType::kGrant:
      return CheckBody<transport::shm::Granted>(packet, *type);
    case PacketType::kInbox:
      return CheckBody<transport::shm::Inbox>(packet, *type);
    case PacketType::kMessage:
      return;
  }
  GAIOS_CHECK(false, "a type that was decoded is one of ours");
}

// ---- the transport

class Replica final : public transport::EventHandler {
 public:
  Replica() {
    transport::shm::ShmOptions options;
    options.directory = ScratchPath();
    options.self = ReplicaId(1);  // it connects to replica 0 and is connected to by replica 2
    options.incarnation = Incarnation(1);
    options.group_id = kGroup;
    options.capacity = kCapacityBytes;
    options.replicas = kReplicas;
    options.clock = &clock_;
    auto opened = ShmTransport::Open(options);
    GAIOS_CHECK(opened.ok(), "a transport in a directory of our own");
    transport_ = *std::move(opened);
  }

  void Poll(std::uint64_t ns) {
    clock_.SetNs(clock_.NowNs() + ns);
    transport_->Poll(*this);
  }
  void Do(Choices& choices) {
    const ReplicaId peer(choices.Flip() ? 2 : 0);
    const Grant grant = {paxos::Ballot::FromPacked(1 + choices.Below(3)), choices.Below(3)};
    const Incarnation acceptor(choices.Below(3));
    switch (choices.Below(5)) {
      case 0:
        Count(transport_->Write(peer, grant, acceptor, {paxos::Position(64), paxos::Position(192)}, 1));
        return;
      case 1:
        Count(transport_->WriteWord(peer, grant, acceptor, transport::LogWord::kCommit, 64, 2));
        return;
      case 2:
        Read(peer, grant, acceptor);
        return;
      case 3:
        CountControl(transport_->ReadControl(peer));
        return;
      default:
        GrantNext(peer);
        return;
    }
  }
  [[nodiscard]] std::uint64_t links_up() const { return links_up_; }
  void CheckQuiet() const {
    GAIOS_CHECK(operations_ == 0, "every operation completes");
    GAIOS_CHECK(control_reads_ == 0, "every read of a control region is answered");
    GAIOS_CHECK(
        transport_->counters().links_up == links_up_ && transport_->counters().links_down == links_down_,
        "links are counted");
  }

  void OnCompletion(const transport::Completion& completion) override {
    GAIOS_CHECK(operations_ > 0, "an operation completes once");
    --operations_;
    if (completion.operation == transport::Operation::kReadLog) {
      reading_ = false;
    }
  }
  void OnControl(ReplicaId /*peer*/, transport::Outcome /*outcome*/,
                 const transport::ControlView& /*view*/) override {
    GAIOS_CHECK(control_reads_ > 0, "a read is answered once");
    --control_reads_;
  }
  void OnMessage(ReplicaId from, Incarnation /*incarnation*/, std::span<const std::byte> bytes) override {
    GAIOS_CHECK(from.value() != 1 && from.value() < kReplicas && bytes.size() <= paxos::kMaxMessageBytes,
                "a message is from a peer, and no longer than any");
  }
  void OnGranted(Grant grant) override {
    GAIOS_CHECK(granting_ && grant == grant_, "what was asked for is granted");
    granting_ = false;
  }
  void OnLinkUp(ReplicaId /*peer*/, Incarnation incarnation) override {
    GAIOS_CHECK(incarnation.value() != 0, "a peer has an incarnation");
    ++links_up_;
  }
  void OnLinkDown(ReplicaId /*peer*/) override {
    ++links_down_;
    GAIOS_CHECK(links_down_ <= links_up_, "only a link that is up goes down");
  }
  paxos::Range LiveRange(const std::byte* /*log*/) override {
    return {paxos::Position(0), paxos::Position(128)};
  }

 private:
  void Count(Post post) { operations_ += post == Post::kPosted ? 1U : 0U; }
  void CountControl(Post post) { control_reads_ += post == Post::kPosted ? 1U : 0U; }
  void Read(ReplicaId peer, Grant grant, Incarnation acceptor) {
    const Post post =
        transport_->ReadLog(peer, grant, acceptor, {paxos::Position(0), paxos::Position(64)}, 3);
    Count(post);
    reading_ = reading_ || post == Post::kPosted;
  }
  // Not while a log is read: the caller keeps that rule (P2).
  void GrantNext(ReplicaId peer) {
    if (!granting_ && !reading_) {
      granting_ = true;
      ++grant_.number;
      grant_.ballot = paxos::Ballot(1, peer, Incarnation(1));
      if (peer.value() == 0) {  // ballots only grow
        grant_.ballot = paxos::Ballot(1, ReplicaId(2), Incarnation(1));
      }
      transport_->GrantTo(peer, grant_);
    }
  }

  base::ManualClock clock_{kMs};
  std::unique_ptr<ShmTransport> transport_;
  std::uint64_t operations_ = 0;
  std::uint64_t control_reads_ = 0;
  std::uint64_t links_up_ = 0;
  std::uint64_t links_down_ = 0;
  Grant grant_;
  bool granting_ = false;
  bool reading_ = false;
};

// A peer that keeps no rule: as replica 2 it connects, as replica 0 it is connected to.
class Peer {
 public:
  explicit Peer(std::uint32_t id) : id_(id) {
    if (id == 0) {
      const std::string path = transport::shm::SocketPath(ScratchPath(), ReplicaId(0));
      ::unlink(path.c_str());
      absl::StatusOr<UniqueFd> listener = transport::shm::Listen(path);
      GAIOS_CHECK(listener.ok(), "a socket in a directory of our own");
      listener_ = *std::move(listener);
    }
  }

  void Connect() {
    socket_ = id_ == 0 ? transport::shm::Accept(listener_.get())
                       : transport::shm::Connect(transport::shm::SocketPath(ScratchPath(), ReplicaId(1)));
  }
  void Leave() { socket_.Close(); }
  void Hello(std::uint32_t incarnation) {
    transport::shm::Hello hello;
    hello.replica = id_;
    hello.incarnation = incarnation;
    hello.replicas = kReplicas;
    hello.group_id = kGroup.value();
    hello.capacity = kCapacityBytes;
    Send(Packet(PacketType::kHello, hello), {});
  }
  void Regions() {
    control_ = Create(transport::shm::kControlRegionBytes);
    doorbell_ = Create(transport::shm::kDoorbellBytes);
    if (id_ != 0) {  // the other is of an earlier release
      reinterpret_cast<transport::shm::ControlHeader*>(control_.data())->understands =
          transport::shm::kUnderstandsInbox;
    }
    const std::array<int, 2> fds = {control_.fd(), doorbell_.fd()};
    Send(Packet(PacketType::kRegions,
                transport::shm::Regions{.control_bytes = sizeof(transport::shm::ControlRegion)}),
         fds);
  }

  void Do(Choices& choices) {
    switch (choices.Below(10)) {
      case 0:
        Connect();
        return;
      case 1:
        Leave();
        return;
      case 2:
        Hello(choices.Below(4) == 0 ? choices.Take<std::uint32_t>() : 1);
        return;
      case 3:
        Regions();
        return;
      case 4:
        GrantOrSpare(PacketType::kSpare, choices);
        return;
      case 5:
        GrantOrSpare(PacketType::kGrant, choices);
        return;
      case 6:
        Any(choices);
        return;
      case 7: {  // a refusal
        transport::shm::Refuse refuse;
        refuse.cause = static_cast<transport::shm::Refusal>(choices.Below(12));
        refuse.text_bytes = choices.Take<std::uint32_t>();
        const std::span<const std::byte> text = choices.Bytes(choices.Below(transport::shm::kMaxRefusalText));
        if (!text.empty()) {
          std::memcpy(refuse.text.data(), text.data(), text.size());
        }
        Send(Packet(PacketType::kRefuse, refuse), {});
        return;
      }
      case 8:
        if (!control_.empty()) {
          const std::size_t words = sizeof(transport::shm::ControlRegion) / 8;
          auto* const word = reinterpret_cast<transport::shm::SharedWord*>(control_.data()) +
                             choices.Take<std::uint8_t>() % words;
          word->store(choices.Take<std::uint8_t>());
        }
        return;
      default:
        Read();
        if (!inbox_.empty() && choices.Flip()) {
          PutOrStore(choices);
        } else if (choices.Below(8) == 0) {
          PassInbox(choices);
        }
        return;
    }
  }

 private:
  static Region Create(std::size_t bytes) {
    absl::StatusOr<Region> region = Region::Create("gaios-fuzz", bytes);
    GAIOS_CHECK(region.ok(), "a small memory");
    return *std::move(region);
  }

  void Send(const Packet& packet, std::span<const int> fds) {
    CheckPacket(packet.bytes());
    if (socket_.valid()) {
      static_cast<void>(transport::shm::SendPacket(socket_.get(), packet, fds));
    }
  }

  void GrantOrSpare(PacketType type, Choices& choices) {
    // Of the right size, or too small, or none.
    const std::uint8_t what = choices.Below(8);
    const Region memory = Create(what == 0 ? kCapacityBytes : transport::shm::LogRegionBytes(kCapacityBytes));
    const std::array<int, 1> fds = {memory.fd()};
    const std::span<const int> passed = std::span(fds).first(what == 1 ? 0 : 1);
    if (type == PacketType::kSpare) {
      Send(Packet(type, transport::shm::Spare{.region_id = choices.Below(4)}), passed);
    } else {
      Send(Packet(type, transport::shm::Granted{.region_id = choices.Below(4),
                                                .ballot = choices.Below(4),  // 0 is of nobody
                                                .number = choices.Below(3),
                                                .promise = choices.Below(3)}),
           passed.first(choices.Flip() ? passed.size() : 0));
    }
  }

  // Bytes that may be no packet at all, with up to three descriptors that are no memory.
  void Any(Choices& choices) {
    if (!socket_.valid()) {
      return;
    }
    const std::span<const std::byte> bytes =
        choices.Bytes(choices.Take<std::uint8_t>() % (transport::shm::kMaxPacketBytes + 8));
    CheckPacket(bytes);
    const std::array<int, 3> fds = {socket_.get(), socket_.get(), socket_.get()};
    const std::uint8_t passed = choices.Below(16);
    if (passed <= fds.size() && passed > 0) {
      static_cast<void>(transport::shm::SendPacket(
          socket_.get(), Packet::Message(bytes.first(std::min(bytes.size(), paxos::kMaxMessageBytes))),
          std::span(fds).first(passed)));
    } else if (!bytes.empty()) {
      static_cast<void>(::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
    }
  }

  void Read() {
    std::array<std::byte, transport::shm::kMaxPacketBytes> buffer;
    if (!socket_.valid()) {
      return;
    }
    transport::shm::Received received = transport::shm::ReceivePacket(socket_.get(), buffer);
    if (transport::shm::DecodeType(std::span(buffer).first(received.size)) == PacketType::kInbox) {
      absl::StatusOr<Region> inbox = Region::Adopt(std::move(received.fds[0]), transport::shm::kInboxBytes);
      GAIOS_CHECK(inbox.ok(), "what is passed to packets is as it should be");
      inbox_ = *std::move(inbox);
      outbox_ = transport::shm::InboxWriter(reinterpret_cast<transport::shm::InboxPage*>(inbox_.data()));
    }
  }

  // Through memory: a packet, or bytes that are none, at its turn or not; or a store anywhere.
  void PutOrStore(Choices& choices) {
    if (choices.Below(4) == 0) {
      auto* const words = reinterpret_cast<transport::shm::SharedWord*>(inbox_.data());
      words[choices.Take<std::uint8_t>()].store(choices.Take<std::uint8_t>());
      return;
    }
    const std::span<const std::byte> bytes =
        choices.Bytes(choices.Take<std::uint8_t>() % (transport::shm::kMaxFramedBytes + 8));
    const std::uint32_t after = choices.Below(4);
    if (choices.Flip()) {
      static_cast<void>(outbox_.Put(bytes, after));
    } else {
      static_cast<void>(outbox_.Put(Packet::Message(bytes).bytes(), after));
    }
  }

  void PassInbox(Choices& choices) {
    const Region memory =
        Create(choices.Flip() ? transport::shm::kInboxBytes : 2 * transport::shm::kInboxBytes);
    const std::array<int, 1> fds = {memory.fd()};
    Send(Packet(PacketType::kInbox, transport::shm::Inbox{.bytes = transport::shm::kInboxBytes}),
         std::span(fds).first(choices.Flip() ? 1 : 0));
  }

  const std::uint32_t id_;
  UniqueFd listener_;
  UniqueFd socket_;
  Region control_;
  Region doorbell_;
  Region inbox_;  // where the replica looks for our packets
  transport::shm::InboxWriter outbox_;
};

}  // namespace

void RunTarget(std::span<const std::byte> input) {
  CheckPacket(input);
  Choices choices(input);
  std::array<Peer, 2> peers = {Peer(0), Peer(2)};
  Replica replica;
  while (!choices.empty()) {
    const std::uint8_t action = choices.Below(8);
    if (action == 0) {
      replica.Poll(choices.Take<std::uint8_t>() * kMs);
    } else if (action == 1) {
      replica.Do(choices);
    } else {
      peers.at(choices.Below(2)).Do(choices);
      replica.Poll(kMs);
    }
  }
  for (Peer& peer : peers) {
    peer.Leave();
  }
  for (int turn = 0; turn < 4; ++turn) {
    replica.Poll(2'000 * kMs);
  }
  replica.CheckQuiet();

  const std::uint64_t links_before = replica.links_up();
  Peer& good = peers[1];
  good.Connect();
  good.Hello(~std::uint32_t{0});  // later than any life that was claimed
  replica.Poll(kMs);
  good.Regions();
  for (int turn = 0; turn < 4; ++turn) {
    replica.Poll(kMs);
  }
  GAIOS_CHECK(replica.links_up() == links_before + 1, "a peer that does as it should is linked up with");
}

}  // namespace gaios::fuzz

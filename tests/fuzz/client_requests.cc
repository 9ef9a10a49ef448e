// What a client's process can do to a replica: packets on the socket, bytes and indices in the shared rings,
// at any time, or going away.
//
// A real port of a real replica, a group of one on the simulated transport. Up to three clients do as the
// input says. Beside them one client of ours is connected: whatever the others do, its connection stays, and
// everything that it submits is answered, each once. In the end the others are forgotten.

#include <array>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "gaios/base/check.h"
#include "gaios/base/clock.h"
#include "gaios/rsm/client/client.h"
#include "gaios/rsm/client/client_port.h"
#include "gaios/rsm/client/wire.h"
#include "gaios/rsm/replica.h"
#include "gaios/transport/shm/region.h"
#include "gaios/transport/shm/socket.h"
#include "gaios/transport/shm/wire.h"
#include "gaios/transport/sim/world.h"

#include "tests/fuzz/answers.h"
#include "tests/fuzz/choices.h"
#include "tests/fuzz/scratch_directory.h"
#include "tests/fuzz/shared_rings.h"
#include "tests/fuzz/target.h"

namespace gaios::fuzz {
namespace {

using transport::shm::Packet;
using transport::shm::Received;
using transport::shm::Region;

constexpr paxos::GroupId kGroup{77};
constexpr std::size_t kRequestRingBytes = rsm::kMinRingBytes;
constexpr std::size_t kResponseRingBytes = std::size_t{64} << 10;
constexpr std::size_t kCapacityBytes = std::size_t{64} << 10;
constexpr std::size_t kHostileClients = 3;
constexpr std::uint64_t kTurnNs = 20'000;
constexpr int kPatience = 5000;  // turns

// Answers with as many bytes as the first byte of the command says, up to the most.
class SizedAnswers final : public rsm::StateMachine {
 public:
  void Apply(const rsm::Command& command, rsm::Reply& reply) override {
    ++applied_;
    const std::size_t size = command.bytes.empty() ? 0 : std::to_integer<std::size_t>(command.bytes[0]) * 64;
    GAIOS_CHECK(reply.Append(std::vector<std::byte>(size, std::byte{'a'})), "the reply fits");
  }
  [[nodiscard]] std::uint64_t StateHash() const override { return applied_; }
  [[nodiscard]] absl::Status Save(rsm::SnapshotSink& /*sink*/) const override { return absl::OkStatus(); }
  [[nodiscard]] absl::Status Restore(rsm::SnapshotSource& /*source*/) override { return absl::OkStatus(); }

 private:
  std::uint64_t applied_ = 0;
};

class Hostile {
 public:
  Hostile() : socket_(transport::shm::Connect(rsm::ClientSocketPath(ScratchPath(), paxos::ReplicaId(0)))) {}

  void Do(Choices& choices) {
    switch (choices.Below(8)) {
      case 0:
        Send(choices.Bytes(choices.Take<std::uint8_t>() % paxos::kMaxMessageBytes), choices.Flip());
        return;
      case 1: {
        rsm::Greeting greeting;
        greeting.group = kGroup.value();
        Send(rsm::BytesOf(greeting), false);
        return;
      }
      case 2:
        Receive();
        return;
      case 3:
        if (!memory_.empty()) {
          StoreAnywhere(memory_, choices);
        }
        return;
      case 4:
        if (!memory_.empty()) {
          MoveIndex(memory_, choices);
        }
        return;
      case 5:
        if (!memory_.empty()) {
          rsm::RingIndexes& responses = RingsIn(memory_).responses;
          responses.head.store(responses.tail.load());  // it reads after all
        }
        return;
      default:
        if (!memory_.empty()) {
          Request(choices);
        }
        return;
    }
  }

 private:
  void Send(std::span<const std::byte> bytes, bool with_descriptor) {
    if (socket_.valid()) {
      const int fd = socket_.get();
      const std::span<const int> fds(&fd, with_descriptor ? 1 : 0);
      static_cast<void>(transport::shm::SendPacket(socket_.get(), Packet::Message(bytes), fds));
    }
  }

  void Receive() {
    if (!socket_.valid()) {
      return;
    }
    std::array<std::byte, transport::shm::kMaxPacketBytes> buffer;
    Received received = transport::shm::ReceivePacket(socket_.get(), buffer);
    if (received.kind == Received::Kind::kPacket && received.fd_count == 1) {
      absl::StatusOr<Region> memory = Region::Adopt(
          std::move(received.fds[0]), rsm::kRingsOffset + kRequestRingBytes + kResponseRingBytes);
      GAIOS_CHECK(memory.ok(), "a welcome comes with the memory that it names");
      memory_ = *std::move(memory);
    }
  }

  void Request(Choices& choices) {
    rsm::RequestHeader header;
    header.request = choices.Take<std::uint16_t>();
    header.kind = static_cast<rsm::RequestKind>(choices.Below(4));
    header.session = choices.Take<std::uint32_t>();
    header.sequence = choices.Take<std::uint16_t>();
    AppendRecord(RingsIn(memory_).requests.tail, {memory_.data() + rsm::kRingsOffset, kRequestRingBytes},
                 header, choices.Bytes(choices.Take<std::uint8_t>()));
  }

  base::UniqueFd socket_;
  Region memory_;
};

class Group {
 public:
  Group()
      : world_({.replicas = 1, .capacity_bytes = kCapacityBytes}),
        clock_(world_.now_ns()),
        replica_(OptionsOfReplica(), world_.transport(paxos::ReplicaId(0)), clock_, machine_) {
    rsm::ClientPortOptions options;
    options.max_clients = kHostileClients + 1;
    options.request_ring_bytes = kRequestRingBytes;
    options.response_ring_bytes = kResponseRingBytes;
    auto port = rsm::ClientPort::Open(ScratchPath(), paxos::ReplicaId(0), kGroup, options, clock_);
    GAIOS_CHECK(port.ok(), "a port in a directory of our own");
    port_ = *std::move(port);
    auto client = rsm::Client::Open({.directory = ScratchPath(), .replicas = 1, .group = kGroup}, clock_);
    GAIOS_CHECK(client.ok(), "a client with good options");
    client_ = *std::move(client);
    GAIOS_CHECK(TurnsUntil([this] { return client_->ready(); }), "our client finds the leader");
  }
  ~Group() { replica_.Close(); }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  void Turn(std::uint64_t ns = kTurnNs) {
    replica_.Poll();
    port_->Poll(replica_);
    client_->Poll(answers_);
    world_.AdvanceTo(world_.now_ns() + ns);
    clock_.SetNs(world_.now_ns());
  }
  void Submit(std::uint8_t size) {
    const std::vector<std::byte> command(1 + size % 64, std::byte{size});
    if (client_->Submit(command, submitted_ + 1) == rsm::Submitted::kSubmitted) {
      ++submitted_;
    }
  }
  // The others are gone by now.
  void Finish() {
    Submit(1);
    GAIOS_CHECK(TurnsUntil([this] { return answers_.answered() == submitted_; }),
                "everything that our client submitted is answered");
    GAIOS_CHECK(TurnsUntil([this] { return port_->connections() == 1; }), "clients that left are forgotten");
    GAIOS_CHECK(client_->counters().lost_connections == 0, "others' deeds cost our client nothing");
    GAIOS_CHECK(replica_.proposals_under_way() == 0, "every proposal was answered");
  }

 private:
  static rsm::ReplicaOptions OptionsOfReplica() {
    rsm::ReplicaOptions options;
    options.protocol.group = kGroup;
    options.protocol.configuration = paxos::Configuration::Bootstrap(1);
    options.protocol.capacity_bytes = kCapacityBytes;
    options.max_proposals = 256;
    options.sessions.max_sessions = 4;
    return options;
  }

  template <typename Done>
  bool TurnsUntil(Done done) {
    for (int turn = 0; turn < kPatience && !done(); ++turn) {
      Turn(10 * kTurnNs);
    }
    return done();
  }

  transport::sim::World world_;
  base::ManualClock clock_;
  SizedAnswers machine_;
  std::unique_ptr<rsm::ClientPort> port_;  // outlives the replica, which answers to its connections
  rsm::Replica replica_;
  std::unique_ptr<rsm::Client> client_;
  Answers answers_;
  std::uint64_t submitted_ = 0;
};

}  // namespace

void RunTarget(std::span<const std::byte> input) {
  Choices choices(input);
  Group group;
  std::array<std::optional<Hostile>, kHostileClients> hostiles;
  while (!choices.empty()) {
    const std::uint8_t action = choices.Below(16);
    std::optional<Hostile>& hostile = hostiles.at(choices.Below(kHostileClients));
    if (action < 4) {
      for (std::uint8_t turns = choices.Below(16); turns > 0; --turns) {
        group.Turn(action == 3 ? 50 * kTurnNs : kTurnNs);
      }
    } else if (action == 4) {
      group.Submit(choices.Take<std::uint8_t>());
    } else if (action == 5) {
      hostile.reset();
    } else if (!hostile.has_value()) {
      hostile.emplace();
    } else {
      hostile->Do(choices);
    }
  }
  for (std::optional<Hostile>& hostile : hostiles) {
    hostile.reset();
  }
  group.Finish();
}

}  // namespace gaios::fuzz

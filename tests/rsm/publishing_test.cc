// A leader publishes its commit before any reply, callback or commit word that rests on it: reads at
// followers take it for all that anybody can know. Looked at from between the replica and its transport.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/paxos/entry.h"
#include "gaios/rsm/replica.h"
#include "gaios/transport/sim/world.h"

namespace gaios::rsm {
namespace {

using paxos::ReplicaId;
using transport::ControlWord;
using transport::Grant;
using transport::Incarnation;
using transport::LogWord;
using transport::Post;
using transport::Range;

constexpr std::size_t kReplicas = 3;
constexpr std::size_t kCapacity = 16384;
constexpr std::uint64_t kMs = 1'000'000;

// Passes everything on, and notes when something is posted that tells more than was published.
class Watched final : public transport::Transport {
 public:
  explicit Watched(transport::Transport& inner) : inner_(inner) {}

  [[nodiscard]] std::uint64_t published() const { return published_; }
  [[nodiscard]] std::uint64_t words() const { return words_; }
  [[nodiscard]] std::uint64_t at_once() const { return at_once_; }
  [[nodiscard]] std::uint64_t early() const { return early_; }

  [[nodiscard]] std::size_t capacity() const override { return inner_.capacity(); }
  [[nodiscard]] std::byte* log() override { return inner_.log(); }
  [[nodiscard]] std::uint64_t ReadLogWord(LogWord which) const override { return inner_.ReadLogWord(which); }
  void Publish(ControlWord which, std::uint64_t value) override {
    if (which == ControlWord::kCommit) {
      published_ = value;
    }
    inner_.Publish(which, value);
  }
  void GrantTo(ReplicaId to, Grant grant) override { inner_.GrantTo(to, grant); }
  Post Write(ReplicaId peer, Grant grant, Incarnation acceptor, Range range, std::uint64_t token) override {
    NoteWrite(range);
    return inner_.Write(peer, grant, acceptor, range, token);
  }
  [[nodiscard]] bool WriteToAll(std::span<const transport::WriteTarget> targets, Range range) override {
    NoteWrite(range);
    const bool done = inner_.WriteToAll(targets, range);
    at_once_ += done ? 1 : 0;
    return done;
  }
  [[nodiscard]] bool writes_at_once() const override { return inner_.writes_at_once(); }
  Post WriteWord(ReplicaId peer, Grant grant, Incarnation acceptor, LogWord which, std::uint64_t value,
                 std::uint64_t token) override {
    if (which == LogWord::kCommit) {
      ++words_;
      early_ += value > published_ ? 1 : 0;
    }
    return inner_.WriteWord(peer, grant, acceptor, which, value, token);
  }
  Post ReadLog(ReplicaId peer, Grant grant, Incarnation acceptor, Range range, std::uint64_t token) override {
    return inner_.ReadLog(peer, grant, acceptor, range, token);
  }
  Post ReadControl(ReplicaId peer) override { return inner_.ReadControl(peer); }
  void Send(ReplicaId peer, std::span<const std::byte> message) override { inner_.Send(peer, message); }
  void Abandon(ReplicaId peer) override { inner_.Abandon(peer); }
  std::size_t Poll(transport::EventHandler& handler) override { return inner_.Poll(handler); }

 private:
  // A range begins with an entry, unless it is filled up from a follower's commit; what stands in the first
  // header is what this tells at least.
  void NoteWrite(Range range) {
    paxos::EntryHeader header;
    std::memcpy(&header, log() + range.from.value() % capacity(), sizeof(header));
    early_ += header.commit > published_ ? 1 : 0;
  }

  transport::Transport& inner_;
  std::uint64_t published_ = 0;
  std::uint64_t words_ = 0;    // commit words posted
  std::uint64_t at_once_ = 0;  // writes to all that were done when the call returned
  std::uint64_t early_ = 0;    // what told a commit above the published one
};

class Nothing final : public StateMachine {
 public:
  void Apply(const Command&, Reply&) override {}
  [[nodiscard]] std::uint64_t StateHash() const override { return 0; }
  [[nodiscard]] absl::Status Save(SnapshotSink&) const override { return absl::OkStatus(); }
  [[nodiscard]] absl::Status Restore(SnapshotSource&) override { return absl::OkStatus(); }
};

// Is told of commits, and looks whether they have been published.
class Looking final : public ProposalListener {
 public:
  Looking(const Watched& transport, const std::unique_ptr<Replica>& replica)
      : transport_(transport), replica_(replica) {}
  void OnCommitted(std::uint64_t, std::uint64_t, Applied, std::span<const std::byte>) override {
    ++committed;
    early += transport_.published() < replica_->core().commit().value() ? 1 : 0;
  }
  void OnUnknown(std::uint64_t) override {}

  std::uint64_t committed = 0;
  std::uint64_t early = 0;

 private:
  const Watched& transport_;
  const std::unique_ptr<Replica>& replica_;
};

class Publishing : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(Publishing, ComesBeforeWhatRestsOnTheCommit) {
  transport::sim::WorldOptions world_options;
  world_options.at_once_per_mille = GetParam();
  world_options.replicas = kReplicas;
  world_options.capacity_bytes = kCapacity;
  transport::sim::World world(world_options);
  base::ManualClock clock;
  Nothing machine;
  std::vector<std::unique_ptr<Watched>> transports;
  std::vector<std::unique_ptr<Replica>> replicas;
  for (std::size_t i = 0; i < kReplicas; ++i) {
    ReplicaOptions options;
    options.protocol.self = ReplicaId(static_cast<std::uint8_t>(i));
    options.protocol.group = paxos::GroupId(7);
    options.protocol.configuration = paxos::Configuration::Bootstrap(kReplicas);
    options.protocol.capacity_bytes = kCapacity;
    options.protocol.election_jitter_ns = 20 * kMs * i;
    options.sessions.max_sessions = 4;
    transports.push_back(std::make_unique<Watched>(world.transport(options.protocol.self)));
    replicas.push_back(std::make_unique<Replica>(options, *transports[i], clock, machine, nullptr));
  }
  Looking listener(*transports[0], replicas[0]);
  const std::string command = "a command";
  for (std::uint64_t turn = 0; listener.committed < 500 && world.now_ns() < 5000 * kMs; ++turn) {
    clock.SetNs(world.now_ns());
    if (turn / 50 % 2 == 0) {  // else nothing is proposed, and the commit goes out by itself
      static_cast<void>(replicas[0]->Propose(std::as_bytes(std::span(command)), listener, 0));
    }
    for (const std::unique_ptr<Replica>& replica : replicas) {
      replica->Poll();
    }
    world.AdvanceTo(world.now_ns() + 1'000);
  }
  EXPECT_GE(listener.committed, 500U);
  EXPECT_EQ(listener.early, 0U);
  EXPECT_GT(transports[0]->words(), 0U);
  EXPECT_EQ(transports[0]->early(), 0U);
  EXPECT_EQ(transports[0]->at_once() > 0, GetParam() > 0);
}

// In a thousand writes, those that are done at once.
INSTANTIATE_TEST_SUITE_P(AtOnce, Publishing, ::testing::Values(0, 700));

}  // namespace
}  // namespace gaios::rsm

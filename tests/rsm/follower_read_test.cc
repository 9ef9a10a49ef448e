// Reads at followers over real shared memory, each replica on a thread of its own: while the leader commits,
// and after it has gone, no read misses what was acknowledged before it was asked for.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <thread>

#include <gtest/gtest.h>

#include "gaios/rsm/marker.h"
#include "gaios/rsm/node.h"

#include "tests/rsm/scratch_group.h"

namespace gaios::rsm {
namespace {

using paxos::ReplicaId;

constexpr std::size_t kReplicas = 3;
constexpr std::uint64_t kReads = 500;

// What the threads tell one another.
struct Shared {
  std::atomic<std::uint64_t> acknowledged = 0;  // the largest reply that a leader was called back with
  std::atomic<std::uint64_t> read = 0;          // answered at followers
  std::atomic<std::uint64_t> misread = 0;
  std::array<std::atomic<bool>, kReplicas> leads = {};
  std::array<std::atomic<bool>, kReplicas> stop = {};
};

// One replica: proposes when it leads, one command after the other, and otherwise reads.
class Loop final : private ProposalListener, private ReadListener {
 public:
  Loop(const Config& config, ReplicaId id, Shared& shared)
      : shared_(shared), id_(id), node_(Node::Open(config, id, machine_)) {}

  [[nodiscard]] bool open() const { return node_.ok(); }

  void Run() {
    while (!shared_.stop[id_.value()].load()) {
      (*node_)->Poll();
      Replica& replica = (*node_)->replica();
      shared_.leads[id_.value()].store(replica.leading());
      if (replica.leading()) {
        proposing_ = proposing_ || replica.Propose({}, *this, 0) == Taken::kTaken;
      } else if (!reading_) {
        reading_ = replica.Read(*this, shared_.acknowledged.load()) == Taken::kTaken;
      }
      std::this_thread::yield();
    }
    (*node_)->replica().Close();
    node_->reset();  // as when its process dies: the links go down
  }

 private:
  void OnCommitted(std::uint64_t, std::uint64_t, Applied, std::span<const std::byte> reply) override {
    proposing_ = false;
    std::uint64_t value = 0;
    std::memcpy(&value, reply.data(), sizeof(value));
    std::uint64_t known = shared_.acknowledged.load();
    while (known < value && !shared_.acknowledged.compare_exchange_weak(known, value)) {
    }
  }
  void OnUnknown(std::uint64_t) override { proposing_ = false; }
  void OnReadable(std::uint64_t acknowledged) override {
    reading_ = false;
    ++(machine_.value() >= acknowledged ? shared_.read : shared_.misread);
  }
  void OnLost(std::uint64_t) override { reading_ = false; }

  Shared& shared_;
  const ReplicaId id_;
  CountingMachine machine_;
  absl::StatusOr<std::unique_ptr<Node>> node_;
  bool proposing_ = false;
  bool reading_ = false;
};

TEST(FollowerRead, MissesNothingThatWasAcknowledgedWhenItWasAskedFor) {
  ScratchGroup group(kReplicas);
  // On a busy machine a thread may not run for long: the small ring waits for it, and does not pass it by for
  // ever.
  group.config.drop_timeout_ns = 120'000'000'000;
  ASSERT_TRUE(Bootstrap(group.config).ok());
  Shared shared;
  std::array<std::unique_ptr<Loop>, kReplicas> loops;
  for (std::size_t i = 0; i < kReplicas; ++i) {
    loops[i] = std::make_unique<Loop>(group.config, ReplicaId(static_cast<std::uint8_t>(i)), shared);
    ASSERT_TRUE(loops[i]->open());
  }
  std::array<std::thread, kReplicas> threads;
  for (std::size_t i = 0; i < kReplicas; ++i) {
    threads[i] = std::thread([&loop = *loops[i]] { loop.Run(); });
  }
  const auto await_reads = [&shared](std::uint64_t reads) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (shared.read < reads && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    return shared.read >= reads;
  };
  EXPECT_TRUE(await_reads(kReads));
  // The leader goes; the two that are left elect one of them, and the other one goes on reading.
  const auto* const leads =
      std::ranges::find_if(shared.leads, [](const auto& leader) { return leader.load(); });
  if (leads != shared.leads.end()) {
    shared.stop.at(static_cast<std::size_t>(leads - shared.leads.begin())).store(true);
  }
  EXPECT_TRUE(await_reads(shared.read + kReads));
  for (std::size_t i = 0; i < kReplicas; ++i) {
    shared.stop[i].store(true);
    threads[i].join();
  }
  EXPECT_EQ(shared.misread, 0U);
  EXPECT_GT(shared.acknowledged, 0U);
}

}  // namespace
}  // namespace gaios::rsm

#include "gaios/rsm/replica_thread.h"

#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/rsm/marker.h"

#include "tests/rsm/scratch_group.h"

namespace gaios::rsm {
namespace {

class Tally final : public ThreadListener {
 public:
  void OnCommitted(std::uint64_t, std::uint64_t, Applied, std::span<const std::byte>) override {
    ++committed;
  }
  void OnUnknown(std::uint64_t) override { ++unknown; }
  void OnRefused(std::uint64_t, Taken) override { ++refused; }
  [[nodiscard]] std::uint64_t answered() const { return committed + unknown + refused; }
  std::atomic<std::uint64_t> committed = 0;
  std::atomic<std::uint64_t> unknown = 0;
  std::atomic<std::uint64_t> refused = 0;
};

class ReplicaThreadTest : public ::testing::TestWithParam<base::IdleStrategy> {
 protected:
  std::unique_ptr<ReplicaThread> Start() {
    EXPECT_TRUE(Bootstrap(group_.config).ok());
    auto node = Node::Open(group_.config, paxos::ReplicaId(0), machine_);
    EXPECT_TRUE(node.ok()) << node.status();
    auto started = ReplicaThread::Start(*std::move(node), {.cpu = std::nullopt, .idle = GetParam()});
    EXPECT_TRUE(started.ok()) << started.status();
    return *std::move(started);
  }

  ScratchGroup group_{1};
  CountingMachine machine_;
};

TEST_P(ReplicaThreadTest, AnswersEachCommandOfEveryThreadOnce) {
  constexpr std::uint64_t kThreads = 3;
  constexpr std::uint64_t kCommands = 500;
  Tally tally;
  const std::unique_ptr<ReplicaThread> replica = Start();
  while (!replica->leading()) {
    std::this_thread::yield();
  }
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&replica, &tally] {
      for (std::uint64_t n = 0; n < kCommands;) {
        if (replica->Submit({}, tally, n) == Taken::kTaken) {
          ++n;
        } else {
          std::this_thread::yield();
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  while (tally.answered() < kThreads * kCommands) {
    std::this_thread::yield();
  }
  EXPECT_EQ(tally.committed, kThreads * kCommands);
}

TEST_P(ReplicaThreadTest, AnswersWhatIsLeftWhenItStops) {
  Tally tally;
  std::uint64_t taken = 0;
  {
    const std::unique_ptr<ReplicaThread> replica = Start();
    while (taken < 100) {
      taken += replica->Submit({}, tally, taken) == Taken::kTaken ? 1U : 0U;
    }
  }
  EXPECT_EQ(tally.answered(), taken);
}

TEST_P(ReplicaThreadTest, RefusesWhatIsTooLargeForTheQueue) {
  Tally tally;
  const std::unique_ptr<ReplicaThread> replica = Start();
  const std::vector<std::byte> large(kMaxQueuedCommandBytes + 1);
  EXPECT_EQ(replica->Submit(large, tally, 1), Taken::kTooLarge);
}

INSTANTIATE_TEST_SUITE_P(Idle, ReplicaThreadTest,
                         ::testing::Values(base::IdleStrategy::kBackOff, base::IdleStrategy::kBlock),
                         [](const auto& test) {
                           return test.param == base::IdleStrategy::kBlock ? "block" : "backoff";
                         });

}  // namespace
}  // namespace gaios::rsm

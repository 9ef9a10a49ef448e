#include "gaios/rsm/node.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "gaios/rsm/marker.h"

#include "tests/rsm/scratch_group.h"

namespace gaios::rsm {
namespace {

using paxos::ReplicaId;

class Answer final : public ProposalListener {
 public:
  void OnCommitted(std::uint64_t, std::uint64_t, Applied, std::span<const std::byte> reply) override {
    std::memcpy(&value, reply.data(), sizeof(value));
    answered = true;
  }
  void OnUnknown(std::uint64_t) override { answered = true; }
  bool answered = false;
  std::uint64_t value = 0;
};

// Polls until it holds; a test that waits for what never comes is ended by its own time limit.
template <typename Holds>
bool PollUntil(Node& node, Holds holds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return false;
    }
    node.Poll();
  }
  return true;
}

TEST(Node, AGroupOfOneLeadsAndCommits) {
  const ScratchGroup group(1);
  ASSERT_TRUE(Bootstrap(group.config).ok());
  CountingMachine machine;
  const auto node = Node::Open(group.config, ReplicaId(0), machine);
  ASSERT_TRUE(node.ok()) << node.status();
  ASSERT_TRUE(PollUntil(**node, [&] { return (*node)->replica().leading(); }));
  Answer answer;
  ASSERT_EQ((*node)->replica().Propose({}, answer, 1), Taken::kTaken);
  ASSERT_TRUE(PollUntil(**node, [&] { return answer.answered; }));
  EXPECT_EQ(answer.value, 1U);
  EXPECT_GT((*node)->reserved_bytes(), group.config.capacity_bytes);
}

TEST(Node, RefusesAReplicaThatTheConfigDoesNotHave) {
  const ScratchGroup group(1);
  ASSERT_TRUE(Bootstrap(group.config).ok());
  CountingMachine machine;
  const auto node = Node::Open(group.config, ReplicaId(3), machine);
  EXPECT_EQ(node.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(node.status().message().find("replica 3"), absl::string_view::npos);
}

TEST(Node, OneThatIsStartedAgainDoesNotVoteAndSaysSo) {
  const ScratchGroup group(1);
  ASSERT_TRUE(Bootstrap(group.config).ok());
  CountingMachine machine;
  {
    const auto node = Node::Open(group.config, ReplicaId(0), machine);
    ASSERT_TRUE(node.ok()) << node.status();
    ASSERT_TRUE(PollUntil(**node, [&] { return (*node)->replica().leading(); }));
  }
  CountingMachine again;
  const auto node = Node::Open(group.config, ReplicaId(0), again);
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_EQ((*node)->replica().core().role(), paxos::Role::kLearner);
  EXPECT_FALSE((*node)->TakeNotices().empty());
}

TEST(Node, OneThatWasNeverBootstrappedDoesNotVote) {
  const ScratchGroup group(1);
  CountingMachine machine;
  const auto node = Node::Open(group.config, ReplicaId(0), machine);
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_EQ((*node)->replica().core().role(), paxos::Role::kLearner);
  EXPECT_FALSE((*node)->TakeNotices().empty());
}

}  // namespace
}  // namespace gaios::rsm

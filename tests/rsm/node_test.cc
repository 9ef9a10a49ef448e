#include "gaios/rsm/node.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
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

TEST(Node, RefusesAReplicaThatNoGroupCanHave) {
  const ScratchGroup group(1);
  ASSERT_TRUE(Bootstrap(group.config).ok());
  CountingMachine machine;
  const auto node = Node::Open(group.config, ReplicaId(paxos::kMaxReplicas), machine);
  EXPECT_EQ(node.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(node.status().message().find("replica 7"), absl::string_view::npos);
}

TEST(Node, OneThatTheConfigDoesNotHaveWaitsUntilItIsAdded) {
  const ScratchGroup group(1);
  ASSERT_TRUE(Bootstrap(group.config).ok());
  CountingMachine machine;
  auto node = Node::Open(group.config, ReplicaId(3), machine);
  ASSERT_TRUE(node.ok()) << node.status();
  (*node)->Poll();
  EXPECT_EQ((*node)->replica().core().role(), paxos::Role::kLearner);
  EXPECT_FALSE((*node)->replica().core().voter());
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

TEST(Node, OneThatWasNeverBootstrappedDoesNotStart) {
  const ScratchGroup group(1);
  CountingMachine machine;
  const auto node = Node::Open(group.config, ReplicaId(0), machine);
  EXPECT_EQ(node.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(node.status().message().find("gaios bootstrap"), absl::string_view::npos);
}

// A group of one that was made, and a start of it that fails.
class FailedStart : public ::testing::Test {
 protected:
  FailedStart() { EXPECT_TRUE(Bootstrap(group_.config).ok()); }
  [[nodiscard]] std::string PathOf(const std::string& suffix) const {
    return group_.config.directory + "/replica-0" + suffix;
  }
  [[nodiscard]] absl::Status Open(const Config& config) {
    return Node::Open(config, ReplicaId(0), machine_).status();
  }
  void ExpectTheVoteIsThere() {
    const auto node = Node::Open(group_.config, ReplicaId(0), machine_);
    ASSERT_TRUE(node.ok()) << node.status();
    EXPECT_EQ((*node)->replica().core().self().incarnation, paxos::Incarnation(1));
    EXPECT_TRUE(PollUntil(**node, [&] { return (*node)->replica().leading(); }));
  }

  ScratchGroup group_{1};
  CountingMachine machine_;
};

TEST_F(FailedStart, ForSomethingInTheWayOfAnyFileKeepsTheVote) {
  for (const char* suffix : {".lock", ".control", ".sock", ".client", ".donor", ".counters"}) {
    std::filesystem::create_directory(PathOf(suffix));
    const absl::Status status = Open(group_.config);
    EXPECT_FALSE(status.ok()) << suffix;
    EXPECT_NE(status.message().find(PathOf(suffix)), absl::string_view::npos) << status;
    std::filesystem::remove(PathOf(suffix));
  }
  ExpectTheVoteIsThere();
}

TEST_F(FailedStart, ForWantOfMemoryKeepsTheVoteAndNamesTheKeys) {
  Config config = group_.config;
  config.max_sessions = 65'536;
  config.reply_bytes = std::size_t{1} << 32;
  const absl::Status status = Open(config);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(status.message().find("268435456 MiB for sessions"), absl::string_view::npos) << status;
  EXPECT_NE(status.message().find("capacity_bytes"), absl::string_view::npos) << status;
  ExpectTheVoteIsThere();
}

TEST_F(FailedStart, ForWantOfDpdkKeepsTheVoteAndNamesIt) {
  Config config = group_.config;
  config.transport = TransportKind::kUdp;
  config.udp.port = PortKind::kDpdk;
  config.dpdk.device = "net_null0";
  const absl::Status status = Open(config);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("port = \"dpdk\""), absl::string_view::npos) << status;
  EXPECT_NE(status.message().find("libdpdk-dev"), absl::string_view::npos) << status;
  EXPECT_EQ(DescribeDevice(config).status(), status);
  ExpectTheVoteIsThere();
}

TEST_F(FailedStart, ForALongPathKeepsTheVote) {
  Config config = group_.config;
  config.directory += "/" + std::string(90, 'd');
  ASSERT_TRUE(Bootstrap(config).ok());
  EXPECT_EQ(Open(config).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(PlanStart(config, ReplicaId(0))->incarnation, paxos::Incarnation(1));
}

TEST_F(FailedStart, ForALiveProcessOfTheSameIdLeavesTheMarkerAlone) {
  CountingMachine other;
  const auto node = Node::Open(group_.config, ReplicaId(0), other);
  ASSERT_TRUE(node.ok()) << node.status();
  const absl::Status status = Open(group_.config);
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_NE(status.message().find("already runs replica 0"), absl::string_view::npos) << status;
  EXPECT_EQ(PlanStart(group_.config, ReplicaId(0))->incarnation, paxos::Incarnation(2)) << "one start so far";
}

TEST(Node, OneThatLostItsMarkerDoesNotVoteAndSaysSo) {
  const ScratchGroup group(1);
  ASSERT_TRUE(Bootstrap(group.config).ok());
  std::filesystem::remove(MarkerPath(group.config, ReplicaId(0)));
  CountingMachine machine;
  const auto node = Node::Open(group.config, ReplicaId(0), machine);
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_EQ((*node)->replica().core().role(), paxos::Role::kLearner);
  EXPECT_FALSE((*node)->TakeNotices().empty());
}

}  // namespace
}  // namespace gaios::rsm

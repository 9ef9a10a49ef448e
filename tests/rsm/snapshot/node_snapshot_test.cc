// Nodes over shared memory: one that the leader's log has passed by fetches a snapshot from another, installs
// it, and follows again, while commands go on; with a source that cannot help; and taken by itself.

#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/rsm/group_identity.h"
#include "gaios/rsm/marker.h"
#include "gaios/rsm/node.h"
#include "gaios/rsm/snapshot/donor_route.h"
#include "gaios/rsm/snapshot/file.h"
#include "gaios/rsm/snapshot/origin.h"
#include "gaios/rsm/snapshot/signal_fd.h"
#include "gaios/rsm/snapshot/transfer.h"
#include "gaios/rsm/snapshot/transfer_stream.h"

#include "tests/rsm/scratch_group.h"

namespace gaios::rsm {
namespace {

using paxos::ReplicaId;

class Sum final : public StateMachine {
 public:
  void Apply(const Command& command, Reply& reply) override {
    for (const std::byte each : command.bytes) {
      value = value * 31 + static_cast<std::uint64_t>(each);
    }
    GAIOS_CHECK(reply.Append(std::as_bytes(std::span(&value, 1))), "a reply has room for a number");
  }
  [[nodiscard]] std::uint64_t StateHash() const override { return value; }
  [[nodiscard]] absl::Status Save(SnapshotSink& sink) const override {
    if (while_saving) {
      while_saving();
    }
    return fails ? absl::InternalError("it would not be saved")
                 : sink.Append(std::as_bytes(std::span(&value, 1)));
  }
  [[nodiscard]] absl::Status Restore(SnapshotSource& source) override {
    return source.Read(std::as_writable_bytes(std::span(&value, 1)));
  }
  std::uint64_t value = 0;
  bool fails = false;
  std::function<void()> while_saving;
};

// Three nodes in one thread, which stands still for those that are stopped.
class Nodes : public ::testing::Test, private ProposalListener {
 protected:
  void Open() {
    group_.config.hash_interval_commands = 50;
    // One that stands still is not waited for.
    group_.config.drop_timeout_ns = 10'000'000;
    // One thread turns all three: what holds it up, a snapshot for one, is no reason for another leader.
    group_.config.suspect_timeout_ns = 2'000'000'000;
    ASSERT_TRUE(Bootstrap(group_.config).ok());
    for (std::uint8_t i = 0; i < 3; ++i) {
      nodes_.push_back(nullptr);
      machines_.push_back(std::make_unique<Sum>());
      absl::StatusOr<std::unique_ptr<Node>> node = Node::Open(group_.config, ReplicaId(i), *machines_[i]);
      ASSERT_TRUE(node.ok()) << node.status();
      nodes_[i] = *std::move(node);
    }
    ASSERT_TRUE(PollUntil([&] { return Leader() != kNone && Followers() == 2; }));
  }
  // Kills all but one of a group with something in its log, and waits until that one may be ended: when it
  // has been alone for three seconds.
  std::size_t LeaveOne() {
    Open();
    Commit(20);
    const std::size_t left = Leader();
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (i != left) {
        nodes_[i].reset();
      }
    }
    const Replica& replica = nodes_[left]->replica();
    const paxos::TimeNs since_ns = replica.now_ns();
    EXPECT_TRUE(PollUntil([&] { return replica.now_ns() - since_ns > 6'000'000'000; }));
    return left;
  }
  // An operator who wants to have what replica `id` holds, and it ended.
  [[nodiscard]] std::unique_ptr<TransferStream> AskForLast(std::size_t id) const {
    absl::StatusOr<std::unique_ptr<TransferStream>> stream = UnixStream::Connect(
        DonorPath(group_.config.directory, ReplicaId(static_cast<std::uint8_t>(id))), never_.fd(), 20'000);
    EXPECT_TRUE(stream.ok()) << stream.status();
    TransferRequest request;
    request.group = FindGroup(group_.config)->value();
    request.at_least = kLastSnapshot;
    EXPECT_TRUE((*stream)->Send(std::as_bytes(std::span(&request, 1))).ok());
    return *std::move(stream);
  }
  [[nodiscard]] std::string LastPathOf(std::size_t id) const {
    return LastSnapshotPath(group_.config.directory, ReplicaId(static_cast<std::uint8_t>(id)));
  }
  template <typename Holds>
  bool PollUntil(Holds holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!holds()) {
      if (std::chrono::steady_clock::now() > deadline) {
        return false;
      }
      for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (i != stopped_ && nodes_[i] != nullptr) {
          nodes_[i]->Poll();
          for (std::string& notice : nodes_[i]->TakeNotices()) {
            notices_.push_back(std::move(notice));
          }
        }
      }
    }
    return true;
  }
  [[nodiscard]] std::size_t Leader() const {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i] != nullptr && nodes_[i]->replica().leading()) {
        return i;
      }
    }
    return kNone;
  }
  [[nodiscard]] std::size_t Followers() const {
    std::size_t followers = 0;
    for (const auto& node : nodes_) {
      followers += node->replica().core().commit() > paxos::Position() && !node->replica().leading() ? 1 : 0;
    }
    return followers;
  }
  // A follower, or the other one.
  [[nodiscard]] std::size_t Follower(std::size_t which) const {
    std::size_t id = 0;
    for (;; ++id) {
      if (id != Leader() && which-- == 0) {
        return id;
      }
    }
  }
  void Commit(std::uint64_t commands) {
    const std::string text(300, 'c');
    for (std::uint64_t i = 0; i < commands; ++i) {
      answered_ = false;
      ASSERT_TRUE(PollUntil([&] {
        return Leader() != kNone &&
               nodes_[Leader()]->replica().Propose(std::as_bytes(std::span(text)), *this, 0) == Taken::kTaken;
      }));
      ASSERT_TRUE(PollUntil([&] { return answered_; }));
    }
  }
  // One follower does nothing until the leader's log has passed by also what was written into its memory.
  void LeaveBehind(std::size_t which) {
    stopped_ = which;
    const paxos::Position from = nodes_[which]->replica().core().commit();
    ASSERT_NE(Leader(), kNone);
    while (nodes_[Leader()]->replica().core().retained() <= from + 2 * group_.config.capacity_bytes) {
      Commit(10);
    }
  }
  void ExpectEqual() {
    ASSERT_TRUE(PollUntil([&] {
      const std::uint64_t commands = nodes_[Leader()]->replica().applied_commands();
      return nodes_[0]->replica().applied_commands() == commands &&
             nodes_[1]->replica().applied_commands() == commands &&
             nodes_[2]->replica().applied_commands() == commands;
    }));
    EXPECT_EQ(machines_[0]->value, machines_[1]->value);
    EXPECT_EQ(machines_[0]->value, machines_[2]->value);
    for (const auto& node : nodes_) {
      EXPECT_FALSE(node->replica().divergence().has_value());
    }
  }
  [[nodiscard]] std::size_t NoticesWith(const std::string& text) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        notices_, [&](const std::string& notice) { return notice.find(text) != std::string::npos; }));
  }
  void OnCommitted(std::uint64_t, std::uint64_t, Applied, std::span<const std::byte>) override {
    answered_ = true;
  }
  void OnUnknown(std::uint64_t) override { answered_ = true; }

  static constexpr std::size_t kNone = 99;
  const SignalFd never_ = *SignalFd::Create();
  ScratchGroup group_{3};
  std::vector<std::unique_ptr<Sum>> machines_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::size_t stopped_ = kNone;
  bool answered_ = false;
  std::vector<std::string> notices_;
};

TEST_F(Nodes, OneThatTheLogHasPassedByGoesOnFromASnapshot) {
  Open();
  Commit(20);
  const std::size_t behind = Follower(0);
  LeaveBehind(behind);
  const std::uint64_t missed = nodes_[behind]->replica().applied_commands();
  stopped_ = kNone;
  ASSERT_TRUE(PollUntil([&] { return nodes_[behind]->snapshots().counters().installed == 1; }));
  EXPECT_GT(nodes_[behind]->replica().applied_commands(), missed);
  EXPECT_EQ(nodes_[Follower(1)]->snapshots().counters().taken, 1U) << "the follower gives it";
  EXPECT_EQ(nodes_[Leader()]->snapshots().counters().taken, 0U) << "not the leader";
  Commit(120);
  ExpectEqual();
  EXPECT_EQ(NoticesWith("goes on from a snapshot"), 1U);
  EXPECT_EQ(NoticesWith("no snapshot could"), 0U);
}

TEST_F(Nodes, WhereTheFollowerCannotHelpTheLeaderDoes) {
  Open();
  const std::size_t behind = Follower(0);
  const std::size_t helpless = Follower(1);
  machines_[helpless]->fails = true;
  LeaveBehind(behind);
  stopped_ = kNone;
  ASSERT_TRUE(PollUntil([&] { return nodes_[behind]->snapshots().counters().installed == 1; }));
  EXPECT_EQ(nodes_[Leader()]->snapshots().counters().taken, 1U);
  Commit(60);
  ExpectEqual();
  EXPECT_EQ(NoticesWith("no snapshot could be had from replica " + std::to_string(helpless) +
                        ": it would not be saved"),
            1U);
}

// Only one thread turns the nodes: so nothing is looked at between a request and its end, as when a snapshot
// is being taken meanwhile.
TEST_F(Nodes, AForceThatItsOperatorBreaksOffEndsNobody) {
  const std::size_t left = LeaveOne();
  const Replica& replica = nodes_[left]->replica();
  std::unique_ptr<TransferStream> stream = AskForLast(left);
  TransferAnswer answer;
  ASSERT_TRUE(stream->Receive(std::as_writable_bytes(std::span(&answer, 1))).ok());
  ASSERT_EQ(answer.verdict, static_cast<std::uint32_t>(TransferVerdict::kWait)) << "it has been asked for";
  stream.reset();
  const std::string path = LastPathOf(left);
  const paxos::TimeNs broken_off_ns = replica.now_ns();
  ASSERT_TRUE(PollUntil([&] { return replica.now_ns() - broken_off_ns > 50'000'000; }));
  EXPECT_FALSE(std::filesystem::exists(path));
  // One who stays has it.
  stream = AskForLast(left);
  ASSERT_TRUE(PollUntil([&] { return std::filesystem::exists(path); }));
}

TEST_F(Nodes, AForceThatItsOperatorBreaksOffAmidTheSaveEndsTheReplica) {
  const std::size_t left = LeaveOne();
  std::unique_ptr<TransferStream> stream = AskForLast(left);
  machines_[left]->while_saving = [&] {
    stream.reset();
    while (nodes_[left]->snapshots().donor_counters().cut_off == 0) {
      std::this_thread::yield();
    }
  };
  ASSERT_TRUE(PollUntil([&] { return nodes_[left]->ended(); })) << "what it held is on disk";
  EXPECT_TRUE(std::filesystem::exists(LastPathOf(left)));
}

TEST_F(Nodes, AFollowerTakesThemByItselfWhenToldTo) {
  group_.config.snapshot_interval_commands = 40;
  group_.config.snapshot_directory = group_.config.directory + "/kept";
  Open();
  Commit(100);
  ASSERT_TRUE(PollUntil([&] {
    return nodes_[Follower(0)]->snapshots().counters().taken >= 1 &&
           nodes_[Follower(1)]->snapshots().counters().taken >= 1;
  }));
  EXPECT_EQ(nodes_[Leader()]->snapshots().counters().taken, 0U);
  const auto reader = SnapshotReader::Open(
      KeptSnapshotPath(group_.config.snapshot_directory, ReplicaId(static_cast<std::uint8_t>(Follower(0)))));
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_TRUE((*reader)->Verify().ok());
  EXPECT_EQ((*reader)->facts().origin, OriginOf(group_.config, *FindGroup(group_.config)));
  EXPECT_GE((*reader)->facts().applied_commands, 40U);
}

}  // namespace
}  // namespace gaios::rsm

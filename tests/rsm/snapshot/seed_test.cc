// Groups that begin with the state of another.

#include "gaios/rsm/snapshot/seed.h"

#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "gaios/rsm/group_identity.h"
#include "gaios/rsm/marker.h"
#include "gaios/rsm/node.h"

#include "tests/rsm/scratch_group.h"
#include "tests/support/scratch_directory.h"

namespace gaios::rsm {
namespace {

using paxos::ReplicaId;

class Total final : public StateMachine {
 public:
  void Apply(const Command& command, Reply& reply) override {
    value += command.bytes.size();
    latest_ns = command.time_ns;
    GAIOS_CHECK(reply.Append(std::as_bytes(std::span(&value, 1))), "a reply has room for a number");
  }
  [[nodiscard]] std::uint64_t StateHash() const override { return value; }
  [[nodiscard]] absl::Status Save(SnapshotSink& sink) const override {
    return sink.Append(std::as_bytes(std::span(&value, 1)));
  }
  [[nodiscard]] absl::Status Restore(SnapshotSource& source) override {
    return source.Read(std::as_writable_bytes(std::span(&value, 1)));
  }
  std::uint64_t value = 0;
  std::uint64_t latest_ns = 0;
};

constexpr std::uint64_t kValue = 4711;
constexpr std::uint64_t kCommands = 1234;
// As if another group's clock had been far ahead.
constexpr std::uint64_t kTimeNs = std::uint64_t{1} << 62;

class Seed : public ::testing::Test, public ProposalListener {
 protected:
  // A snapshot of a group of that name and epoch, with some sessions in front.
  void WriteSeed(const std::string& group, std::uint32_t epoch, const std::string& machine = "counter") {
    SnapshotFacts facts;
    facts.origin = {paxos::GroupId(5), group, epoch, machine};
    facts.cursor.position = paxos::Position(6400);
    facts.applied_commands = kCommands;
    facts.time_ns = kTimeNs;
    facts.state_hash = kValue;
    Sessions sessions({});
    ASSERT_TRUE(sessions.Open(99, 1));
    facts.sessions_bytes = sessions.SavedBytes();
    const auto writer = SnapshotWriter::Create(seed_, facts);
    ASSERT_TRUE(writer.ok()) << writer.status();
    Total total;
    total.value = kValue;
    ASSERT_TRUE(sessions.Save(**writer).ok());
    ASSERT_TRUE(total.Save(**writer).ok());
    ASSERT_TRUE((*writer)->Finish().ok());
  }
  [[nodiscard]] std::string SeedPath() const { return group_.config.directory + "/" + kSeedFile; }
  [[nodiscard]] absl::StatusOr<std::unique_ptr<Node>> Open(Total& total) {
    return Node::Open(group_.config, ReplicaId(0), total);
  }
  void ExpectNoGroup(absl::StatusCode code, const std::string& word) {
    const absl::Status status = BootstrapFrom(group_.config, seed_);
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_NE(status.message().find(word), absl::string_view::npos) << status;
    EXPECT_TRUE(absl::IsNotFound(FindGroup(group_.config).status()));
    EXPECT_FALSE(std::filesystem::exists(SeedPath()));
  }
  void OnCommitted(std::uint64_t, std::uint64_t, Applied, std::span<const std::byte> reply) override {
    std::memcpy(&answer_, reply.data(), sizeof(answer_));
  }
  void OnUnknown(std::uint64_t) override {}

  ScratchDirectory scratch_;
  const std::string seed_ = scratch_.PathOf("backup");
  ScratchGroup group_{1};
  std::uint64_t answer_ = 0;
};

TEST_F(Seed, AGroupGoesOnFromTheStateOfAnother) {
  WriteSeed("other", 1);
  ASSERT_TRUE(BootstrapFrom(group_.config, seed_).ok());
  Total total;
  const auto node = Open(total);
  ASSERT_TRUE(node.ok()) << node.status();
  Replica& replica = (*node)->replica();
  EXPECT_EQ(total.value, kValue);
  EXPECT_EQ(replica.applied_commands(), kCommands);
  EXPECT_EQ(replica.sessions().size(), 0U) << "its clients are of the other group";
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  const std::string text = "seven..";
  while (answer_ == 0 && std::chrono::steady_clock::now() < deadline) {
    (*node)->Poll();
    if (replica.leading() && replica.proposals_under_way() == 0) {
      static_cast<void>(replica.Propose(std::as_bytes(std::span(text)), *this, 1));
    }
  }
  EXPECT_EQ(answer_, kValue + text.size());
  EXPECT_GE(total.latest_ns, kTimeNs) << "time does not go back";
}

TEST_F(Seed, EachLifeOfAReplicaBeginsWithIt) {
  WriteSeed("other", 1);
  ASSERT_TRUE(BootstrapFrom(group_.config, seed_).ok());
  for (int life = 0; life < 3; ++life) {
    Total total;
    const auto node = Open(total);
    ASSERT_TRUE(node.ok()) << node.status();
    EXPECT_EQ(total.value, kValue);
  }
}

TEST_F(Seed, ALaterEpochOfTheSameGroupMayBeginWithIt) {
  WriteSeed(group_.config.group, 1);
  ExpectNoGroup(absl::StatusCode::kFailedPrecondition, "raise epoch to 2");
  group_.config.epoch = 2;
  EXPECT_TRUE(BootstrapFrom(group_.config, seed_).ok());
}

TEST_F(Seed, WhatCannotBeBegunWithMakesNoGroup) {
  ExpectNoGroup(absl::StatusCode::kNotFound, seed_);
  WriteSeed("other", 1, "order-book");
  ExpectNoGroup(absl::StatusCode::kFailedPrecondition, "\"order-book\"");
  WriteSeed("other", 1);
  std::string damaged = ReadWhole(seed_);
  damaged[ChunkOffset(0) + sizeof(ChunkHeader) + 3] ^= 1;
  WriteWhole(seed_, damaged);
  ExpectNoGroup(absl::StatusCode::kDataLoss, "chunk 0");
}

TEST_F(Seed, AGroupThatIsThereKeepsItsOwn) {
  WriteSeed("other", 1);
  ASSERT_TRUE(BootstrapFrom(group_.config, seed_).ok());
  const std::string kept = ReadWhole(SeedPath());
  WriteSeed("another", 1);
  EXPECT_EQ(BootstrapFrom(group_.config, seed_).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReadWhole(SeedPath()), kept);
}

TEST_F(Seed, AReplicaWithoutItsSeedDoesNotStartAndKeepsItsVote) {
  WriteSeed("other", 1);
  ASSERT_TRUE(BootstrapFrom(group_.config, seed_).ok());
  const std::string kept = ReadWhole(SeedPath());
  Total total;
  std::filesystem::remove(SeedPath());
  const absl::Status missing = Open(total).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(missing.message().find(SeedPath()), absl::string_view::npos) << missing;
  WriteSeed("another", 1);
  std::filesystem::copy_file(seed_, SeedPath());
  EXPECT_EQ(Open(total).status().code(), absl::StatusCode::kFailedPrecondition);
  std::string damaged = kept;
  damaged[ChunkOffset(0) + sizeof(ChunkHeader) + 3] ^= 1;
  WriteWhole(SeedPath(), damaged);
  EXPECT_EQ(Open(total).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(total.value, 0U);
  WriteWhole(SeedPath(), kept);
  const auto node = Open(total);
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_EQ((*node)->replica().core().self().incarnation, paxos::Incarnation(1));
}

}  // namespace
}  // namespace gaios::rsm

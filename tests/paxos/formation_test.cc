// What a leader posts to all together: when it does, how far ahead, and whose reports it takes.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/paxos/entry_checksum.h"

#include "tests/sim/cluster.h"

namespace gaios::sim {
namespace {

using paxos::Position;
using paxos::Range;
using paxos::WriteTarget;

constexpr std::size_t kDepth = 4;
constexpr std::uint64_t kMs = 1'000'000;

// A leader of three that has found its links abreast, with nothing under way. The test stands between it and
// its transport: what is posted here goes nowhere.
class FormationTest : public ::testing::Test {
 protected:
  explicit FormationTest(std::uint32_t depth = kDepth) : cluster_(OptionsOfTest(depth)) {}

  static ClusterOptions OptionsOfTest(std::uint32_t depth) {
    ClusterOptions options;
    options.world.to_all_per_mille = 1'000;
    options.world.capacity_bytes = 1U << 16;
    options.pipeline_depth = depth;
    return options;
  }

  void SetUp() override {
    ASSERT_TRUE(cluster_.RunUntil([&] { return cluster_.leader() == kLeader; }, 10'000 * kMs));
    ASSERT_TRUE(Propose());
    const auto settled = [&] {
      return cluster_.core(ReplicaId(1)).applied() == core().end_cursor().position &&
             cluster_.core(ReplicaId(2)).applied() == core().end_cursor().position;
    };
    ASSERT_TRUE(cluster_.RunUntil(settled, 1'000 * kMs));
    ASSERT_TRUE(Post());
    Complete({core().targets()[0].token - 1, core().targets()[1].token - 1});
    ASSERT_EQ(core().commit(), core().end_cursor().position);
  }

  paxos::Replica& core() { return cluster_.engine(kLeader).core(); }
  bool Propose() { return cluster_.Propose(kLeader, "command").refusal == paxos::Refusal::kNone; }
  bool Gather(Range& gathered) { return core().GatherToPost(paxos::EntryChecksum, gathered); }
  // A command, to both. False: not together, or not now.
  bool Post() {
    Range gathered;
    if (!Propose() || !Gather(gathered) || gathered.empty()) {
      return false;
    }
    core().PostedToAll(gathered.to);
    return true;
  }
  // As the transport would tell of it.
  std::vector<WriteTarget> Written(std::array<std::uint64_t, 2> tokens) {
    std::vector<WriteTarget> written(core().targets().begin(), core().targets().end());
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      written.at(i).token = tokens.at(i);
    }
    return written;
  }
  void Complete(std::array<std::uint64_t, 2> tokens) {
    EXPECT_TRUE(core().TryWrittenToAll(core().formation(), Written(tokens)));
  }
  std::uint64_t last_token(std::size_t i) { return core().targets()[i].token - 1; }

  static constexpr ReplicaId kLeader{0};
  Cluster cluster_;
};

TEST_F(FormationTest, TheFirstThatHasCompletedItCommitsIt) {
  ASSERT_TRUE(Post());
  const Position before = core().commit();
  Complete({0, 0});
  EXPECT_EQ(core().commit(), before) << "that says nothing";
  Complete({0, last_token(1)});
  EXPECT_EQ(core().commit(), core().end_cursor().position);
}

TEST_F(FormationTest, WhatHasCompletedOfManyIsCommittedThatFar) {
  std::vector<Position> ends;
  for (std::size_t i = 0; i < kDepth; ++i) {
    ASSERT_TRUE(Post());
    ends.push_back(core().end_cursor().position);
  }
  Complete({last_token(0) - 2, 0});
  EXPECT_EQ(core().commit(), ends.at(1));
  Complete({last_token(0) - 2, last_token(1) - 3});
  EXPECT_EQ(core().commit(), ends.at(1));
  Complete({last_token(0) - 2, last_token(1) - 1});
  EXPECT_EQ(core().commit(), ends.at(2));
  EXPECT_EQ(core().follower(core().targets()[0].peer)->acked, ends.at(1));
  EXPECT_EQ(core().follower(core().targets()[1].peer)->acked, ends.at(2));
  Complete({last_token(0), last_token(1)});
  EXPECT_EQ(core().follower(core().targets()[0].peer)->acked, ends.at(3));
  EXPECT_EQ(core().follower(core().targets()[0].peer)->under_way(), 0U);
}

// Whose place among the targets that is, and what its tokens stand for, may be another by now.
TEST_F(FormationTest, WhatIsReportedOfAnEarlierFormationIsNotTaken) {
  ASSERT_TRUE(Post());
  const Position before = core().commit();
  EXPECT_FALSE(core().TryWrittenToAll(core().formation() - 1, Written({last_token(0), last_token(1)})));
  EXPECT_EQ(core().commit(), before);
  EXPECT_EQ(core().follower(core().targets()[0].peer)->under_way(), 1U);
}

TEST_F(FormationTest, CommandsGatherWhileTheFirstHasNoRoom) {
  for (std::size_t i = 0; i < kDepth; ++i) {
    ASSERT_TRUE(Post()) << i;
  }
  EXPECT_FALSE(Post());
  Range gathered;
  EXPECT_TRUE(Gather(gathered)) << "there is nothing for the longer way to do";
  EXPECT_TRUE(gathered.empty());
  Complete({0, last_token(1) - 2});
  EXPECT_TRUE(Gather(gathered));
  EXPECT_FALSE(gathered.empty());
}

TEST_F(FormationTest, OneThatStragglesIsLeftToItself) {
  for (std::size_t i = 0; i < 2 * kDepth; ++i) {
    ASSERT_TRUE(Post()) << i;
    Complete({last_token(0), 0});
  }
  ASSERT_TRUE(Propose());
  Range gathered;
  EXPECT_FALSE(Gather(gathered));
  EXPECT_TRUE(gathered.empty());
}

TEST_F(FormationTest, WhatTheLinksAloneWereToldOfMakesRoom) {
  for (std::size_t i = 0; i < kDepth; ++i) {
    ASSERT_TRUE(Post()) << i;
  }
  ASSERT_TRUE(Propose());
  Range gathered;
  EXPECT_TRUE(Gather(gathered));
  EXPECT_TRUE(gathered.empty());
  for (std::size_t i = 0; i < 2; ++i) {
    core().OnWritten(core().targets()[i].peer, true, false, last_token(i));
  }
  EXPECT_TRUE(Gather(gathered));
  EXPECT_FALSE(gathered.empty());
}

TEST_F(FormationTest, WhoeverCompletesSomethingIsHeard) {
  const auto heard = [this](std::size_t i) { return core().follower(core().targets()[i].peer)->acked_ns; };
  ASSERT_TRUE(Post());
  const paxos::TimeNs before = heard(1);
  const paxos::TimeNs later = cluster_.world().now_ns() + kMs;
  core().SetTime(later);
  Complete({last_token(0), 0});
  EXPECT_EQ(heard(0), later);
  EXPECT_EQ(heard(1), before) << "it has completed nothing";
}

// A new formation is found while writes of the one before are under way; the oldest of them decides.
TEST_F(FormationTest, WhatWasPostedBeforeTheFormationIsAcknowledgedByItself) {
  ASSERT_TRUE(Post());
  const Position first = core().end_cursor().position;
  const std::uint64_t token = last_token(0);
  const std::uint64_t formation = core().formation();
  paxos::ControlWords words;
  words.incarnation = core().targets()[0].acceptor;
  core().OnControl(core().targets()[0].peer, words);  // its link is looked at, and nothing is new
  ASSERT_TRUE(Post());
  ASSERT_NE(core().formation(), formation) << "nothing was disturbed";
  Complete({token, 0});
  EXPECT_EQ(core().commit(), first);
}

// As many writes as a link may have, on a link of the longest.
class DeepFormationTest : public FormationTest {
 protected:
  DeepFormationTest() : FormationTest(paxos::kMaxPostedPerLink / 2) {}
};

TEST_F(DeepFormationTest, OneThatIsAsFarBehindAsCanBeHasAcceptedWhatItCompleted) {
  ASSERT_TRUE(Post());
  const Position first = core().end_cursor().position;
  Complete({last_token(0), last_token(1)});
  for (std::size_t i = 0; i < paxos::kMaxPostedPerLink; ++i) {
    ASSERT_TRUE(Post()) << i;
    Complete({last_token(0), 0});
  }
  EXPECT_EQ(core().follower(core().targets()[1].peer)->acked, first);
}

// Flush is what goes on with that.
TEST_F(FormationTest, NothingIsPostedTogetherWhileTheLeadershipIsHandedOver) {
  ASSERT_TRUE(Post());
  ASSERT_TRUE(core().HandOver(ReplicaId(1)));
  Range gathered;
  EXPECT_FALSE(Gather(gathered));
  EXPECT_TRUE(gathered.empty());
}

}  // namespace
}  // namespace gaios::sim

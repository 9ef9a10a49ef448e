// PostToAll: one range to several peers in one call, and what becomes of it.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/transport/verbs/fixture.h"

namespace gaios::transport::verbs {
namespace {

using paxos::WriteTarget;

constexpr std::size_t kLine = 64;

// What the writer hears.
class Heard final : public EventHandler {
 public:
  void OnCompletion(const Completion& completion) override {
    outcomes.push_back({completion.peer, completion.token, completion.outcome});
    if (completion.outcome == Outcome::kDone) {
      Done(completion.peer, completion.token);
    }
  }
  void OnWritten(std::uint64_t of, std::span<const WriteTarget> written) override {
    ++told;
    formation = of;
    for (const WriteTarget& target : written) {
      Done(target.peer, target.token);
    }
  }
  void OnControl(ReplicaId, Outcome, const ControlView&) override {}
  void OnMessage(ReplicaId, Incarnation, std::span<const std::byte>) override {}
  void OnGranted(Grant) override {}
  void OnLinkUp(ReplicaId, Incarnation) override {}
  void OnLinkDown(ReplicaId) override {}
  Range LiveRange(const std::byte*) override { return {}; }

  // Up to which token the writes to a peer are done, which never goes back.
  [[nodiscard]] std::uint64_t done(ReplicaId peer) const { return done_.at(peer.value()); }
  [[nodiscard]] std::vector<std::uint64_t> Failed(ReplicaId peer, Outcome how) const {
    std::vector<std::uint64_t> tokens;
    for (const auto& [from, token, outcome] : outcomes) {
      if (from == peer && outcome == how) {
        tokens.push_back(token);
      }
    }
    return tokens;
  }

  struct Told {
    ReplicaId peer;
    std::uint64_t token = 0;
    Outcome outcome = Outcome::kDone;
  };
  std::vector<Told> outcomes;
  std::size_t told = 0;
  std::uint64_t formation = 0;  // that was told of last

 private:
  void Done(ReplicaId peer, std::uint64_t token) {
    EXPECT_GE(token, done_.at(peer.value())) << "in posting order";
    done_.at(peer.value()) = token;
  }
  std::array<std::uint64_t, 3> done_ = {};
};

class PostingToAllTest : public VerbsTest {
 protected:
  // Two followers, who have granted.
  void SetUp() override {
    StartGroup("mlx5_core");
    Give(kWriter, grant_);
    at(kRival).GrantTo(kWriter, grant_);
    ASSERT_TRUE(PumpUntil([&] {
      return transport(kWriter).Write(kRival, grant_, kFirstLife, MakeRange(0, kLine), 1) == Post::kPosted;
    }));
    ASSERT_TRUE(Until([&] { return heard_.done(kRival) == 1; }));
    at(kWriter).FillLog(paxos::Position(0), Pattern(transport(kWriter).capacity(), 7));
    heard_ = {};
  }

  bool Until(const std::function<bool()>& holds) {
    for (int i = 0; i < kPatience && !holds(); ++i) {
      backend_->clock().AdvanceNs(kTurnNs);
      PumpOne(kAcceptor);
      PumpOne(kRival);
      transport(kWriter).Poll(heard_);
    }
    return holds();
  }
  // The next line to both. The tokens to one are ten above those to the other.
  bool PostLine(std::uint64_t formation) {
    const std::array<WriteTarget, 2> targets = {
        WriteTarget{.peer = kAcceptor, .acceptor = kFirstLife, .grant = grant_, .token = next_token_},
        WriteTarget{.peer = kRival, .acceptor = kFirstLife, .grant = grant_, .token = next_token_ + 10}};
    const std::uint64_t from = kLine * (next_token_ - kFirstToken);
    if (!transport(kWriter).PostToAll(targets, formation, MakeRange(from, from + kLine))) {
      return false;
    }
    ++next_token_;
    return true;
  }
  bool PostLines(std::size_t count, std::uint64_t formation) {
    for (std::size_t i = 0; i < count; ++i) {
      if (!PostLine(formation)) {
        return false;
      }
    }
    return true;
  }
  // Whether so many lines are there.
  bool Holds(ReplicaId id, std::size_t lines) {
    const Range range = MakeRange(0, lines * kLine);
    return at(id).LogBytes(range) == at(kWriter).LogBytes(range);
  }

  static constexpr std::uint64_t kFirstToken = 100;
  const Grant grant_ = MakeGrant(1, kWriter);
  std::uint64_t next_token_ = kFirstToken;
  Heard heard_;
};

TEST_F(PostingToAllTest, EachGetsTheRangeByOneWorkRequest) {
  const FakeDevice& own = device(kWriter);
  const std::uint64_t posted = own.posted;
  const std::uint64_t signalled = own.signalled;
  ASSERT_TRUE(PostLines(3, 1));
  EXPECT_EQ(own.posted - posted, 6U);
  EXPECT_EQ(own.signalled - signalled, 6U);
  ASSERT_TRUE(Until([&] { return heard_.done(kAcceptor) == 102 && heard_.done(kRival) == 112; }));
  EXPECT_TRUE(Holds(kAcceptor, 3));
  EXPECT_TRUE(Holds(kRival, 3));
  EXPECT_TRUE(heard_.outcomes.empty()) << "they are told together";
  EXPECT_LE(heard_.told, 6U);
}

// More complete than one look takes.
TEST_F(PostingToAllTest, WhatALookHasNotFoundIsNotDone) {
  constexpr std::size_t kLines = 20;
  ASSERT_TRUE(PostLines(kLines, 1));
  transport(kWriter).Poll(heard_);
  // Of one of them or of both.
  EXPECT_LT(heard_.done(kAcceptor) + heard_.done(kRival), 2 * (kFirstToken + kLines - 1) + 10);
  ASSERT_TRUE(Until([&] {
    return heard_.done(kAcceptor) == kFirstToken + kLines - 1 &&
           heard_.done(kRival) == kFirstToken + 10 + kLines - 1;
  }));
}

TEST_F(PostingToAllTest, WhatIsPostedByItselfKeepsItsPlace) {
  device(kWriter).hold = true;
  ASSERT_TRUE(PostLines(2, 1));
  ASSERT_EQ(transport(kWriter).WriteWord(kAcceptor, grant_, kFirstLife, LogWord::kCommit, 5, 102),
            Post::kPosted);
  EXPECT_TRUE(heard_.outcomes.empty());
  // In another formation, as whoever posts a word among them has to say.
  const std::array<WriteTarget, 2> targets = {
      WriteTarget{.peer = kAcceptor, .acceptor = kFirstLife, .grant = grant_, .token = 103},
      WriteTarget{.peer = kRival, .acceptor = kFirstLife, .grant = grant_, .token = 112}};
  ASSERT_TRUE(transport(kWriter).PostToAll(targets, 2, MakeRange(2 * kLine, 3 * kLine)));
  transport(kWriter).Poll(heard_);
  EXPECT_EQ(heard_.done(kAcceptor), 0U);
  device(kWriter).hold = false;
  ASSERT_TRUE(Until([&] { return heard_.done(kAcceptor) == 103 && heard_.done(kRival) == 112; }));
  EXPECT_TRUE(Holds(kAcceptor, 3));
  EXPECT_TRUE(Holds(kRival, 3));
  EXPECT_EQ(transport(kAcceptor).ReadLogWord(LogWord::kCommit), 5U);
}

TEST_F(PostingToAllTest, WhatAFenceEndsIsToldOneByOneAndTheOthersGoOn) {
  device(kWriter).hold = true;
  ASSERT_TRUE(PostLines(3, 1));
  at(kAcceptor).GrantTo(kRival, MakeGrant(2, kRival));
  ASSERT_TRUE(Until([&] { return heard_.Failed(kAcceptor, Outcome::kFenced).size() == 3; }));
  EXPECT_EQ(heard_.Failed(kAcceptor, Outcome::kFenced), (std::vector<std::uint64_t>{100, 101, 102}));
  EXPECT_FALSE(PostLine(1)) << "P2: not under a grant that is over";
  device(kWriter).hold = false;
  ASSERT_TRUE(Until([&] { return heard_.done(kRival) == 112; }));
  EXPECT_FALSE(Holds(kAcceptor, 3));
  EXPECT_TRUE(Holds(kRival, 3));
}

TEST_F(PostingToAllTest, WhatAQueuePairDoesNotTakeIsDown) {
  ASSERT_TRUE(PostLine(1));
  ASSERT_TRUE(Until([&] { return heard_.done(kRival) == 110 && heard_.done(kAcceptor) == 100; }));
  device(kWriter).fail_post_send = 1;  // that to the first
  ASSERT_TRUE(PostLine(1));
  EXPECT_EQ(counters(kWriter).posts_failed, 1U);
  ASSERT_TRUE(Until([&] { return !heard_.Failed(kAcceptor, Outcome::kDown).empty(); }));
  EXPECT_EQ(heard_.Failed(kAcceptor, Outcome::kDown), std::vector<std::uint64_t>{101});
  ASSERT_TRUE(Until([&] { return heard_.done(kRival) == 111; }));
}

TEST_F(PostingToAllTest, AFailedWorkRequestEndsItsPathAlone) {
  ASSERT_TRUE(PostLine(1));
  ASSERT_TRUE(Until([&] { return heard_.done(kRival) == 110 && heard_.done(kAcceptor) == 100; }));
  device(kWriter).fail_opcode = IBV_WR_RDMA_WRITE;  // the next
  device(kWriter).fail_status = IBV_WC_RETRY_EXC_ERR;
  ASSERT_TRUE(PostLines(2, 1));
  const auto down = [&](ReplicaId id) { return heard_.Failed(id, Outcome::kDown).size(); };
  ASSERT_TRUE(Until([&] { return down(kAcceptor) + down(kRival) == 2; }));
  const ReplicaId failed = down(kAcceptor) != 0 ? kAcceptor : kRival;
  const std::uint64_t first = failed == kAcceptor ? 101 : 111;
  EXPECT_EQ(heard_.Failed(failed, Outcome::kDown), (std::vector<std::uint64_t>{first, first + 1}));
  const ReplicaId other = failed == kAcceptor ? kRival : kAcceptor;
  ASSERT_TRUE(Until([&] { return heard_.done(other) == (other == kAcceptor ? 102U : 112U); }));
}

TEST_F(PostingToAllTest, NothingIsPostedWhereOneCannotBePostedTo) {
  const std::uint64_t posted = device(kWriter).posted;
  const std::array<WriteTarget, 2> targets = {
      WriteTarget{.peer = kRival, .acceptor = kFirstLife, .grant = grant_, .token = 110},
      WriteTarget{.peer = kAcceptor, .acceptor = kFirstLife, .grant = MakeGrant(9, kWriter), .token = 100}};
  EXPECT_FALSE(transport(kWriter).PostToAll(targets, 1, MakeRange(0, kLine)));
  const std::uint64_t capacity = transport(kWriter).capacity();
  const std::array<WriteTarget, 1> one = {targets[0]};
  EXPECT_FALSE(transport(kWriter).PostToAll(one, 2, MakeRange(capacity - kLine, capacity + kLine)))
      << "it goes on at the start of the ring";
  EXPECT_FALSE(transport(kWriter).PostToAll({}, 3, MakeRange(0, kLine))) << "that is nobody";
  EXPECT_EQ(device(kWriter).posted, posted);
}

TEST_F(PostingToAllTest, AnotherFormationOfTheSamePathsGoesOn) {
  device(kWriter).hold = true;
  ASSERT_TRUE(PostLines(2, 1));
  ASSERT_TRUE(PostLine(2));
  device(kWriter).hold = false;
  ASSERT_TRUE(Until([&] { return heard_.done(kAcceptor) == 102 && heard_.done(kRival) == 112; }));
  EXPECT_TRUE(Holds(kAcceptor, 3));
  EXPECT_TRUE(Holds(kRival, 3));
  EXPECT_TRUE(heard_.outcomes.empty()) << "nothing was let go of";
  EXPECT_EQ(heard_.formation, 2U);
}

TEST_F(PostingToAllTest, AnotherFormationIsOfThoseThatItNames) {
  const auto post = [&](std::vector<WriteTarget> targets, std::uint64_t formation, std::uint64_t line) {
    return transport(kWriter).PostToAll(targets, formation, MakeRange(line * kLine, (line + 1) * kLine));
  };
  const auto target = [&](ReplicaId peer, std::uint64_t token) {
    return WriteTarget{.peer = peer, .acceptor = kFirstLife, .grant = grant_, .token = token};
  };
  device(kWriter).hold = true;
  ASSERT_TRUE(PostLine(1));
  ASSERT_TRUE(post({target(kRival, 111), target(kAcceptor, 101)}, 2, 1)) << "in another order";
  ASSERT_TRUE(post({target(kRival, 115), target(kAcceptor, 105)}, 3, 2)) << "tokens have gone up";
  ASSERT_TRUE(post({target(kRival, 116)}, 4, 3)) << "of one alone";
  WriteTarget former = target(kRival, 117);
  former.grant = MakeGrant(9, kWriter);
  EXPECT_FALSE(post({former}, 5, 4)) << "P2: not under a grant that it does not hold";
  former = target(kRival, 117);
  former.acceptor = Incarnation(2);
  EXPECT_FALSE(post({former}, 6, 4)) << "P2: nor in another life";
  device(kWriter).hold = false;
  ASSERT_TRUE(Until([&] { return heard_.done(kAcceptor) == 105 && heard_.done(kRival) == 116; }));
  EXPECT_TRUE(Holds(kAcceptor, 3));
  EXPECT_FALSE(Holds(kAcceptor, 4));
  EXPECT_TRUE(Holds(kRival, 4));
}

TEST_F(PostingToAllTest, NoMoreIsUnderWayThanALinkHolds) {
  device(kWriter).hold = true;
  ASSERT_TRUE(PostLines(paxos::kMaxPostedPerLink, 1));
  EXPECT_FALSE(PostLine(1));
  EXPECT_FALSE(PostLine(2)) << "nor by another formation";
  EXPECT_EQ(transport(kWriter).Write(kAcceptor, grant_, kFirstLife, MakeRange(0, kLine), 900), Post::kFull);
  device(kWriter).hold = false;
  const std::uint64_t last = kFirstToken + paxos::kMaxPostedPerLink - 1;
  ASSERT_TRUE(Until([&] { return heard_.done(kAcceptor) == last && heard_.done(kRival) == last + 10; }));
  EXPECT_TRUE(PostLine(3));
}

}  // namespace
}  // namespace gaios::transport::verbs

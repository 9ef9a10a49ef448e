// A replica that is behind takes over the state of another, and goes on as if it had applied everything
// itself: equal hashes, equal replies, each command of a session run once. On the simulated transport.

#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/rsm/order_book/order_book_machine.h"
#include "gaios/rsm/replica.h"
#include "gaios/transport/sim/world.h"

#include "tests/rsm/order_book/random_commands.h"
#include "tests/support/memory_snapshot.h"

namespace gaios::rsm {
namespace {

using paxos::ReplicaId;

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::size_t kCapacity = 16384;
constexpr std::uint64_t kHashInterval = 8;

// Adds up the bytes of its commands; the reply is the sum.
class Adder final : public StateMachine {
 public:
  void Apply(const Command& command, Reply& reply) override {
    for (const std::byte each : command.bytes) {
      sum = sum * 31 + static_cast<std::uint64_t>(each);
    }
    latest_ns = command.time_ns;
    ASSERT_TRUE(reply.Append(std::as_bytes(std::span(&sum, 1))));
  }
  [[nodiscard]] std::uint64_t StateHash() const override { return sum; }
  [[nodiscard]] absl::Status Save(SnapshotSink& sink) const override {
    return sink.Append(std::as_bytes(std::span(&sum, 1)));
  }
  [[nodiscard]] absl::Status Restore(SnapshotSource& source) override {
    std::uint64_t read = 0;
    absl::Status status = source.Read(std::as_writable_bytes(std::span(&read, 1)));
    if (status.ok()) {
      sum = read + (forgetful ? 1 : 0);
    }
    return status;
  }
  std::uint64_t sum = 0;
  std::uint64_t latest_ns = 0;
  bool forgetful = false;  // its Restore does not give back what its Save took
};

struct Answer {
  Applied how = Applied::kApplied;
  std::string reply;
};

class Group : private ProposalListener {
 public:
  template <typename Make>
  explicit Group(Make make) : world(WorldOf()) {
    for (std::uint8_t i = 0; i < 3; ++i) {
      machines.push_back(make());
      members.push_back(
          std::make_unique<Replica>(OptionsOf(i), world.transport(ReplicaId(i)), clock, *machines.back()));
    }
  }
  static transport::sim::WorldOptions WorldOf() {
    transport::sim::WorldOptions options;
    options.replicas = 3;
    options.capacity_bytes = kCapacity;
    return options;
  }
  static ReplicaOptions OptionsOf(std::uint8_t self) {
    ReplicaOptions options;
    options.protocol.self = ReplicaId(self);
    options.protocol.group = paxos::GroupId(7);
    options.protocol.configuration = paxos::Configuration::Bootstrap(3);
    options.protocol.capacity_bytes = kCapacity;
    options.protocol.election_jitter_ns = 20 * kMs * self;
    options.sessions.max_sessions = 4;
    options.hash_interval_commands = kHashInterval;
    return options;
  }
  template <typename Done>
  bool RunUntil(Done done, std::uint64_t limit_ms = 5000) {
    const std::uint64_t end = world.now_ns() + limit_ms * kMs;
    while (!done()) {
      if (world.now_ns() >= end) {
        return false;
      }
      clock.SetNs(world.now_ns());
      bool active = false;
      for (std::size_t i = 0; i < members.size(); ++i) {
        active = (i != stopped && members[i]->Poll()) || active;
      }
      if (!active) {
        world.AdvanceTo(std::min(world.now_ns() + kMs, std::max(world.now_ns(), world.NextEventNs())));
      }
    }
    return true;
  }
  // Whether the leader takes it.
  Taken Propose(SessionCommand session, std::span<const std::byte> command) {
    return members[0]->ProposeIn(session, command, *this, 0);
  }
  // The leader's answer.
  Answer Run(SessionCommand session, std::span<const std::byte> command) {
    answered = false;
    EXPECT_TRUE(RunUntil([&] { return Propose(session, command) == Taken::kTaken; }));
    EXPECT_TRUE(RunUntil([&] { return answered; }));
    return answer;
  }
  std::uint64_t OpenSession() {
    answered = false;
    EXPECT_TRUE(RunUntil([&] { return members[0]->OpenSession(*this, 0) == Taken::kTaken; }));
    EXPECT_TRUE(RunUntil([&] { return answered; }));
    std::uint64_t id = 0;
    std::memcpy(&id, answer.reply.data(), sizeof(id));
    return id;
  }
  // Replica 2 does nothing until its log is of no use to it, and the leader has taken it out of the way.
  void LeaveBehind(std::uint64_t session, std::uint64_t& sequence, auto next_command) {
    stopped = 2;
    const paxos::Position from = members[2]->core().commit();
    while (members[0]->core().retained() <= from + 2 * kCapacity) {
      Run({session, ++sequence}, next_command());
    }
    ASSERT_TRUE(RunUntil([&] { return members[1]->core().commit() == members[0]->core().commit(); }));
    stopped = 3;
    ASSERT_TRUE(RunUntil([&] { return members[2]->SnapshotWanted().has_value(); }));
    EXPECT_GT(members[2]->SnapshotWanted().value_or(paxos::Position()), members[2]->core().commit());
  }
  void OnCommitted(std::uint64_t, std::uint64_t, Applied how, std::span<const std::byte> reply) override {
    answer = {how, {reinterpret_cast<const char*>(reply.data()), reply.size()}};
    answered = true;
  }
  void OnUnknown(std::uint64_t) override { ADD_FAILURE() << "the leader stays"; }

  transport::sim::World world;
  base::ManualClock clock;
  std::vector<std::unique_ptr<StateMachine>> machines;
  std::vector<std::unique_ptr<Replica>> members;
  std::size_t stopped = 3;
  Answer answer;
  bool answered = false;
};

struct TakenSnapshot {
  SnapshotFacts facts;
  std::vector<std::byte> bytes;
};

TakenSnapshot Take(const Replica& replica) {
  MemorySink sink;
  EXPECT_TRUE(replica.SaveSnapshot(sink).ok());
  return {replica.DescribeState(), sink.bytes()};
}

absl::Status Install(Replica& replica, const TakenSnapshot& snapshot) {
  MemorySource source(snapshot.bytes);
  return replica.InstallSnapshot(snapshot.facts, source);
}

// Leaves replica 2 behind, gives it replica 1's state, has it lead, and asks it what the others had answered.
template <typename NextCommand>
void ExpectTakeOver(Group& group, NextCommand next_command) {
  ASSERT_TRUE(group.RunUntil([&] { return group.members[0]->leading(); }));
  const std::uint64_t session = group.OpenSession();
  std::uint64_t sequence = 0;
  ASSERT_TRUE(group.RunUntil([&] { return group.members[2]->sessions().size() == 1; }));
  group.LeaveBehind(session, sequence, next_command);

  const std::span<const std::byte> drawn = next_command();  // valid until the next one
  const std::vector<std::byte> last_command(drawn.begin(), drawn.end());
  ++sequence;
  const Answer last = group.Run({session, sequence}, last_command);
  ASSERT_EQ(last.how, Applied::kApplied);
  ASSERT_TRUE(group.RunUntil(
      [&] { return group.members[1]->applied_commands() == group.members[0]->applied_commands(); }));

  ASSERT_TRUE(Install(*group.members[2], Take(*group.members[1])).ok());
  EXPECT_EQ(group.members[2]->applied_commands(), group.members[1]->applied_commands());
  EXPECT_EQ(group.members[2]->state_hash(), group.members[1]->state_hash());
  EXPECT_EQ(Take(*group.members[2]).bytes, Take(*group.members[1]).bytes);
  EXPECT_FALSE(group.members[2]->SnapshotWanted().has_value());

  // The leader takes it back, and it follows; hashes are compared on the way.
  for (std::uint64_t i = 0; i < 3 * kHashInterval; ++i) {
    group.Run({session, ++sequence}, next_command());
  }
  ASSERT_TRUE(group.RunUntil(
      [&] { return group.members[2]->applied_commands() == group.members[0]->applied_commands(); }));
  EXPECT_FALSE(group.members[2]->divergence().has_value());
  EXPECT_EQ(Take(*group.members[2]).bytes, Take(*group.members[0]).bytes);

  // A retry across the snapshot: not run again, and answered as it was by those who did run it.
  const std::uint64_t commands = group.members[0]->applied_commands();
  const Answer retried = group.Run({session, sequence - 3 * kHashInterval}, last_command);
  EXPECT_EQ(retried.how, Applied::kDuplicate);
  EXPECT_EQ(retried.reply, last.reply);
  EXPECT_EQ(group.members[0]->applied_commands(), commands);
}

TEST(ReplicaSnapshot, ACounterGoesOnWhereAnotherWas) {
  Group group([] { return std::make_unique<Adder>(); });
  std::string text;
  std::size_t count = 0;
  ExpectTakeOver(group, [&] {
    text = "command " + std::to_string(++count) + std::string(200, '.');
    return std::as_bytes(std::span(text));
  });
}

TEST(ReplicaSnapshot, AnOrderBookGoesOnWhereAnotherWas) {
  constexpr order_book::OrderBookOptions kBook{.instruments = 3, .max_orders = 500};
  Group group([&] { return *order_book::OrderBookMachine::Make(kBook); });
  order_book::RandomCommands random(3, {});
  ExpectTakeOver(group, [&] { return random.Next(); });
}

// Hears that nothing came of it.
class Unheard final : public ProposalListener {
 public:
  void OnCommitted(std::uint64_t, std::uint64_t, Applied, std::span<const std::byte>) override {
    ADD_FAILURE() << "nobody knows that it is chosen";
  }
  void OnUnknown(std::uint64_t) override { ++unknown; }
  int unknown = 0;
};

TEST(ReplicaSnapshot, OneThatEndsAppliesAllThatItsLogHoldsAlsoWhatNobodyHasCalledChosen) {
  Group group([] { return std::make_unique<Adder>(); });
  Replica& leader = *group.members[0];
  Replica& follower = *group.members[1];
  ASSERT_TRUE(group.RunUntil([&] { return leader.leading(); }));
  const std::string text = "a command";
  const std::uint64_t session = group.OpenSession();
  group.Run({session, 1}, std::as_bytes(std::span(text)));
  ASSERT_TRUE(group.RunUntil([&] { return follower.applied_commands() == leader.applied_commands(); }));
  // The leader writes one more into the others' memory, and does nothing any more.
  Unheard listener;
  ASSERT_EQ(leader.Propose(std::as_bytes(std::span(text)), listener, 0), Taken::kTaken);
  leader.Poll();
  group.stopped = 0;
  ASSERT_TRUE(
      group.RunUntil([&] { return follower.core().end_cursor().position > follower.core().commit(); }));
  const std::uint64_t commands = follower.applied_commands();
  const paxos::Position commit = follower.core().commit();
  const SnapshotFacts facts = follower.ApplyAllThatIsHeld();
  EXPECT_EQ(facts.applied_commands, commands + 1);
  EXPECT_EQ(facts.cursor.position, follower.core().end_cursor().position);
  EXPECT_EQ(facts.state_hash, follower.state_hash());
  EXPECT_EQ(follower.core().commit(), commit) << "that is no commit of the group";
  // So does one that led, and who asked it hears that it does not know.
  const SnapshotFacts of_leader = leader.ApplyAllThatIsHeld();
  EXPECT_EQ(of_leader.state_hash, facts.state_hash);
  EXPECT_EQ(of_leader.cursor, facts.cursor);
  EXPECT_EQ(listener.unknown, 1);
}

// What the group looks like once replica 2 wants a snapshot.
class Behind : public ::testing::Test {
 protected:
  Behind() {
    EXPECT_TRUE(group_.RunUntil([&] { return group_.members[0]->leading(); }));
    EXPECT_TRUE(group_.RunUntil([&] { return group_.members[2]->core().commit() > paxos::Position(); }));
    session_ = group_.OpenSession();
    group_.LeaveBehind(session_, sequence_, [&] { return std::as_bytes(std::span(text_)); });
  }
  // Everything that could have changed.
  [[nodiscard]] std::vector<std::byte> StateOf(std::size_t which) {
    const TakenSnapshot taken = Take(*group_.members[which]);
    std::vector<std::byte> all = taken.bytes;
    const auto add = [&all](std::uint64_t value) {
      const auto bytes = std::as_bytes(std::span(&value, 1));
      all.insert(all.end(), bytes.begin(), bytes.end());
    };
    add(taken.facts.applied_commands);
    add(taken.facts.time_ns);
    add(taken.facts.cursor.position.value());
    add(group_.members[which]->core().commit().value());
    return all;
  }

  Group group_{[] { return std::make_unique<Adder>(); }};
  const std::string text_ = std::string(200, 'c');
  std::uint64_t session_ = 0;
  std::uint64_t sequence_ = 0;
};

TEST_F(Behind, OneThatCannotBeReadChangesNothing) {
  const std::vector<std::byte> before = StateOf(2);
  const TakenSnapshot taken = Take(*group_.members[1]);
  for (const std::size_t cut :
       {std::size_t{1}, std::size_t{8}, taken.bytes.size() - 20, taken.bytes.size()}) {
    TakenSnapshot short_one = taken;
    short_one.bytes.resize(taken.bytes.size() - cut);
    EXPECT_FALSE(Install(*group_.members[2], short_one).ok());
    EXPECT_EQ(StateOf(2), before);
  }
  TakenSnapshot wrong_size = taken;
  wrong_size.facts.sessions_bytes += 8;
  EXPECT_EQ(Install(*group_.members[2], wrong_size).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(StateOf(2), before);
  EXPECT_FALSE(group_.members[2]->divergence().has_value());
  EXPECT_TRUE(Install(*group_.members[2], taken).ok());
}

TEST_F(Behind, OneFromBeforeIsOfNoUse) {
  const TakenSnapshot old = Take(*group_.members[2]);
  EXPECT_EQ(Install(*group_.members[2], old).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Install(*group_.members[1], Take(*group_.members[0])).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(Behind, ALeaderInstallsNone) {
  EXPECT_EQ(Install(*group_.members[0], Take(*group_.members[1])).code(), absl::StatusCode::kUnavailable);
}

TEST_F(Behind, AStateOfAnotherHashIsADivergence) {
  static_cast<Adder&>(*group_.machines[2]).forgetful = true;
  const absl::Status status = Install(*group_.members[2], Take(*group_.members[1]));
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(status.message().find("Save and Restore"), absl::string_view::npos) << status;
  const auto divergence = group_.members[2]->divergence();
  EXPECT_TRUE(divergence.has_value() && divergence->leader_hash == group_.members[1]->state_hash());
  EXPECT_FALSE(group_.members[2]->SnapshotWanted().has_value());
}

// One whose snapshots come when the ring has gone on again: after some rounds of that it is waited for.
class PassedByAgain : public Behind {
 protected:
  using Link = paxos::FollowerLink;
  Replica& leader() { return *group_.members[0]; }
  Replica& follower() { return *group_.members[2]; }
  [[nodiscard]] const Link& link() const { return *group_.members[0]->core().follower(ReplicaId(2)); }
  Answer Run() { return group_.Run({session_, ++sequence_}, std::as_bytes(std::span(text_))); }
  // Twice what the ring holds.
  void GoRound() {
    for (std::size_t bytes = 0; bytes < 2 * kCapacity; bytes += text_.size()) {
      ASSERT_EQ(Run().how, Applied::kApplied);
    }
  }
  TakenSnapshot TakeOfAnother() {
    EXPECT_TRUE(group_.RunUntil(
        [&] { return group_.members[1]->applied_commands() == leader().applied_commands(); }));
    return Take(*group_.members[1]);
  }
  void AwaitBehind() {
    ASSERT_TRUE(group_.RunUntil([&] { return link().stage == Link::Stage::kBehind; }));
  }
  // A snapshot that comes when the ring has gone on, and that the leader has seen come.
  void BeLate() {
    AwaitBehind();
    const TakenSnapshot taken = TakeOfAnother();
    GoRound();
    EXPECT_FALSE(link().waited_for) << "it is not late again before its snapshot has come";
    ASSERT_TRUE(Install(follower(), taken).ok());
    ASSERT_TRUE(group_.RunUntil([&] { return link().reach >= follower().core().commit(); }));
  }
  // Proposes until a command is refused, and at most what two rings hold; how many bytes were taken.
  std::uint64_t TakenUntilFull() {
    std::uint64_t taken = 0;
    EXPECT_TRUE(group_.RunUntil([&] {
      if (group_.Propose({session_, sequence_ + 1}, std::as_bytes(std::span(text_))) != Taken::kTaken) {
        return true;
      }
      ++sequence_;
      taken += text_.size();
      return taken > 2 * kCapacity;
    }));
    return taken;
  }
  // Commands are offered all the time; whether it is waited for no longer before its time is over.
  bool CatchesUp() {
    const std::uint64_t begin_ns = group_.world.now_ns();
    EXPECT_TRUE(group_.RunUntil([&] {
      if (group_.Propose({session_, sequence_ + 1}, std::as_bytes(std::span(text_))) == Taken::kTaken) {
        ++sequence_;
      }
      return !link().waited_for;
    }));
    return group_.world.now_ns() - begin_ns < paxos::Options().drop_timeout_ns / 2;
  }
};

TEST_F(PassedByAgain, ItIsWaitedForUntilItHasCaughtUp) {
  BeLate();
  ASSERT_TRUE(link().waited_for);
  const paxos::Position kept = link().kept_from;
  group_.stopped = 2;
  const std::uint64_t taken = TakenUntilFull();
  EXPECT_GT(taken, 0U);
  EXPECT_LT(taken, kCapacity);
  EXPECT_LE(leader().core().retained(), kept);
  const TakenSnapshot snapshot = Take(*group_.members[1]);
  group_.stopped = 3;
  ASSERT_TRUE(Install(follower(), snapshot).ok());
  EXPECT_TRUE(CatchesUp());
  EXPECT_TRUE(link().in_sync);
  // And nothing is kept for it that it has. The next wait is as soon as this one was, for it has kept up.
  GoRound();
  EXPECT_TRUE(group_.RunUntil([&] { return link().passes_until_wait == Link::kFewPasses; }));
}

TEST_F(PassedByAgain, WhatIsWithinTheRingIsKeptThere) {
  AwaitBehind();
  ASSERT_TRUE(Install(follower(), TakeOfAnother()).ok());
  ASSERT_TRUE(group_.RunUntil([&] { return link().stage != Link::Stage::kBehind; }));
  // Its log goes on where the ring reaches back to, and it is granted nothing before that has gone on.
  group_.stopped = 2;
  GoRound();
  group_.stopped = 3;
  AwaitBehind();
  EXPECT_EQ(link().passed_by, 2U);
  EXPECT_FALSE(link().waited_for);
  ASSERT_TRUE(Install(follower(), TakeOfAnother()).ok());
  ASSERT_TRUE(group_.RunUntil([&] { return link().waited_for || link().in_sync; }));
  EXPECT_TRUE(CatchesUp());
  EXPECT_TRUE(link().in_sync);
}

TEST_F(PassedByAgain, OneThatDoesNotCatchUpHasItsTimeAndThenLessOften) {
  BeLate();
  ASSERT_TRUE(link().waited_for);
  group_.stopped = 2;
  EXPECT_LT(TakenUntilFull(), kCapacity);
  // Commands are taken again, by time alone.
  const std::uint64_t begin_ns = group_.world.now_ns();
  Run();
  EXPECT_LE(group_.world.now_ns() - begin_ns, paxos::Options().drop_timeout_ns * 5 / 4);
  EXPECT_FALSE(link().waited_for);
  group_.stopped = 3;
  for (std::uint32_t late = 1; late < 2 * Link::kFewPasses; ++late) {
    BeLate();
    EXPECT_FALSE(link().waited_for) << late;
    EXPECT_EQ(link().passed_by, late);
  }
  BeLate();
  EXPECT_TRUE(link().waited_for);
}

TEST_F(PassedByAgain, OneThatIsRemovedIsWaitedForNoLonger) {
  BeLate();
  ASSERT_TRUE(link().waited_for);
  group_.stopped = 2;
  paxos::ConfigurationChange removal;
  removal.kind = paxos::ConfigurationChange::Kind::kRemove;
  removal.replica = ReplicaId(2);
  ASSERT_TRUE(
      group_.RunUntil([&] { return leader().ChangeMembership(removal) == paxos::ChangeRefusal::kNone; }));
  ASSERT_TRUE(group_.RunUntil([&] {
    const Link* const left = leader().core().follower(ReplicaId(2));
    return left == nullptr || !left->waited_for;
  }));
  GoRound();
}

// Whatever the count at which it goes on: hashes are compared where the others take theirs.
TEST_F(Behind, OneThatDivergesLaterIsFoundOut) {
  while (group_.members[1]->applied_commands() % kHashInterval != 3) {
    group_.Run({session_, ++sequence_}, std::as_bytes(std::span(text_)));
    ASSERT_TRUE(group_.RunUntil(
        [&] { return group_.members[1]->applied_commands() == group_.members[0]->applied_commands(); }));
  }
  ASSERT_TRUE(Install(*group_.members[2], Take(*group_.members[1])).ok());
  static_cast<Adder&>(*group_.machines[2]).sum += 1;
  for (std::uint64_t i = 0; i < 2 * kHashInterval; ++i) {
    group_.Run({session_, ++sequence_}, std::as_bytes(std::span(text_)));
  }
  EXPECT_TRUE(group_.RunUntil([&] { return group_.members[2]->divergence().has_value(); }));
}

// The state of a group begins a new one: its time goes on, its sessions do not.
TEST_F(Behind, ANewGroupBeginsWithTheStateOfAnother) {
  const TakenSnapshot taken = Take(*group_.members[1]);
  const auto old_latest = static_cast<Adder&>(*group_.machines[1]).latest_ns;
  Group other([] { return std::make_unique<Adder>(); });
  for (const auto& member : other.members) {
    MemorySource source(std::span(taken.bytes).subspan(taken.facts.sessions_bytes));
    ASSERT_TRUE(member->BeginWith(taken.facts, source).ok());
  }
  ASSERT_TRUE(other.RunUntil([&] { return other.members[0]->leading(); }));
  EXPECT_EQ(other.members[0]->state_hash(), group_.members[1]->state_hash());
  EXPECT_EQ(other.members[0]->sessions().size(), 0U);
  const std::uint64_t session = other.OpenSession();
  for (std::uint64_t i = 1; i <= 2 * kHashInterval; ++i) {
    other.Run({session, i}, std::as_bytes(std::span(text_)));
  }
  ASSERT_TRUE(other.RunUntil(
      [&] { return other.members[2]->applied_commands() == other.members[0]->applied_commands(); }));
  EXPECT_EQ(other.members[2]->applied_commands(), taken.facts.applied_commands + 2 * kHashInterval);
  EXPECT_EQ(other.members[2]->state_hash(), other.members[0]->state_hash());
  EXPECT_FALSE(other.members[2]->divergence().has_value());
  EXPECT_GE(static_cast<Adder&>(*other.machines[0]).latest_ns, old_latest);
}

}  // namespace
}  // namespace gaios::rsm

// rsm::Replica on the simulated transport: replies, sessions, what becomes of proposals when the leadership
// is lost, backpressure, and replicas that diverge.

#include "gaios/rsm/replica.h"

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/paxos/invariants.h"
#include "gaios/transport/sim/world.h"

namespace gaios::rsm {
namespace {

using paxos::ReplicaId;

constexpr std::uint64_t kMs = 1'000'000;

std::string Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Appends every command to a text and replies with its number.
class Journal final : public StateMachine {
 public:
  void Apply(const Command& command, Reply& reply) override {
    commands.push_back(Text(command.bytes));
    times.push_back(command.time_ns);
    const std::string answer = std::to_string(commands.size());
    ASSERT_TRUE(reply.Append(std::as_bytes(std::span(answer))));
    hash = hash * 31 + command.bytes.size() + (diverge_at != 0 && commands.size() >= diverge_at ? 1 : 0);
  }
  [[nodiscard]] std::uint64_t StateHash() const override { return hash; }
  [[nodiscard]] absl::Status Save(SnapshotSink&) const override { return absl::OkStatus(); }
  [[nodiscard]] absl::Status Restore(SnapshotSource&) override { return absl::OkStatus(); }

  std::vector<std::string> commands;
  std::vector<std::uint64_t> times;
  std::uint64_t hash = 1;
  std::size_t diverge_at = 0;
};

class Listener final : public ProposalListener {
 public:
  void OnCommitted(std::uint64_t tag, std::uint64_t, Applied how, std::span<const std::byte> reply) override {
    ++answers[tag];
    hows[tag] = how;
    replies[tag] = Text(reply);
  }
  void OnUnknown(std::uint64_t tag) override {
    ++answers[tag];
    unknown.push_back(tag);
  }
  std::map<std::uint64_t, int> answers;
  std::map<std::uint64_t, Applied> hows;
  std::map<std::uint64_t, std::string> replies;
  std::vector<std::uint64_t> unknown;
};

class Group {
 public:
  explicit Group(std::size_t replicas, std::size_t capacity = 16384, std::uint64_t hash_interval = 0)
      : invariants(paxos::Configuration::Bootstrap(replicas)), world(WorldOf(replicas, capacity)) {
    for (std::size_t i = 0; i < replicas; ++i) {
      ReplicaOptions options;
      options.protocol.self = ReplicaId(static_cast<std::uint8_t>(i));
      options.protocol.group = paxos::GroupId(7);
      options.protocol.configuration = paxos::Configuration::Bootstrap(replicas);
      options.protocol.capacity_bytes = capacity;
      options.protocol.election_jitter_ns = 20 * kMs * i;
      options.max_proposals = 64;
      options.sessions.max_sessions = 4;
      options.hash_interval_commands = hash_interval;
      machines.push_back(std::make_unique<Journal>());
      members.push_back(std::make_unique<Replica>(options, world.transport(options.protocol.self), clock,
                                                  *machines[i], &invariants));
    }
  }
  static transport::sim::WorldOptions WorldOf(std::size_t replicas, std::size_t capacity) {
    transport::sim::WorldOptions options;
    options.replicas = replicas;
    options.capacity_bytes = capacity;
    return options;
  }
  template <typename Done>
  bool RunUntil(Done done, std::uint64_t limit_ms = 2000) {
    const std::uint64_t end = world.now_ns() + limit_ms * kMs;
    while (!done()) {
      if (world.now_ns() >= end) {
        return false;
      }
      bool active = false;
      clock.SetNs(world.now_ns());
      for (std::size_t i = 0; i < members.size(); ++i) {
        if (world.alive(ReplicaId(static_cast<std::uint8_t>(i))) && !stopped.contains(i)) {
          active = members[i]->Poll() || active;
        }
      }
      if (!active) {
        world.AdvanceTo(std::min(world.now_ns() + kMs, std::max(world.now_ns(), world.NextEventNs())));
      }
    }
    return true;
  }
  bool Lead(std::size_t which) {
    return RunUntil([&] { return members[which]->leading() && members[which]->core().has_quorum(); });
  }
  Taken Propose(std::size_t which, const std::string& text, std::uint64_t tag) {
    return members[which]->Propose(std::as_bytes(std::span(text)), listener, tag);
  }
  bool Settle() {
    return RunUntil([&] {
      for (const auto& member : members) {
        if (member->applied_commands() != members[0]->applied_commands()) {
          return false;
        }
      }
      return true;
    });
  }

  paxos::Invariants invariants;
  transport::sim::World world;
  base::ManualClock clock;
  std::vector<std::unique_ptr<Journal>> machines;
  std::vector<std::unique_ptr<Replica>> members;
  Listener listener;
  std::map<std::size_t, bool> stopped;
};

TEST(Replica, AnswersEachProposalWithItsReply) {
  Group group(3);
  ASSERT_TRUE(group.Lead(0));
  for (std::uint64_t tag = 1; tag <= 20; ++tag) {
    ASSERT_EQ(group.Propose(0, "command " + std::to_string(tag), tag), Taken::kTaken);
  }
  ASSERT_TRUE(group.RunUntil([&] { return group.listener.answers.size() == 20; }));
  EXPECT_EQ(group.listener.replies[20], "20");
  ASSERT_TRUE(group.RunUntil([&] { return group.machines[2]->commands.size() == 20; }));
  EXPECT_EQ(group.machines[1]->commands, group.machines[0]->commands);
  EXPECT_EQ(group.machines[1]->times, group.machines[0]->times);  // the leader's time, not one's own
  EXPECT_TRUE(group.invariants.violations().empty());
}

TEST(Replica, ManyAreTakenInOrderUpToTheFirstThatIsRefused) {
  Group group(3, 65536);
  ASSERT_TRUE(group.Lead(0));
  ASSERT_EQ(group.members[0]->OpenSession(group.listener, 1000), Taken::kTaken);
  ASSERT_TRUE(group.RunUntil([&] { return group.listener.answers[1000] == 1; }));
  SessionCommand session;
  std::memcpy(&session.session, group.listener.replies[1000].data(), sizeof(session.session));
  // Every third is of a session, and they differ in length.
  std::vector<std::string> texts;
  texts.reserve(70);
  for (std::size_t i = 0; i < 70; ++i) {
    texts.emplace_back(i % 23, static_cast<char>('a' + i % 26));
  }
  std::vector<Submission> submissions;
  for (const std::string& text : texts) {
    const bool in_session = submissions.size() % 3 == 0;
    session.sequence += in_session ? 1 : 0;
    submissions.push_back(
        {.command = std::as_bytes(std::span(text)), .session = in_session ? session : SessionCommand()});
  }
  Taken next = Taken::kTaken;
  ASSERT_EQ(group.members[0]->ProposeMany(submissions, group.listener, 1, next), 64U);
  EXPECT_EQ(next, Taken::kFull);  // the queue holds 64
  ASSERT_TRUE(group.RunUntil([&] { return group.listener.answers.size() == 65; }));
  const std::span<const Submission> rest = std::span<const Submission>(submissions).subspan(64);
  ASSERT_EQ(group.members[0]->ProposeMany(rest, group.listener, 65, next), 6U);
  EXPECT_EQ(next, Taken::kTaken);
  ASSERT_TRUE(group.RunUntil([&] { return group.listener.answers.size() == 71; }));
  EXPECT_EQ(group.machines[0]->commands, texts);
  for (std::uint64_t tag = 1; tag <= 70; ++tag) {
    EXPECT_EQ(group.listener.answers[tag], 1);
    EXPECT_EQ(group.listener.hows[tag], Applied::kApplied);
  }
  EXPECT_EQ(group.members[1]->ProposeMany(submissions, group.listener, 71, next), 0U);
  EXPECT_EQ(next, Taken::kNotLeader);
}

TEST(Replica, ClaimWritesIntoTheLogItself) {
  Group group(3);
  ASSERT_TRUE(group.Lead(0));
  std::span<std::byte> space;
  ASSERT_EQ(group.members[0]->Claim(5, space), Taken::kTaken);
  std::memcpy(space.data(), "hello", 5);
  group.members[0]->Commit(group.listener, 1);
  ASSERT_TRUE(group.RunUntil([&] { return group.machines[1]->commands.size() == 1; }));
  EXPECT_EQ(group.machines[1]->commands[0], "hello");
  EXPECT_EQ(group.listener.answers[1], 1);
}

TEST(Replica, AClaimIsGivenUpByWhatIsProposedMeanwhile) {
  Group group(3);
  ASSERT_TRUE(group.Lead(0));
  ASSERT_EQ(group.Propose(0, "before", 1), Taken::kTaken);  // a batch is open
  std::span<std::byte> space;
  ASSERT_EQ(group.members[0]->Claim(5, space), Taken::kTaken);
  std::memcpy(space.data(), "claim", 5);
  ASSERT_EQ(group.Propose(0, "after", 2), Taken::kTaken);
  EXPECT_DEATH(group.members[0]->Commit(group.listener, 3), "nothing was claimed");
  ASSERT_TRUE(group.RunUntil([&] { return group.machines[1]->commands.size() == 2; }));
  EXPECT_EQ(group.machines[1]->commands[1], "after");
}

TEST(Replica, AFollowerRefusesAndNamesTheLeader) {
  Group group(3);
  ASSERT_TRUE(group.Lead(0));
  ASSERT_TRUE(group.RunUntil([&] { return group.members[1]->leader().has_value(); }));
  EXPECT_EQ(group.Propose(1, "x", 1), Taken::kNotLeader);
  EXPECT_EQ(group.members[1]->leader(), ReplicaId(0));
  EXPECT_TRUE(group.listener.answers.empty());
}

TEST(Replica, TooLargeAndFullAreSaidAtOnce) {
  Group group(3, 4096);
  ASSERT_TRUE(group.Lead(0));
  EXPECT_EQ(group.Propose(0, std::string(group.members[0]->max_command_bytes() + 1, 'x'), 1),
            Taken::kTooLarge);
  ASSERT_EQ(group.Propose(0, std::string(group.members[0]->max_command_bytes(), 'x'), 2), Taken::kTaken);
  ASSERT_TRUE(group.RunUntil([&] { return group.listener.answers[2] == 1; }));
  // Nobody polls: the ring fills, the rest is refused, and what was taken is answered once they poll again.
  std::uint64_t taken = 0;
  while (group.Propose(0, std::string(100, 'y'), 100 + taken) == Taken::kTaken) {
    ++taken;
  }
  EXPECT_EQ(group.Propose(0, std::string(100, 'y'), 99), Taken::kFull);
  EXPECT_GT(taken, 5U);
  ASSERT_TRUE(group.RunUntil([&] { return group.listener.answers.size() == taken + 1; }));
  EXPECT_FALSE(group.listener.answers.contains(99));
  EXPECT_TRUE(group.RunUntil([&] { return group.Propose(0, "z", 98) == Taken::kTaken; }));
}

TEST(Replica, AFullQueueOfProposalsIsFull) {
  Group group(3, 65536);
  ASSERT_TRUE(group.Lead(0));
  for (std::uint64_t tag = 0; tag < 64; ++tag) {
    ASSERT_EQ(group.Propose(0, "a", tag), Taken::kTaken);
  }
  EXPECT_EQ(group.Propose(0, "a", 64), Taken::kFull);
  ASSERT_TRUE(group.RunUntil([&] { return group.listener.answers.size() == 64; }));
  EXPECT_EQ(group.Propose(0, "a", 65), Taken::kTaken);
}

TEST(Replica, WhatIsUnderWayWhenTheLeadershipIsLostIsUnknownOnce) {
  Group group(3);
  ASSERT_TRUE(group.Lead(0));
  group.world.Hold(transport::sim::Traffic::kWrites, ReplicaId(0), ReplicaId(1));
  group.world.Hold(transport::sim::Traffic::kWrites, ReplicaId(0), ReplicaId(2));
  for (std::uint64_t tag = 1; tag <= 3; ++tag) {
    ASSERT_EQ(group.Propose(0, "held", tag), Taken::kTaken);
  }
  ASSERT_TRUE(group.RunUntil([&] { return group.listener.unknown.size() == 3; }));
  EXPECT_EQ(group.members[0]->proposals_under_way(), 0U);
  EXPECT_EQ(group.Propose(0, "late", 4), Taken::kNotLeader);
  for (std::uint64_t tag = 1; tag <= 3; ++tag) {
    EXPECT_EQ(group.listener.answers[tag], 1);
  }
}

TEST(Replica, ACommandOfASessionRunsOnceAtWhateverLeader) {
  Group group(3);
  ASSERT_TRUE(group.Lead(0));
  ASSERT_EQ(group.members[0]->OpenSession(group.listener, 1), Taken::kTaken);
  ASSERT_TRUE(group.RunUntil([&] { return group.listener.answers[1] == 1; }));
  SessionCommand session;
  std::memcpy(&session.session, group.listener.replies[1].data(), sizeof(session.session));
  session.sequence = 1;
  const std::string text = "pay";
  ASSERT_EQ(group.members[0]->ProposeIn(session, std::as_bytes(std::span(text)), group.listener, 2),
            Taken::kTaken);
  ASSERT_TRUE(group.RunUntil([&] { return group.listener.answers[2] == 1; }));
  group.world.Kill(ReplicaId(0));
  ASSERT_TRUE(group.RunUntil([&] { return group.members[1]->leading() || group.members[2]->leading(); }));
  const std::size_t next = group.members[1]->leading() ? 1 : 2;
  ASSERT_EQ(group.members[next]->ProposeIn(session, std::as_bytes(std::span(text)), group.listener, 3),
            Taken::kTaken);
  session.sequence = 3;
  ASSERT_EQ(group.members[next]->ProposeIn(session, std::as_bytes(std::span(text)), group.listener, 4),
            Taken::kTaken);
  session.session = 12345;
  ASSERT_EQ(group.members[next]->ProposeIn(session, std::as_bytes(std::span(text)), group.listener, 5),
            Taken::kTaken);
  ASSERT_TRUE(group.RunUntil([&] { return group.listener.answers[5] == 1; }));
  EXPECT_EQ(group.listener.hows[3], Applied::kDuplicate);
  EXPECT_EQ(group.listener.replies[3], group.listener.replies[2]);
  EXPECT_EQ(group.listener.hows[4], Applied::kOutOfOrder);
  EXPECT_EQ(group.listener.hows[5], Applied::kExpired);
  EXPECT_EQ(group.machines[next]->commands.size(), 1U);
}

TEST(Replica, OneThatDivergesIsFoundAndStopsApplying) {
  Group group(3, 16384, 10);
  group.machines[2]->diverge_at = 5;
  ASSERT_TRUE(group.Lead(0));
  for (std::uint64_t tag = 1; tag <= 30; ++tag) {
    ASSERT_EQ(group.Propose(0, "c", tag), Taken::kTaken);
  }
  ASSERT_TRUE(group.RunUntil([&] { return group.members[2]->divergence().has_value(); }));
  const Divergence found = group.members[2]->divergence().value_or(Divergence());
  EXPECT_EQ(found.commands % 10, 0U);
  EXPECT_NE(found.own_hash, found.leader_hash);
  EXPECT_FALSE(group.members[1]->divergence().has_value());
  ASSERT_TRUE(group.RunUntil([&] { return group.listener.answers.size() == 30; }));
}

TEST(Replica, OneThatHasDivergedIsNotElectedAndTheGroupGoesOn) {
  Group group(3, 16384, 10);
  group.machines[1]->diverge_at = 5;
  ASSERT_TRUE(group.Lead(0));
  for (std::uint64_t tag = 1; tag <= 30; ++tag) {
    ASSERT_EQ(group.Propose(0, "c", tag), Taken::kTaken);
  }
  ASSERT_TRUE(group.RunUntil([&] { return group.members[1]->divergence().has_value(); }));
  group.world.Kill(ReplicaId(0));  // replica 1 would be the first to campaign
  ASSERT_TRUE(group.Lead(2));
  ASSERT_EQ(group.Propose(2, "after", 31), Taken::kTaken);
  ASSERT_TRUE(group.RunUntil([&] { return group.listener.answers[31] == 1; }));
  EXPECT_TRUE(group.listener.unknown.empty());
  EXPECT_FALSE(group.members[1]->leading());
}

TEST(Replica, ALeaderThatFindsItselfDivergedStepsDown) {
  Group group(3, 16384, 10);
  group.machines[1]->diverge_at = 5;
  ASSERT_TRUE(group.Lead(0));
  for (std::uint64_t tag = 1; tag <= 9; ++tag) {
    ASSERT_EQ(group.Propose(0, "c", tag), Taken::kTaken);
  }
  ASSERT_TRUE(group.RunUntil([&] { return group.listener.answers.size() == 9; }));
  // The tenth and the hash that follows it land at replica 1, which hears that they are committed only when
  // it leads itself.
  group.world.Hold(transport::sim::Traffic::kWords, ReplicaId(0), ReplicaId(1));
  ASSERT_EQ(group.Propose(0, "c", 10), Taken::kTaken);
  ASSERT_TRUE(group.RunUntil([&] { return group.machines[2]->commands.size() == 10; }));
  ASSERT_TRUE(group.RunUntil([&] {
    return group.members[2]->core().applied_slot() == group.members[0]->core().commit_slot() &&
           group.members[1]->core().end_cursor() == group.members[0]->core().end_cursor();
  }));
  EXPECT_FALSE(group.members[1]->divergence().has_value());
  group.world.Kill(ReplicaId(0));
  ASSERT_TRUE(group.Lead(2));
  EXPECT_TRUE(group.members[1]->divergence().has_value());
}

class Reads final : public ReadListener {
 public:
  explicit Reads(const Journal& journal) : journal_(journal) {}
  void OnReadable(std::uint64_t tag) override { seen[tag] = journal_.commands.size(); }
  void OnLost(std::uint64_t tag) override { lost.push_back(tag); }
  std::map<std::uint64_t, std::size_t> seen;  // commands applied when the read was answered
  std::vector<std::uint64_t> lost;

 private:
  const Journal& journal_;
};

TEST(Replica, AReadSeesAllThatWasCommittedWhenItWasAskedFor) {
  Group group(3);
  ASSERT_TRUE(group.Lead(0));
  Reads reads(*group.machines[0]);
  ASSERT_EQ(group.Propose(0, "a", 1), Taken::kTaken);
  ASSERT_TRUE(group.RunUntil([&] { return group.listener.answers[1] == 1; }));
  ASSERT_EQ(group.members[0]->Read(reads, 2), Taken::kTaken);
  EXPECT_TRUE(reads.seen.empty());  // never from within Read
  ASSERT_TRUE(group.RunUntil([&] { return reads.seen.contains(2); }));
  EXPECT_GE(reads.seen[2], 1U);
  EXPECT_TRUE(reads.lost.empty());
}

TEST(Replica, AReadIsNotAnsweredByALeaderThatNobodyConfirms) {
  Group group(3);
  ASSERT_TRUE(group.Lead(0));
  Reads reads(*group.machines[0]);
  group.world.Hold(transport::sim::Traffic::kWords, ReplicaId(0), ReplicaId(1));
  group.world.Hold(transport::sim::Traffic::kWords, ReplicaId(0), ReplicaId(2));
  ASSERT_EQ(group.members[0]->Read(reads, 1), Taken::kTaken);
  ASSERT_TRUE(group.RunUntil([&] { return reads.lost.size() == 1; }));
  EXPECT_TRUE(reads.seen.empty());
  EXPECT_EQ(group.members[0]->Read(reads, 2), Taken::kNotLeader);
}

TEST(Replica, AReadAtAFollowerSeesAllThatWasCommittedWhenItWasAskedFor) {
  Group group(3);
  Reads reads(*group.machines[1]);
  EXPECT_EQ(group.members[1]->Read(reads, 1), Taken::kNotLeader);  // nobody leads yet
  ASSERT_TRUE(group.Lead(0));
  ASSERT_TRUE(group.RunUntil([&] { return group.members[1]->core().commit() > paxos::Position(); }));
  // Committed, and the follower has not heard of it.
  group.world.Hold(transport::sim::Traffic::kWords, ReplicaId(0), ReplicaId(1));
  ASSERT_EQ(group.Propose(0, "a", 1), Taken::kTaken);
  ASSERT_TRUE(group.RunUntil([&] { return group.listener.answers[1] == 1; }));
  ASSERT_TRUE(group.machines[1]->commands.empty());
  ASSERT_EQ(group.members[1]->Read(reads, 2), Taken::kTaken);
  ASSERT_EQ(group.members[1]->Read(reads, 3), Taken::kTaken);
  EXPECT_TRUE(reads.seen.empty());
  ASSERT_FALSE(group.RunUntil([&] { return !reads.seen.empty(); }, 20));
  group.world.Release(transport::sim::Traffic::kWords, ReplicaId(0), ReplicaId(1));
  ASSERT_TRUE(group.RunUntil([&] { return reads.seen.size() == 2; }));
  EXPECT_EQ(reads.seen[2], 1U);
  EXPECT_EQ(reads.seen[3], 1U);
  EXPECT_TRUE(reads.lost.empty());
}

// An index stays as it was when it was found: a follower that is always a little behind answers all the same.
TEST(Replica, AReadAtAFollowerDoesNotWaitForWhatIsCommittedAfterIt) {
  Group group(3);
  Reads reads(*group.machines[1]);
  ASSERT_TRUE(group.Lead(0));
  ASSERT_TRUE(group.RunUntil([&] { return group.members[1]->core().commit() > paxos::Position(); }));
  group.world.Hold(transport::sim::Traffic::kWords, ReplicaId(0), ReplicaId(1));
  ASSERT_EQ(group.Propose(0, "a", 1), Taken::kTaken);
  ASSERT_TRUE(group.RunUntil([&] { return group.listener.answers[1] == 1; }));
  ASSERT_EQ(group.members[1]->Read(reads, 1), Taken::kTaken);
  EXPECT_FALSE(group.RunUntil([&] { return !reads.seen.empty(); }, 20));
  group.world.Hold(transport::sim::Traffic::kWrites, ReplicaId(0), ReplicaId(1));
  ASSERT_EQ(group.Propose(0, "b", 2), Taken::kTaken);
  ASSERT_TRUE(group.RunUntil([&] { return group.listener.answers[2] == 1; }));
  ASSERT_EQ(group.members[1]->Read(reads, 2), Taken::kTaken);
  EXPECT_FALSE(group.RunUntil([&] { return !reads.seen.empty(); }, 20));
  group.world.Release(transport::sim::Traffic::kWords, ReplicaId(0), ReplicaId(1));  // that of a
  ASSERT_TRUE(group.RunUntil([&] { return reads.seen.contains(1); }, 20));
  EXPECT_EQ(reads.seen[1], 1U);
  EXPECT_FALSE(group.RunUntil([&] { return reads.seen.contains(2); }, 20));
  group.world.Release(transport::sim::Traffic::kWrites, ReplicaId(0), ReplicaId(1));
  ASSERT_TRUE(group.RunUntil([&] { return reads.seen.contains(2); }));
  EXPECT_EQ(reads.seen[2], 2U);
}

TEST(Replica, AReadAtAFollowerThatNobodyConfirmsIsLost) {
  Group group(3);
  Reads reads(*group.machines[1]);
  ASSERT_TRUE(group.Lead(0));
  ASSERT_TRUE(group.RunUntil([&] { return group.members[1]->Read(reads, 1) == Taken::kTaken; }));
  ASSERT_TRUE(group.RunUntil([&] { return reads.seen.contains(1); }));
  group.world.Hold(transport::sim::Traffic::kControl, ReplicaId(1), ReplicaId(0));
  ASSERT_EQ(group.members[1]->Read(reads, 2), Taken::kTaken);
  EXPECT_FALSE(group.RunUntil([&] { return !reads.lost.empty(); }, 20));
  group.world.Kill(ReplicaId(0));
  ASSERT_TRUE(group.RunUntil([&] { return !reads.lost.empty(); }));
  EXPECT_EQ(reads.lost, std::vector<std::uint64_t>{2});
  ASSERT_TRUE(group.Lead(1));
  ASSERT_EQ(group.members[1]->Read(reads, 3), Taken::kTaken);
  ASSERT_TRUE(group.RunUntil([&] { return reads.seen.contains(3); }));
  EXPECT_EQ(reads.lost.size(), 1U);
}

TEST(Replica, AFollowerWhoseStateHasDivergedAnswersNoRead) {
  Group group(3, 16384, 4);
  Reads reads(*group.machines[1]);
  group.machines[1]->diverge_at = 2;
  ASSERT_TRUE(group.Lead(0));
  ASSERT_TRUE(group.RunUntil([&] { return group.members[1]->core().commit() > paxos::Position(); }));
  group.world.Hold(transport::sim::Traffic::kWrites, ReplicaId(0), ReplicaId(1));
  for (std::uint64_t tag = 1; tag <= 10; ++tag) {
    ASSERT_EQ(group.Propose(0, "a", tag), Taken::kTaken);
  }
  ASSERT_TRUE(group.RunUntil([&] { return group.listener.answers.size() == 10; }));
  group.RunUntil([] { return false; }, 20);  // the leader's hash is committed too
  ASSERT_EQ(group.members[1]->Read(reads, 1), Taken::kTaken);
  // Confirmed by now, for a state that the follower comes upon only after it has diverged.
  EXPECT_FALSE(group.RunUntil([&] { return !reads.seen.empty(); }, 20));
  group.world.Release(transport::sim::Traffic::kWrites, ReplicaId(0), ReplicaId(1));
  ASSERT_TRUE(group.RunUntil([&] { return group.members[1]->divergence().has_value(); }));
  ASSERT_TRUE(group.RunUntil([&] { return !reads.lost.empty(); }));
  EXPECT_EQ(group.members[1]->Read(reads, 2), Taken::kNotLeader);
  EXPECT_TRUE(reads.seen.empty());
}

TEST(Replica, MoreReadsThanThereIsRoomForAreFull) {
  Group group(3);
  ASSERT_TRUE(group.Lead(0));
  Reads reads(*group.machines[0]);
  for (std::uint64_t tag = 0; tag < ReplicaOptions().max_reads; ++tag) {
    ASSERT_EQ(group.members[0]->Read(reads, tag), Taken::kTaken);
  }
  EXPECT_EQ(group.members[0]->Read(reads, 9999), Taken::kFull);
  ASSERT_TRUE(group.RunUntil([&] { return reads.seen.size() == ReplicaOptions().max_reads; }));
  EXPECT_EQ(group.members[0]->Read(reads, 9999), Taken::kTaken);
  group.members[0]->Close();
  EXPECT_EQ(reads.lost, std::vector<std::uint64_t>{9999});
}

TEST(Replica, AGroupOfOneCommitsAlone) {
  Group group(1);
  ASSERT_TRUE(group.Lead(0));
  ASSERT_EQ(group.Propose(0, "alone", 1), Taken::kTaken);
  ASSERT_TRUE(group.RunUntil([&] { return group.listener.answers[1] == 1; }));
  Reads reads(*group.machines[0]);
  ASSERT_EQ(group.members[0]->Read(reads, 1), Taken::kTaken);
  ASSERT_TRUE(group.RunUntil([&] { return reads.seen.contains(1); }));
}

TEST(Replica, TimeInTheLogDoesNotGoBack) {
  Group group(3);
  ASSERT_TRUE(group.Lead(0));
  for (std::uint64_t tag = 1; tag <= 50; ++tag) {
    ASSERT_EQ(group.Propose(0, "t", tag), Taken::kTaken);
    ASSERT_TRUE(group.RunUntil([&] { return group.listener.answers[tag] == 1; }));
  }
  EXPECT_TRUE(std::is_sorted(group.machines[0]->times.begin(), group.machines[0]->times.end()));
  EXPECT_GT(group.machines[0]->times.front(), 1'600'000'000ULL * 1'000'000'000);  // ns since 1970
}

}  // namespace
}  // namespace gaios::rsm

// The client against real replicas and ports: what it reports for each command, and how often each is
// applied, when leaders change, die or fall silent, sessions expire and windows fill.

#include "gaios/rsm/client/client.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "gaios/paxos/message.h"

#include "tests/rsm/client/local_group.h"

namespace gaios::rsm {
namespace {

using test::Answers;
using test::Bytes;
using test::kMs;
using test::LocalGroup;

// Whether no command stands twice in what the replicas have applied, and `tag`s up to `last` stand there in
// order.
void ExpectAppliedOnce(const std::vector<std::string>& applied) {
  const std::set<std::string> distinct(applied.begin(), applied.end());
  EXPECT_EQ(distinct.size(), applied.size());
}

TEST(Client, CommitsAndRepliesInOrder) {
  LocalGroup group({});
  Answers answers;
  const auto client = group.NewClient();
  for (std::uint64_t tag = 1; tag <= 50; ++tag) {
    ASSERT_EQ(client->Submit(Bytes("command " + std::to_string(tag)), tag), Submitted::kSubmitted);
  }
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
  EXPECT_TRUE(answers.EachOnce(1, 50));
  EXPECT_TRUE(std::is_sorted(answers.order.begin(), answers.order.end()));
  EXPECT_EQ(answers.replies[7], "re command 7");
  EXPECT_EQ(answers.hows[7], Applied::kApplied);
  EXPECT_GT(answers.slots[7], 0U);
  EXPECT_EQ(group.machines[0]->commands.size(), 50U);
  EXPECT_EQ(client->counters().sent, 50U);
  EXPECT_EQ(client->counters().sessions_opened, 1U);
}

TEST(Client, FullWindowIsAReturnedStatus) {
  LocalGroup group({});
  Answers answers;
  ClientOptions options = group.ForClients();
  options.window = 4;
  const auto client = group.NewClient(options);
  for (std::uint64_t tag = 1; tag <= 4; ++tag) {
    ASSERT_EQ(client->Submit(Bytes("c"), tag), Submitted::kSubmitted);
  }
  EXPECT_EQ(client->Submit(Bytes("c"), 5), Submitted::kFull);
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
  EXPECT_EQ(client->Submit(Bytes("c"), 5), Submitted::kSubmitted);
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
  EXPECT_TRUE(answers.EachOnce(1, 5));
  EXPECT_TRUE(answers.unknown.empty());
}

TEST(Client, ListenerMaySubmit) {
  LocalGroup group({});
  Answers answers;
  const auto client = group.NewClient();
  std::uint64_t next = 1;
  const auto submit = [&](std::uint64_t) {
    if (next <= 500) {
      ASSERT_EQ(client->Submit(Bytes("chained " + std::to_string(next)), next), Submitted::kSubmitted);
      ++next;
    }
  };
  answers.then = submit;
  submit(0);
  ASSERT_TRUE(group.Run(*client, answers, [&] { return next == 501 && client->outstanding() == 0; }));
  EXPECT_TRUE(answers.EachOnce(1, 500));
  EXPECT_EQ(group.machines[0]->commands.size(), 500U);
}

// As a real one: each look is later than the one before.
class MovingClock final : public base::Clock {
 public:
  explicit MovingClock(const base::Clock& clock) : clock_(clock) {}
  [[nodiscard]] std::uint64_t NowNs() const override { return clock_.NowNs() + ++looks_; }

 private:
  const base::Clock& clock_;
  mutable std::uint64_t looks_ = 0;
};

TEST(Client, WhatAListenerSubmitsIsNotTakenForOverdue) {
  LocalGroup group({});
  Answers answers;
  const MovingClock moving(group.clock());
  const absl::StatusOr<std::unique_ptr<Client>> client = Client::Open(group.ForClients(), moving);
  ASSERT_TRUE(client.ok()) << client.status();
  std::uint64_t next = 1;
  answers.then = [&](std::uint64_t) {
    if (next <= 50) {
      ASSERT_EQ((*client)->Submit(Bytes("one at a time " + std::to_string(next)), next),
                Submitted::kSubmitted);
      ++next;
    }
  };
  answers.then(0);
  ASSERT_TRUE(group.Run(**client, answers, [&] { return next == 51 && (*client)->outstanding() == 0; }));
  EXPECT_TRUE(answers.unknown.empty());
  EXPECT_TRUE(answers.EachOnce(1, 50));
  EXPECT_EQ((*client)->counters().silences, 0U);
}

TEST(Client, TooLargeIsToldAtOnceOnceTheGroupsLimitIsKnown) {
  LocalGroup::Options small;
  small.capacity_bytes = 16384;  // a quarter of it is the largest payload
  LocalGroup group(small);
  Answers answers;
  ClientOptions options = group.ForClients();
  options.max_command_bytes = 8192;
  const auto client = group.NewClient(options);
  EXPECT_EQ(client->Submit(Bytes(std::string(8193, 'x')), 1), Submitted::kTooLarge);
  // The limit of the group is not known yet: this one is found out to be too large by the leader, and is not
  // applied.
  ASSERT_EQ(client->Submit(Bytes(std::string(8192, 'x')), 2), Submitted::kSubmitted);
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
  EXPECT_TRUE(answers.unknown.contains(2));
  EXPECT_EQ(client->Submit(Bytes(std::string(8192, 'x')), 3), Submitted::kTooLarge);
  ASSERT_EQ(client->Submit(Bytes("fits"), 4), Submitted::kSubmitted);
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
  EXPECT_EQ(answers.hows[4], Applied::kApplied);
  EXPECT_EQ(group.machines[0]->commands, std::vector<std::string>{"fits"});
}

// Two commands submitted before the limit of the group is known; the second is over it.
void ExpectTooLargeIsToldInItsTurn(std::size_t replicas) {
  LocalGroup::Options small;
  small.replicas = replicas;
  small.capacity_bytes = 16384;
  LocalGroup group(small);
  ASSERT_TRUE(group.WaitLeader());
  Answers answers;
  ClientOptions options = group.ForClients();
  options.max_command_bytes = 8192;
  const auto client = group.NewClient(options);
  ASSERT_EQ(client->Submit(Bytes("fits"), 1), Submitted::kSubmitted);
  ASSERT_EQ(client->Submit(Bytes(std::string(8192, 'x')), 2), Submitted::kSubmitted);
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
  EXPECT_EQ(answers.order, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(answers.hows[1], Applied::kApplied);
  EXPECT_TRUE(answers.unknown.contains(2));
  EXPECT_EQ(client->counters().lost_connections, 0U);
  EXPECT_EQ(group.machines[group.Leader()]->commands, std::vector<std::string>{"fits"});
}

TEST(Client, TooLargeBehindACommandUnderWayIsToldInItsTurn) {
  ExpectTooLargeIsToldInItsTurn(1);
  ExpectTooLargeIsToldInItsTurn(3);
}

TEST(Client, LargestRepliesComeWholeThroughASmallRing) {
  LocalGroup::Options options;
  options.port.response_ring_bytes = 64U << 10;  // room for two of them
  LocalGroup group(options);
  Answers answers;
  const auto client = group.NewClient();
  for (std::uint64_t tag = 1; tag <= 300;) {
    while (tag <= 300 && client->Submit(Bytes("big " + std::to_string(kMaxReplyBytes - tag)), tag) ==
                             Submitted::kSubmitted) {
      ++tag;
    }
    ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() < 32; }));
  }
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
  EXPECT_TRUE(answers.EachOnce(1, 300));
  for (std::uint64_t tag = 1; tag <= 300; ++tag) {
    ASSERT_EQ(answers.replies[tag], std::string(kMaxReplyBytes - tag, 'b'));
  }
  EXPECT_EQ(client->counters().sent, 300U);
}

TEST(Client, FindsTheLeaderThroughAFollower) {
  LocalGroup::Options options;
  options.replicas = 3;
  LocalGroup group(options);
  ASSERT_TRUE(group.WaitLeader());
  for (int turn = 0; turn < 3; ++turn) {
    Answers answers;
    const auto client = group.NewClient();
    ASSERT_EQ(client->Submit(Bytes("find " + std::to_string(turn)), 1), Submitted::kSubmitted);
    ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
    EXPECT_EQ(answers.hows[1], Applied::kApplied);
    EXPECT_EQ(client->target(), LocalGroup::Id(group.Leader()));
    EXPECT_TRUE(client->ready());
  }
}

TEST(Client, AppliesEachCommandOnceThroughAKilledLeader) {
  LocalGroup::Options options;
  options.replicas = 3;
  LocalGroup group(options);
  ASSERT_TRUE(group.WaitLeader());
  Answers answers;
  const auto client = group.NewClient();
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->ready(); }));
  std::uint64_t next = 1;
  const auto feed = [&] {
    while (next <= 2000 &&
           client->Submit(Bytes("command " + std::to_string(next)), next) == Submitted::kSubmitted) {
      ++next;
    }
    return answers.order.size() >= 700;
  };
  ASSERT_TRUE(group.Run(*client, answers, feed));
  const std::size_t killed = group.Leader();
  ASSERT_LT(killed, 3U);
  ASSERT_GT(client->outstanding(), 0U);
  group.Kill(killed);
  ASSERT_TRUE(group.Run(*client, answers, [&] {
    feed();
    return next == 2001 && client->outstanding() == 0;
  }));
  EXPECT_TRUE(answers.EachOnce(1, 2000));
  EXPECT_TRUE(answers.unknown.empty());
  const std::size_t leader = group.Leader();
  ASSERT_LT(leader, 3U);
  const std::vector<std::string>& applied = group.machines[leader]->commands;
  EXPECT_EQ(applied.size(), 2000U);
  ExpectAppliedOnce(applied);
  for (std::size_t i = 0; i < applied.size(); ++i) {
    ASSERT_EQ(applied[i], "command " + std::to_string(i + 1));
  }
  EXPECT_EQ(client->counters().sessions_opened, 1U);
  EXPECT_GE(client->counters().lost_connections, 1U);
}

TEST(Client, LeavesALeaderThatIsStoppedAndAppliesOnce) {
  LocalGroup::Options options;
  options.replicas = 3;
  LocalGroup group(options);
  ASSERT_TRUE(group.WaitLeader());
  Answers answers;
  const auto client = group.NewClient();
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->ready(); }));
  const std::size_t stopped = group.Leader();
  group.stopped.insert(stopped);
  for (std::uint64_t tag = 1; tag <= 20; ++tag) {
    ASSERT_EQ(client->Submit(Bytes("command " + std::to_string(tag)), tag), Submitted::kSubmitted);
  }
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
  EXPECT_GE(client->counters().silences, 1U);
  // The old leader wakes up with requests in its ring.
  group.stopped.clear();
  ASSERT_TRUE(group.Run(*client, answers, [&] {
    return std::all_of(group.machines.begin(), group.machines.end(),
                       [](const auto& machine) { return machine->commands.size() >= 20; });
  }));
  const std::uint64_t settle_ns = group.clock().NowNs() + 300 * kMs;
  ASSERT_TRUE(group.Run(*client, answers, [&] { return group.clock().NowNs() >= settle_ns; }));
  EXPECT_TRUE(answers.EachOnce(1, 20));
  EXPECT_TRUE(answers.unknown.empty());
  for (const auto& machine : group.machines) {
    EXPECT_EQ(machine->commands.size(), 20U);
    ExpectAppliedOnce(machine->commands);
  }
}

TEST(Client, StaysWithALeaderThatTakesItsLeadershipBack) {
  LocalGroup::Options options;
  options.replicas = 3;
  // The ring does not fill while a follower is cut off for so long. The simulated world copies all of it for
  // each write, so it is small and turns are long.
  options.suspect_timeout_ns = 40 * kMs;
  options.capacity_bytes = std::size_t{256} << 10;
  constexpr std::uint64_t kTurnNs = 40'000;
  LocalGroup group(options);
  ASSERT_TRUE(group.WaitLeader());
  Answers answers;
  const auto client = group.NewClient();
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->ready(); }));
  const std::size_t leader = group.Leader();
  const std::size_t candidate = (leader + 1) % 3;
  const paxos::Ballot ballot = group.replicas[leader]->core().promised().ballot;
  const ClientCounters before = client->counters();
  std::uint64_t next = 1;
  bool pending_as_candidate = false;
  // One in each turn, so that there is always one under way.
  const auto feed = [&] {
    if (client->Submit(Bytes("command " + std::to_string(next)), next) == Submitted::kSubmitted) {
      ++next;
    }
    const Replica& replica = *group.replicas[leader];
    if (replica.core().role() == paxos::Role::kCandidate && replica.proposals_under_way() > 0) {
      pending_as_candidate = true;
    }
    return replica.leading() && replica.core().promised().ballot.round() > ballot.round() + 5;
  };
  // A candidacy that comes to nothing fences the leader at one follower. With a majority it goes on, and then
  // takes a higher ballot to get that follower back: for a moment it is a candidate with commands under way.
  paxos::Message prepare;
  prepare.kind = paxos::MessageKind::kPrepare;
  prepare.grant = {paxos::Ballot(ballot.round() + 5, LocalGroup::Id(candidate), paxos::Incarnation(1)), 1};
  std::array<std::byte, paxos::kEncodedMessageBytes> bytes;
  paxos::EncodeMessage(prepare, test::kGroup, bytes);
  group.world().transport(LocalGroup::Id(candidate)).Send(LocalGroup::Id((leader + 2) % 3), bytes);
  bool taken_back = feed();
  for (int turn = 0; turn < 10'000 && !taken_back; ++turn) {
    group.Turn(kTurnNs);
    client->Poll(answers);
    taken_back = feed();
  }
  ASSERT_TRUE(taken_back);
  EXPECT_TRUE(pending_as_candidate);
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
  EXPECT_TRUE(answers.EachOnce(1, next - 1));
  EXPECT_TRUE(std::is_sorted(answers.order.begin(), answers.order.end()));
  EXPECT_TRUE(answers.unknown.empty());
  EXPECT_EQ(client->target(), LocalGroup::Id(leader));
  EXPECT_EQ(client->counters().lost_connections, before.lost_connections);
  EXPECT_EQ(client->counters().redirected, before.redirected);
  EXPECT_EQ(client->counters().silences, before.silences);
  ExpectAppliedOnce(group.machines[leader]->commands);
}

TEST(Client, KeepsItsSessionOverANewConnection) {
  LocalGroup group({});
  Answers answers;
  const auto client = group.NewClient();
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->ready(); }));
  for (std::uint64_t tag = 1; tag <= 10; ++tag) {
    ASSERT_EQ(client->Submit(Bytes("command " + std::to_string(tag)), tag), Submitted::kSubmitted);
  }
  // The replica answers all of it, and the port with its rings is gone before the client looks.
  ASSERT_TRUE(group.Run([&] { return group.machines[0]->commands.size() == 10; }));
  group.ports[0].reset();
  client->Poll(answers);
  EXPECT_TRUE(answers.EachOnce(1, 10)) << "what was in the ring counts";
  group.OpenPort(0);
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->counters().lost_connections == 1; }));
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->ready(); }));
  EXPECT_EQ(client->counters().sessions_opened, 1U) << "the session goes on over a new connection";
  ASSERT_EQ(client->Submit(Bytes("command 11"), 11), Submitted::kSubmitted);
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
  EXPECT_EQ(answers.hows[11], Applied::kApplied);
  EXPECT_EQ(group.machines[0]->commands.size(), 11U);
}

TEST(Client, HearsTheOldReplyWhenTheAnswerWasLost) {
  LocalGroup::Options options;
  options.replicas = 3;
  LocalGroup group(options);
  ASSERT_TRUE(group.WaitLeader());
  Answers answers;
  const auto client = group.NewClient();
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->ready(); }));
  const std::size_t leader = group.Leader();
  for (std::uint64_t tag = 1; tag <= 5; ++tag) {
    ASSERT_EQ(client->Submit(Bytes("command " + std::to_string(tag)), tag), Submitted::kSubmitted);
  }
  // The leader stops for good after its followers have the commands and before it knows.
  ASSERT_TRUE(group.Run([&] { return group.replicas[leader]->proposals_under_way() == 5; }));
  group.Turn();
  ASSERT_EQ(group.replicas[leader]->proposals_under_way(), 5U);
  group.stopped.insert(leader);
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
  EXPECT_TRUE(answers.EachOnce(1, 5));
  for (std::uint64_t tag = 1; tag <= 5; ++tag) {
    EXPECT_EQ(answers.hows[tag], Applied::kDuplicate);
    EXPECT_EQ(answers.replies[tag], "re command " + std::to_string(tag));
  }
  EXPECT_EQ(group.machines[group.Leader()]->commands.size(), 5U);
}

TEST(Client, NoAnswerInTimeIsUnknownAndTheNextSessionWorks) {
  LocalGroup::Options options;
  options.replicas = 3;
  LocalGroup group(options);
  ASSERT_TRUE(group.WaitLeader());
  Answers answers;
  ClientOptions client_options = group.ForClients();
  client_options.operation_timeout_ns = 200 * kMs;
  const auto client = group.NewClient(client_options);
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->ready(); }));
  // The leader alone takes the commands and cannot commit them.
  const std::size_t leader = group.Leader();
  for (std::size_t i = 0; i < 3; ++i) {
    if (i != leader) {
      group.world().Cut(LocalGroup::Id(leader), LocalGroup::Id(i));
      group.world().Cut(LocalGroup::Id(i), LocalGroup::Id(leader));
      group.stopped.insert(i);
    }
  }
  for (std::uint64_t tag = 1; tag <= 5; ++tag) {
    ASSERT_EQ(client->Submit(Bytes("command " + std::to_string(tag)), tag), Submitted::kSubmitted);
  }
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
  EXPECT_TRUE(answers.EachOnce(1, 5));
  EXPECT_EQ(answers.unknown.size(), 5U);
  EXPECT_EQ(client->session(), 0U);
  for (std::size_t i = 0; i < 3; ++i) {
    if (i != leader) {
      group.world().Heal(LocalGroup::Id(leader), LocalGroup::Id(i));
      group.world().Heal(LocalGroup::Id(i), LocalGroup::Id(leader));
    }
  }
  group.stopped.clear();
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->ready(); }));
  ASSERT_EQ(client->Submit(Bytes("later"), 6), Submitted::kSubmitted);
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
  EXPECT_EQ(answers.hows[6], Applied::kApplied);
  EXPECT_TRUE(answers.EachOnce(1, 6)) << "nothing is answered twice, whatever became of it";
  for (const auto& machine : group.machines) {
    ExpectAppliedOnce(machine->commands);
  }
}

TEST(Client, ExpiredSessionIsUnknownAndReplaced) {
  LocalGroup::Options options;
  options.max_sessions = 1;
  options.session_idle_timeout_ns = 50 * kMs;
  LocalGroup group(options);
  Answers answers;
  const auto first = group.NewClient();
  ASSERT_EQ(first->Submit(Bytes("first"), 1), Submitted::kSubmitted);
  ASSERT_TRUE(group.Run(*first, answers, [&] { return first->outstanding() == 0; }));
  // Another client has no room at first, and takes the place when that has been idle for long.
  Answers others;
  const auto second = group.NewClient();
  ASSERT_EQ(second->Submit(Bytes("second"), 1), Submitted::kSubmitted);
  ASSERT_TRUE(group.Run(*second, others, [&] { return second->outstanding() == 0; }));
  EXPECT_EQ(others.hows[1], Applied::kApplied);
  // The first finds out with its next command, which is not run and is not guessed about.
  ASSERT_EQ(first->Submit(Bytes("late"), 2), Submitted::kSubmitted);
  ASSERT_TRUE(group.Run(*first, answers, [&] { return first->outstanding() == 0; }));
  EXPECT_TRUE(answers.unknown.contains(2));
  EXPECT_EQ(first->counters().sessions_expired, 1U);
  ASSERT_EQ(first->Submit(Bytes("again"), 3), Submitted::kSubmitted);
  ASSERT_TRUE(group.Run(*first, answers, [&] { return first->outstanding() == 0; }));
  EXPECT_EQ(answers.hows[3], Applied::kApplied);
  EXPECT_EQ(group.machines[0]->commands, (std::vector<std::string>{"first", "second", "again"}));
}

TEST(Client, ConnectsWhenReplicasStartLater) {
  LocalGroup group({});
  group.ports[0].reset();
  Answers answers;
  const auto client = group.NewClient();
  ASSERT_EQ(client->Submit(Bytes("early"), 1), Submitted::kSubmitted);
  ASSERT_FALSE(group.Run(
      *client, answers, [&] { return client->outstanding() == 0; }, 300))
      << "nobody to ask";
  EXPECT_TRUE(answers.count.empty());
  group.OpenPort(0);
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
  EXPECT_EQ(answers.hows[1], Applied::kApplied);
}

// A group of three, in which a client has committed something.
class ClientOfThree : public ::testing::Test {
 protected:
  ClientOfThree() : group_(Three()), client_(group_.NewClient()) {}
  static LocalGroup::Options Three() {
    LocalGroup::Options options;
    options.replicas = 3;
    return options;
  }
  void SetUp() override {
    ASSERT_TRUE(group_.WaitLeader());
    leader_ = group_.Leader();
    other_ = (leader_ + 1) % 3;
    ASSERT_EQ(client_->Submit(Bytes("before"), 1), Submitted::kSubmitted);
    ASSERT_TRUE(group_.Run(*client_, answers_, [&] { return client_->outstanding() == 0; }));
    static_cast<void>(group_.Run([] { return false; }, 20));  // all keep up
    sent_ = client_->counters().sent;
  }
  // One hands over to the other, a command is submitted, and no grant of `whose` log is effective.
  void HandOverWithoutTheFenceOf(std::size_t whose) {
    group_.world().Hold(transport::sim::Traffic::kFences, LocalGroup::Id(whose), LocalGroup::Id(whose));
    ASSERT_EQ(group_.replicas[leader_]->HandOver(LocalGroup::Id(other_)), HandOverAnswer::kBegun);
    ASSERT_EQ(client_->Submit(Bytes("meanwhile"), 2), Submitted::kSubmitted);
  }
  // How often commands have been sent since.
  [[nodiscard]] std::uint64_t sent() const { return client_->counters().sent - sent_; }

  LocalGroup group_;
  Answers answers_;
  const std::unique_ptr<Client> client_;
  std::size_t leader_ = 0;
  std::size_t other_ = 0;

 private:
  std::uint64_t sent_ = 0;
};

TEST_F(ClientOfThree, ACommandWaitsWhereItIsBeingDecidedWhoLeads) {
  HandOverWithoutTheFenceOf(other_);
  EXPECT_FALSE(group_.Run(*client_, answers_, [&] { return client_->outstanding() == 0; }, 30));
  EXPECT_EQ(group_.replicas[other_]->core().role(), paxos::Role::kCandidate);
  group_.world().Release(transport::sim::Traffic::kFences, LocalGroup::Id(other_), LocalGroup::Id(other_));
  ASSERT_TRUE(group_.Run(*client_, answers_, [&] { return client_->outstanding() == 0; }));
  EXPECT_EQ(group_.Leader(), other_);
  EXPECT_EQ(answers_.hows[2], Applied::kApplied);
  EXPECT_LE(sent(), 2U) << "once more, to the new leader";
}

// However long its own grant takes.
TEST_F(ClientOfThree, ALeaderThatHandedOverHoldsNobodyBack) {
  HandOverWithoutTheFenceOf(leader_);
  EXPECT_TRUE(group_.Run(*client_, answers_, [&] { return client_->outstanding() == 0; }, 30));
  EXPECT_EQ(client_->target(), LocalGroup::Id(other_));
  EXPECT_LE(sent(), 2U);
}

TEST_F(ClientOfThree, ALeaderThatIsRemovedNamesWhoFollowsIt) {
  ASSERT_EQ(group_.replicas[leader_]->ChangeMembership(
                {paxos::ConfigurationChange::Kind::kRemove, LocalGroup::Id(leader_), {}}),
            paxos::ChangeRefusal::kNone);
  for (std::size_t i = 0; i < 3; ++i) {  // it does not see anybody beat
    group_.world().Hold(transport::sim::Traffic::kControl, LocalGroup::Id(leader_), LocalGroup::Id(i));
  }
  ASSERT_EQ(client_->Submit(Bytes("meanwhile"), 2), Submitted::kSubmitted);
  ASSERT_TRUE(
      group_.Run([&] { return group_.replicas[leader_]->core().role() != paxos::Role::kLeader; }, 3000));
  const std::optional<paxos::ReplicaId> named = group_.replicas[leader_]->leader();
  ASSERT_TRUE(named.has_value());
  ASSERT_TRUE(group_.Run(*client_, answers_, [&] { return client_->outstanding() == 0; }));
  EXPECT_EQ(*named, LocalGroup::Id(group_.Leader()));
  EXPECT_EQ(answers_.hows[2], Applied::kApplied);
  EXPECT_LE(sent(), 2U);
}

TEST(Client, OptionsThatMakeNoSenseAreNamed) {
  const base::ManualClock clock;
  ClientOptions options;
  options.directory = "/nowhere";
  EXPECT_EQ(Client::Open(options, clock).status().code(), absl::StatusCode::kInvalidArgument);
  options.replicas = 3;
  options.window = Sessions::kWindow + 1;
  EXPECT_NE(Client::Open(options, clock).status().message().find("window"), absl::string_view::npos);
  options.window = 1;
  options.directory = std::string(200, 'd');
  EXPECT_NE(Client::Open(options, clock).status().message().find("shorter directory"),
            absl::string_view::npos);
}

}  // namespace
}  // namespace gaios::rsm

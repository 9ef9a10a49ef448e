// Clients over a network in memory against real replicas: the same promises as to clients of one host,
// whatever becomes of datagrams, leaders and clients.

#include "gaios/rsm/client/network/network_port.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/paxos/configuration_change.h"
#include "gaios/rsm/client/wire.h"

#include "tests/rsm/client/network/network_group.h"

namespace gaios::rsm {
namespace {

using test::Answers;
using test::Bytes;
using test::kMs;
using test::NetworkGroup;
using transport::udp::Drop;

std::uint64_t Dropped(const NetworkGroup& group, std::size_t replica, Drop drop) {
  return group.ports[replica]->counters().values[static_cast<std::size_t>(drop)];
}

TEST(NetworkClients, CommitAndHearInOrder) {
  NetworkGroup group({});
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
  EXPECT_EQ(group.group.machines[0]->commands.size(), 50U);
  EXPECT_EQ(client->counters().sent, 50U);
  // Fifty small commands take few datagrams.
  EXPECT_LT(group.ports[0]->counters()[NetworkCounter::kDatagramsTaken], 25U);
}

TEST(NetworkClients, CommandsAndRepliesLargerThanADatagramComeWhole) {
  NetworkGroup group({.faults = {.seed = 5, .lost = 30, .held = 50}});
  Answers answers;
  const auto client = group.NewClient(std::size_t{16} << 10);
  std::vector<std::string> sent;
  for (std::uint64_t tag = 1; tag <= 60; ++tag) {
    sent.push_back("big " + std::to_string(kMaxReplyBytes - tag) + std::string(tag * 150, ' '));
    ASSERT_EQ(client->Submit(Bytes(sent.back()), tag), Submitted::kSubmitted);
    ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() < 20; }));
  }
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
  EXPECT_TRUE(answers.EachOnce(1, 60));
  for (std::uint64_t tag = 1; tag <= 60; ++tag) {
    ASSERT_EQ(answers.replies[tag], std::string(kMaxReplyBytes - tag, 'b'));
  }
  EXPECT_EQ(group.group.machines[0]->commands, sent);
}

TEST(NetworkClients, EachCommandIsAppliedOnceOverABadNetwork) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    NetworkGroup group({.faults = {.seed = seed, .lost = 100, .doubled = 50, .altered = 30, .held = 100}});
    Answers answers;
    const auto client = group.NewClient();
    std::uint64_t next = 1;
    ASSERT_TRUE(group.Run(
        *client, answers,
        [&] {
          while (next <= 400 && client->Submit(Bytes(std::to_string(next)), next) == Submitted::kSubmitted) {
            ++next;
          }
          return next == 401 && client->outstanding() == 0;
        },
        20'000));
    EXPECT_TRUE(answers.EachOnce(1, 400));
    EXPECT_TRUE(answers.unknown.empty());
    ASSERT_EQ(group.group.machines[0]->commands.size(), 400U) << "seed " << seed;
    for (std::size_t i = 0; i < 400; ++i) {
      ASSERT_EQ(group.group.machines[0]->commands[i], std::to_string(i + 1));
    }
    EXPECT_GT(Dropped(group, 0, Drop::kReplayed), 0U);
    EXPECT_GT(group.ports[0]->counters()[NetworkCounter::kDatagramsSentAgain], 0U);
  }
}

// Every command once, whoever leads, and whatever is lost meanwhile.
void SurvivesALeader(const transport::udp::Faults& faults, bool stopped) {
  NetworkGroup group({.group = {.replicas = 3}, .faults = faults});
  ASSERT_TRUE(group.WaitLeader());
  Answers answers;
  const auto client = group.NewClient();
  std::uint64_t next = 1;
  const auto submit = [&](std::uint64_t last) {
    return [&, last] {
      while (next <= last && client->Submit(Bytes(std::to_string(next)), next) == Submitted::kSubmitted) {
        ++next;
      }
      return next > last && client->outstanding() == 0;
    };
  };
  ASSERT_TRUE(group.Run(*client, answers, submit(300), 20'000));
  const std::size_t leader = group.group.Leader();
  // With a window of them under way.
  ASSERT_TRUE(group.Run(*client, answers, [&] {
    (void)submit(700)();
    return next > 400;
  }));
  if (stopped) {
    group.group.stopped.insert(leader);
  } else {
    group.Kill(leader);
  }
  ASSERT_TRUE(group.Run(*client, answers, submit(700), 20'000));
  EXPECT_NE(group.group.Leader(), leader);
  EXPECT_TRUE(answers.EachOnce(1, 700));
  EXPECT_TRUE(answers.unknown.empty());
  const std::vector<std::string>& applied = group.group.machines[group.group.Leader()]->commands;
  const std::set<std::string> distinct(applied.begin(), applied.end());
  EXPECT_EQ(distinct.size(), 700U);
  EXPECT_EQ(applied.size(), 700U);
}

TEST(NetworkClients, FollowTheLeaderWhenItDies) {
  SurvivesALeader({}, false);
}
TEST(NetworkClients, FollowTheLeaderWhenItDiesOverABadNetwork) {
  SurvivesALeader({.seed = 7, .lost = 100, .doubled = 50, .held = 50}, false);
}
TEST(NetworkClients, LeaveALeaderThatFallsSilent) {
  SurvivesALeader({.seed = 8, .lost = 20}, true);
}

TEST(NetworkClients, AreRedirectedByAFollower) {
  NetworkGroup group({.group = {.replicas = 3}});
  ASSERT_TRUE(group.WaitLeader());
  const std::size_t leader = group.group.Leader();
  Answers answers;
  for (int i = 0; i < 3; ++i) {
    const auto client = group.NewClient();
    ASSERT_EQ(client->Submit(Bytes("one"), 1), Submitted::kSubmitted);
    ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
    EXPECT_EQ(client->target().value(), leader);
    EXPECT_LE(client->counters().redirected, 1U);
    EXPECT_EQ(client->counters().silences, 0U);
  }
}

TEST(NetworkClients, HaveAPlaceUntilTheyLeave) {
  NetworkGroup group({.max_clients = 2});
  Answers answers;
  auto first = group.NewClient();
  const auto second = group.NewClient();
  for (Client* const client : {first.get(), second.get()}) {
    ASSERT_EQ(client->Submit(Bytes("one"), 1), Submitted::kSubmitted);
    ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
  }
  EXPECT_EQ(group.ports[0]->clients(), 2U);
  const auto third = group.NewClient();
  ASSERT_EQ(third->Submit(Bytes("one"), 1), Submitted::kSubmitted);
  EXPECT_FALSE(group.Run(*third, answers, [&] { return third->outstanding() == 0; }, 20));
  EXPECT_EQ(third->trouble(), "no room");
  group.Leave(0, 0);
  first.reset();
  EXPECT_TRUE(group.Run(*third, answers, [&] { return third->outstanding() == 0; }));
  EXPECT_EQ(group.ports[0]->counters()[NetworkCounter::kClientsLeft], 1U);
  EXPECT_EQ(group.ports[0]->clients(), 2U);
}

TEST(NetworkClients, AreForgottenAfterASilenceAndComeBack) {
  NetworkGroup group({.silence_timeout_ns = 3'000 * kMs});
  Answers answers;
  const auto client = group.NewClient();
  ASSERT_EQ(client->Submit(Bytes("one"), 1), Submitted::kSubmitted);
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
  // It polls, and has nothing to say.
  ASSERT_FALSE(group.Run(*client, answers, [&] { return group.ports[0]->clients() == 0; }, 5000));
  for (int turn = 0; turn < 400'000 && group.ports[0]->clients() != 0; ++turn) {
    group.Turn();  // it does not even poll
  }
  EXPECT_EQ(group.ports[0]->clients(), 0U);
  EXPECT_EQ(group.ports[0]->counters()[NetworkCounter::kClientsSilent], 1U);
  ASSERT_EQ(client->Submit(Bytes("two"), 2), Submitted::kSubmitted);
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
  EXPECT_EQ(answers.hows[2], Applied::kApplied);
  EXPECT_EQ(client->counters().sessions_opened, 1U);
}

// A client of the test's own: it asks what it likes, and does not take out what comes.
class OwnClient {
 public:
  explicit OwnClient(NetworkGroup& group)
      : group_(group),
        met_(group.Meet(0)),
        request_memory_(met_.request_ring_bytes),
        response_memory_(met_.response_ring_bytes),
        stream_(NetworkKind::kRequests,
                {.out_indexes = &requests_,
                 .out = request_memory_,
                 .in_indexes = &responses_,
                 .in = response_memory_},
                met_.terms, std::move(met_.seal), group.group.clock().NowNs()),
        writer_(requests_, request_memory_) {}

  // Whether there was room for it.
  bool Ask(const RequestHeader& header, std::span<const std::byte> command = {}) {
    std::byte* const place = writer_.Claim(sizeof(header) + command.size());
    if (place != nullptr) {
      std::memcpy(place, &header, sizeof(header));
      std::ranges::copy(command, place + sizeof(header));
      writer_.Commit();
    }
    (void)stream_.SendDue(*met_.port, met_.replica, group_.group.clock().NowNs());
    met_.port->Flush();
    return place != nullptr;
  }

 private:
  NetworkGroup& group_;
  Met met_;
  RingIndexes requests_;
  RingIndexes responses_;
  std::vector<std::byte> request_memory_;
  std::vector<std::byte> response_memory_;
  RingStream stream_;
  RingWriter writer_;
};

TEST(NetworkClients, OneThatNeverReadsStopsItselfOnly) {
  NetworkGroup group({.response_ring_bytes = std::size_t{64} << 10});
  Answers answers;
  OwnClient greedy(group);
  std::uint64_t asked = 0;
  const auto ask = [&] {
    RequestHeader header;
    header.request = asked + 1;
    header.kind = RequestKind::kMembers;
    asked += greedy.Ask(header) ? 1U : 0U;
  };
  const auto client = group.NewClient();
  for (std::uint64_t tag = 1; tag <= 200; ++tag) {
    ask();
    ASSERT_EQ(client->Submit(Bytes("one"), tag), Submitted::kSubmitted);
    ASSERT_TRUE(group.Run(*client, answers, [&] {
      ask();
      return client->outstanding() == 0;
    }));
  }
  EXPECT_GT(asked, 200U);
  EXPECT_EQ(group.ports[0]->clients(), 2U);
}

TEST(NetworkClients, DatagramsOfStrangersAreDroppedAndCounted) {
  NetworkGroup group({});
  Answers answers;
  std::vector<std::byte> caught;
  transport::udp::Endpoint replica;
  group.network.SetTap(
      [&](transport::udp::Endpoint, transport::udp::Endpoint to, const std::vector<std::byte>& bytes) {
        NetworkHeader header;
        std::memcpy(&header, bytes.data(), sizeof(header));
        if (header.kind == static_cast<std::uint8_t>(NetworkKind::kRequests)) {
          caught = bytes;
          replica = to;
        }
        return true;
      });
  const auto client = group.NewClient();
  ASSERT_EQ(client->Submit(Bytes("one"), 1), Submitted::kSubmitted);
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
  ASSERT_FALSE(caught.empty());
  const transport::udp::Endpoint elsewhere = {.address = 0x0a000002, .port = 9};
  const auto deliver = [&](auto change, Drop drop) {
    std::vector<std::byte> bytes = caught;
    change(bytes);
    const std::uint64_t before = Dropped(group, 0, drop);
    group.network.Deliver(elsewhere, replica, std::move(bytes));
    for (int turn = 0; turn < 20; ++turn) {
      group.Turn();
    }
    EXPECT_EQ(Dropped(group, 0, drop), before + 1) << transport::udp::DropName(drop);
  };
  deliver([](auto&) {}, Drop::kStranger);  // not from where its client is
  deliver([](auto& bytes) { bytes[offsetof(NetworkHeader, place)] = std::byte{3}; }, Drop::kStranger);
  deliver([](auto& bytes) { bytes[offsetof(NetworkHeader, place) + 1] = std::byte{3}; }, Drop::kStranger);
  deliver([](auto& bytes) { bytes[offsetof(NetworkHeader, version)] = std::byte{9}; }, Drop::kOtherVersion);
  deliver([](auto& bytes) { bytes[offsetof(NetworkHeader, group)] = std::byte{9}; }, Drop::kForeign);
  deliver([](auto& bytes) { bytes[0] = std::byte{9}; }, Drop::kForeign);
  deliver([](auto& bytes) { bytes[offsetof(NetworkHeader, kind)] = std::byte{2}; }, Drop::kReflected);
  deliver([](auto& bytes) { bytes.resize(40); }, Drop::kTruncated);
  deliver([](auto& bytes) { bytes.resize(bytes.size() + 1); }, Drop::kOversized);
  ASSERT_EQ(client->Submit(Bytes("two"), 2), Submitted::kSubmitted);
  EXPECT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
  EXPECT_EQ(group.group.machines[0]->commands.size(), 2U);
}

TEST(NetworkClients, OneThatSendsWhatNoClientDoesIsClosedAndOthersGoOn) {
  NetworkGroup group({});
  Answers answers;
  Met met = group.Meet(0);
  NetworkHeader header;
  header.kind = static_cast<std::uint8_t>(NetworkKind::kRequests);
  header.group = met.terms.group;
  header.place = met.terms.place;
  header.tag = met.terms.tag_out;
  const RecordHeader record = {.bytes = 0, .filler = 7};
  header.bytes = sizeof(record);
  const std::span<std::byte> buffer = met.port->Claim();
  std::memcpy(buffer.data(), &header, sizeof(header));
  std::memcpy(buffer.data() + sizeof(header), &record, sizeof(record));
  const std::size_t size = kNetworkOverheadBytes + sizeof(record);
  ASSERT_TRUE(met.seal.Close(buffer.first(size)));
  met.port->Send(size, met.replica);
  met.port->Flush();
  const auto client = group.NewClient();
  ASSERT_EQ(client->Submit(Bytes("one"), 1), Submitted::kSubmitted);
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
  ASSERT_TRUE(group.Run(*client, answers, [&] { return group.ports[0]->clients() == 1; }));
  EXPECT_EQ(group.ports[0]->counters()[NetworkCounter::kClientsMisbehaved], 1U);
  EXPECT_EQ(group.lobbies[0]->released, 1U);
}

// Who leads, and who is in the group, is for operators on the replica's own host.
TEST(NetworkClients, OneThatAsksForWhatIsAnOperatorsIsClosedAndNothingComesOfIt) {
  for (const RequestKind kind :
       {RequestKind::kHandOver, RequestKind::kChangeMembership, RequestKind::kDrain}) {
    NetworkGroup group({});
    Answers answers;
    OwnClient asking(group);
    std::array<std::byte, paxos::kConfigurationChangeBytes> change;
    paxos::EncodeConfigurationChange({.kind = paxos::ConfigurationChange::Kind::kAddLearner,
                                      .replica = paxos::ReplicaId(5),
                                      .address = {}},
                                     change);
    RequestHeader header;
    header.request = 1;
    header.kind = kind;
    const bool changes = kind == RequestKind::kChangeMembership;
    ASSERT_TRUE(
        asking.Ask(header, changes ? std::span<const std::byte>(change) : std::span<const std::byte>()));
    const auto client = group.NewClient();
    ASSERT_EQ(client->Submit(Bytes("one"), 1), Submitted::kSubmitted);
    ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
    ASSERT_TRUE(group.Run(*client, answers, [&] { return group.ports[0]->clients() == 1; }));
    EXPECT_EQ(group.ports[0]->counters()[NetworkCounter::kClientsMisbehaved], 1U);
    EXPECT_EQ(group.group.replicas[0]->core().configuration().everybody().size(), 1U);
  }
}

TEST(NetworkClients, AReplicaThatVanishesIsLeftAndLost) {
  NetworkGroup group({.group = {.replicas = 3}});
  ASSERT_TRUE(group.WaitLeader());
  Answers answers;
  const auto client = group.NewClient();
  ASSERT_EQ(client->Submit(Bytes("one"), 1), Submitted::kSubmitted);
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
  // Nothing gets through for longer than a connection lives, and then all does.
  group.network.SetTap([](auto, auto, const auto&) { return false; });
  ASSERT_EQ(client->Submit(Bytes("two"), 2), Submitted::kSubmitted);
  EXPECT_FALSE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }, 2000));
  EXPECT_GT(client->counters().silences, 0U);
  group.network.SetTap({});
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
  EXPECT_TRUE(answers.unknown.empty());
  EXPECT_EQ(group.group.machines[group.group.Leader()]->commands, (std::vector<std::string>{"one", "two"}));
}

}  // namespace
}  // namespace gaios::rsm

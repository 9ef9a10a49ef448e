#include "gaios/cli/status/group_status.h"

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gaios/paxos/state.h"
#include "gaios/rsm/counters.h"

namespace gaios::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

paxos::ReplicaId Id(std::uint8_t id) {
  return paxos::ReplicaId(id);
}

// A leader of three whose replica 2 lags.
GroupStatus Leading() {
  rsm::CounterSnapshot snapshot;
  snapshot.running = true;
  snapshot.consistent = true;
  rsm::CounterData& data = snapshot.data;
  data.incarnation = 1;
  data.voter = 1;
  data.role = static_cast<std::uint64_t>(paxos::Role::kLeader);
  data.ballot = paxos::Ballot(7, Id(1), paxos::Incarnation(1)).packed();
  data.leader_plus_one = 2;
  data.commit = 4096;
  data.applied = 4032;
  data.in_sync = 0b011;
  data.voters = 0b111;
  data.state_hash = 0xabc;
  data.links_count = 2;
  data.links[0] = {.peer = 0, .state = static_cast<std::uint64_t>(rsm::LinkState::kActive), .acked = 4096};
  data.links[1] = {.peer = 2,
                   .state = static_cast<std::uint64_t>(rsm::LinkState::kStalled),
                   .applied = 64,
                   .lag_bytes = 4032};
  data.failovers_count = 9;  // the first is no longer kept
  for (std::uint64_t i = 1; i < 9; ++i) {
    data.failovers[i % rsm::CounterData::kFailovers] = {.ballot = i << 32, .total_ns = i * 1000};
    data.agree_ns[i % rsm::CounterData::kFailovers] = i * 500;
  }
  return {.group = "book", .replicas = {{.id = Id(1), .counters = snapshot, .problem = ""}}};
}

TEST(GroupStatus, JsonHasTheAgreedFields) {
  const nlohmann::json json = StatusJson(Leading());
  ASSERT_EQ(json.size(), 1U);
  const nlohmann::json& replica = json[0];
  EXPECT_EQ(replica["group"], "book");
  EXPECT_EQ(replica["replica"], 1);
  EXPECT_EQ(replica["incarnation"], 1);
  EXPECT_EQ(replica["role"], "leader");
  EXPECT_EQ(replica["ballot"]["round"], 7);
  EXPECT_EQ(replica["ballot"]["id"], 1);
  EXPECT_EQ(replica["leader"], 1);
  EXPECT_EQ(replica["commit"], 4096);
  EXPECT_EQ(replica["applied"], 4032);
  EXPECT_EQ(replica["durable"], 0);
  EXPECT_EQ(replica["in_sync"], nlohmann::json({0, 1}));
  EXPECT_EQ(replica["no_quorum"], false);
  EXPECT_EQ(replica["state_hash"], "0000000000000abc");
  EXPECT_EQ(replica["links"][0]["state"], "active");
  EXPECT_EQ(replica["links"][1]["peer"], 2);
  EXPECT_EQ(replica["links"][1]["path"], "shm");
  EXPECT_EQ(replica["links"][1]["state"], "stalled");
  EXPECT_EQ(replica["links"][1]["lag_bytes"], 4032);
  ASSERT_EQ(replica["failovers"].size(), rsm::CounterData::kFailovers);
  EXPECT_EQ(replica["failovers"][0]["failover_us"]["total"], 1.0);
  EXPECT_EQ(replica["failovers"][0]["agree_us"], 0.5);
  EXPECT_EQ(replica["failovers"][7]["ballot"]["round"], 8);
}

TEST(GroupStatus, ALossThatNobodyCanTellIsNull) {
  GroupStatus status = Leading();
  std::optional<rsm::CounterSnapshot>& counters = status.replicas[0].counters;
  if (!counters.has_value()) {
    FAIL() << "there are counters";
  }
  EXPECT_EQ(StatusJson(status)[0]["links"][0]["loss"], 0);
  counters->data.loss_unknown = std::uint64_t{1} << counters->data.links[0].peer;
  counters->data.links[1].loss = 3;
  const nlohmann::json links = StatusJson(status)[0]["links"];
  EXPECT_TRUE(links[0]["loss"].is_null());
  EXPECT_EQ(links[1]["loss"], 3);
}

TEST(GroupStatus, TableSaysWhatIsOutOfTheOrdinary) {
  GroupStatus status = Leading();
  EXPECT_THAT(StatusTable(status), HasSubstr("link to 2: stalled"));
  EXPECT_THAT(StatusTable(status), Not(HasSubstr("no quorum")));
  std::optional<rsm::CounterSnapshot>& counters = status.replicas[0].counters;
  if (!counters.has_value()) {
    FAIL() << "there are counters";
  }
  rsm::CounterData& data = counters->data;
  data.no_quorum = 1;
  data.voter = 0;
  data.diverged = 1;
  EXPECT_THAT(StatusTable(status), HasSubstr("no quorum"));
  EXPECT_THAT(StatusTable(status), HasSubstr("has forgotten what it promised"));
  EXPECT_THAT(StatusTable(status), HasSubstr("has diverged"));
}

TEST(GroupStatus, OfLinksOfSeveralPathsItTellsWhichAreUpAndHowOftenTheyChanged) {
  GroupStatus status = Leading();
  EXPECT_FALSE(StatusJson(status)[0]["links"][0].contains("paths_up")) << "there is one path";
  EXPECT_THAT(StatusTable(status), Not(HasSubstr("; up are ")));
  std::optional<rsm::CounterSnapshot>& counters = status.replicas[0].counters;
  if (!counters.has_value()) {
    FAIL() << "there are counters";
  }
  rsm::LinkCounters& link = counters->data.links[0];
  link.path = static_cast<std::uint64_t>(rsm::PathKind::kUdp2Socket);
  link.paths_up = std::uint64_t{1} << static_cast<std::size_t>(rsm::PathKind::kUdpDpdk) |
                  std::uint64_t{1} << static_cast<std::size_t>(rsm::PathKind::kUdp2Socket);
  link.switches = 3;
  const nlohmann::json json = StatusJson(status)[0]["links"][0];
  EXPECT_EQ(json["path"], "udp2-socket");
  EXPECT_EQ(json["paths_up"], nlohmann::json({"udp-dpdk", "udp2-socket"}));
  EXPECT_EQ(json["switches"], 3);
  EXPECT_EQ(json["last_switch"], "");
  EXPECT_THAT(StatusTable(status),
              HasSubstr("link to 0: by udp2-socket; up are udp-dpdk, udp2-socket; path changed 3 times\n"));
  link.last_switch = 1;
  EXPECT_EQ(StatusJson(status)[0]["links"][0]["last_switch"], "the link is down");
  EXPECT_THAT(StatusTable(status), HasSubstr("path changed 3 times, last because the link is down\n"));
}

TEST(GroupStatus, ShowsWhoVotesAndWhoLearns) {
  GroupStatus status = Leading();
  EXPECT_THAT(StatusTable(status), HasSubstr("voters 0, 1, 2\n"));
  ASSERT_TRUE(status.replicas[0].counters.has_value());
  rsm::CounterData& data = status.replicas[0].counters->data;  // NOLINT(bugprone-unchecked-optional-access)
  data.learners = 0b1010000;
  data.joining = 0b0010000;
  data.change_undecided = 1;
  EXPECT_THAT(StatusTable(status),
              HasSubstr("voters 0, 1, 2; learners 4, 6; to vote soon 4; a change is under way\n"));
  const nlohmann::json json = StatusJson(status)[0];
  EXPECT_EQ(json["voters"], nlohmann::json({0, 1, 2}));
  EXPECT_EQ(json["learners"], nlohmann::json({4, 6}));
  EXPECT_EQ(json["joining"], nlohmann::json({4}));
  EXPECT_TRUE(json["change_undecided"]);
  data.voters = 0b101;
  data.learners = 0;
  EXPECT_THAT(StatusTable(status), HasSubstr("is not in the group, as far as it knows"));
}

TEST(GroupStatus, ShowsWhatATransportOverANetworkCounts) {
  GroupStatus status = Leading();
  EXPECT_FALSE(StatusJson(status)[0].contains("transport_counters")) << "on one host there are none";
  std::optional<rsm::CounterSnapshot>& counters = status.replicas[0].counters;
  if (!counters.has_value()) {
    FAIL() << "there are counters";
  }
  rsm::CounterData& data = counters->data;
  data.transport_count = rsm::kTransportCounters;
  data.transport[static_cast<std::size_t>(rsm::TransportCounter::kGrants)] = 5;
  EXPECT_THAT(StatusTable(status), Not(HasSubstr("transport, since"))) << "nothing is wrong";
  data.transport[static_cast<std::size_t>(rsm::TransportCounter::kStrangersGarbage)] = 7;
  data.transport[static_cast<std::size_t>(rsm::TransportCounter::kDevicesLost)] = 1;
  EXPECT_THAT(StatusTable(status),
              HasSubstr("transport, since it was started: strangers_garbage 7, devices_lost 1\n"));
  const nlohmann::json json = StatusJson(status)[0]["transport_counters"];
  EXPECT_EQ(json.size(), rsm::kTransportCounters) << "each has a name of its own";
  EXPECT_EQ(json["grants"], 5);
  EXPECT_EQ(json["strangers_garbage"], 7);
  EXPECT_EQ(json["failed_work"], 0);
}

class CountersFile : public ::testing::Test {
 protected:
  CountersFile() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gaios-counters.XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
  }
  ~CountersFile() override { std::filesystem::remove_all(directory_); }
  [[nodiscard]] std::string Path() const { return rsm::Counters::Path(directory_, Id(0)); }
  [[nodiscard]] rsm::Config Group() const {
    rsm::Config config;
    config.group = "book";
    config.directory = directory_;
    config.replicas.emplace_back().id = Id(0);
    return config;
  }

 private:
  std::string directory_;
};

TEST_F(CountersFile, OfThisProcessIsOfOneThatRuns) {
  const auto counters =
      rsm::Counters::Create(Path(), {.group = "book", .replica = Id(0), .reserved_bytes = 1});
  ASSERT_TRUE(counters.ok()) << counters.status();
  const auto snapshot = rsm::ReadCounters(Path());
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ(snapshot->identity.group, "book");
  EXPECT_TRUE(snapshot->running);
  EXPECT_TRUE(snapshot->consistent);
  EXPECT_EQ(snapshot->data.commit, 0U);
}

TEST_F(CountersFile, OfAGroupWithALongNameIsRefused) {
  EXPECT_THAT(
      rsm::Counters::Create(Path(), {.group = std::string(64, 'x'), .replica = Id(0)}).status().message(),
      HasSubstr("too long"));
}

TEST_F(CountersFile, ThatIsMissingOrForeignIsNamed) {
  const GroupStatus missing = ReadGroupStatus(Group());
  EXPECT_FALSE(missing.replicas[0].running());
  EXPECT_THAT(missing.replicas[0].problem, HasSubstr("has not been started"));
  EXPECT_FALSE(StatusJson(missing)[0].contains("role"));
  for (const std::size_t size : {std::size_t{0}, std::size_t{100}, std::size_t{1072}}) {
    std::ofstream(Path()) << std::string(size, 'x');
    EXPECT_THAT(ReadGroupStatus(Group()).replicas[0].problem, HasSubstr("is not a counters file"));
  }
}

TEST_F(CountersFile, ThatCannotBeMadeIsNamed) {
  EXPECT_THAT(
      rsm::Counters::Create("/nowhere/at/all", {.group = "book", .replica = Id(0)}).status().message(),
      HasSubstr("/nowhere/at/all"));
}

}  // namespace
}  // namespace gaios::cli

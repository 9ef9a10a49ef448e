// Clients over the network: `gaios load` with nothing of the group but a config and the key, against replicas
// of this host by the loopback. Leaders that are killed, and configs that do not fit.

#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_replace.h>
#include <absl/strings/string_view.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "gaios/base/clock.h"
#include "gaios/rsm/network_clients.h"
#include "gaios/rsm/node.h"

#include "tests/processes/group.h"
#include "tests/support/paths.h"

namespace gaios::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

GroupSettings Serving(rsm::TransportKind transport, bool start = true) {
  GroupSettings settings;
  settings.transport = transport;
  settings.start = start;
  settings.network_clients = true;
  return settings;
}

// A config as another host has it: of the group's directory it has nothing.
std::string Elsewhere(
    const Group& group, const std::string& name = "elsewhere.toml",
    const std::vector<std::pair<const absl::string_view, absl::string_view>>& changes = {}) {
  std::string text = absl::StrReplaceAll(ReadText(group.config_path()),
                                         {{group.config().directory, group.scratch().Path("none")}});
  for (const auto& [from, to] : changes) {
    EXPECT_THAT(text, HasSubstr(std::string(from)));
    text = absl::StrReplaceAll(text, {{from, to}});
  }
  return group.scratch().Write(name, text);
}

std::vector<std::string> LoadArguments(const std::string& config, const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"load", "--config", config};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

// The sum that a client of the network is told for one more addition.
std::uint64_t NextSum(const Group& group) {
  const base::TscClock clock;
  auto client = rsm::OpenNetworkClient(group.config(), rsm::ClientOptions{}, clock);
  EXPECT_TRUE(client.ok()) << client.status();
  const std::uint64_t one = 1;
  const auto reply = (*client)->Call(std::as_bytes(std::span(&one, 1)));
  EXPECT_TRUE(reply.ok()) << reply.status();
  std::uint64_t sum = 0;
  if (reply.ok() && reply->size() >= sizeof(sum)) {
    std::memcpy(&sum, reply->data(), sizeof(sum));
  }
  return sum;
}

TEST(NetworkClients, LoadNeedsTheConfigAndTheKeyAlone) {
  const Group group(Serving(rsm::TransportKind::kUdp));
  const std::size_t leader = group.AwaitLeader();
  const std::string json_file = group.scratch().Path("load.json");
  const Ran ran =
      RunGaios(group.scratch(),
               LoadArguments(Elsewhere(group), {"--clients", "4", "--seconds", "0.5", "--json", json_file}));
  ASSERT_EQ(ran.exit_code, 0) << ran.output;
  const auto json = nlohmann::json::parse(ReadText(json_file));
  EXPECT_EQ(json["network"], true);
  EXPECT_GT(json["acknowledged"], 0);
  EXPECT_EQ(json["unknown"], 0);
  EXPECT_GT(json["latency_ns"]["p50"], 0);
  EXPECT_EQ(NextSum(group), json["acknowledged"].get<std::uint64_t>() + 1);
  EXPECT_TRUE(Await([&] { return group.Agree({0, 1, 2}); }));
  const auto counted = group.Json(leader)["network_client_counters"];
  EXPECT_GE(counted["clients_welcomed"], 4);
  EXPECT_GT(counted["datagrams_taken"], 0);
  EXPECT_EQ(counted["dropped_forged"], 0);
  EXPECT_TRUE(Await([&] { return group.Json(leader)["network_client_counters"]["clients_now"] == 0; }));
}

TEST(NetworkClients, AKilledLeaderLosesAndDoublesNothingAndTheHistoryIsLinearizable) {
  Group group(Serving(rsm::TransportKind::kUdp));
  const std::size_t leader = group.AwaitLeader();
  const std::string json_file = group.scratch().Path("load.json");
  const std::string history = group.scratch().Path("history.jsonl");
  const auto load =
      StartGaios(LoadArguments(Elsewhere(group),
                               {"--clients", "4", "--mode", "open", "--rate", "1000", "--seconds", "1.5",
                                "--timeout-ms", "60000", "--history", history, "--json", json_file}),
                 group.scratch().Path("load.log"));
  EXPECT_TRUE(Await([&] { return group.Counters(leader).applied_commands > 100; }));
  group.Kill(leader);
  ASSERT_EQ(load->Wait(std::chrono::minutes(1)), 0) << ReadText(group.scratch().Path("load.log"));
  const auto json = nlohmann::json::parse(ReadText(json_file));
  EXPECT_EQ(json["unknown"], 0);
  EXPECT_GT(json["acknowledged"], 100);
  EXPECT_NE(group.AwaitLeader(leader), leader);
  EXPECT_EQ(NextSum(group), json["acknowledged"].get<std::uint64_t>() + 1);
  const auto judge = ChildProcess::Start(
      {BinDirectory() + "/gaios-linearizability", "--model", "log", "--shared-slots", history},
      group.scratch().Path("judge.log"));
  ASSERT_TRUE(judge.ok()) << judge.status();
  EXPECT_EQ((*judge)->Wait(std::chrono::minutes(1)), 0) << ReadText(group.scratch().Path("judge.log"));
}

TEST(NetworkClients, TheyEncryptWhereTheReplicasDoAndOneThatDoesNotIsRefusedByName) {
  const Group group(Serving(rsm::TransportKind::kUdp), "[udp]\nencrypt = true\n");
  static_cast<void>(group.AwaitLeader());
  const std::string json_file = group.scratch().Path("load.json");
  const Ran ran =
      RunGaios(group.scratch(),
               LoadArguments(Elsewhere(group), {"--clients", "2", "--seconds", "0.3", "--json", json_file}));
  ASSERT_EQ(ran.exit_code, 0) << ran.output;
  const auto json = nlohmann::json::parse(ReadText(json_file));
  EXPECT_GT(json["acknowledged"], 0);
  EXPECT_EQ(NextSum(group), json["acknowledged"].get<std::uint64_t>() + 1);
  const std::string readable = Elsewhere(group, "readable.toml", {{"encrypt = true", "encrypt = false"}});
  const Ran refused = RunGaios(group.scratch(), LoadArguments(readable, {"--seconds", "0.3"}));
  EXPECT_EQ(refused.exit_code, 1) << refused.output;
  EXPECT_THAT(refused.output, HasSubstr("refused: the client does not encrypt its datagrams, and replica"));
}

class Nothing final : public rsm::StateMachine {
 public:
  void Apply(const rsm::Command& /*command*/, rsm::Reply& /*reply*/) override {}
  [[nodiscard]] std::uint64_t StateHash() const override { return 0; }
  [[nodiscard]] absl::Status Save(rsm::SnapshotSink& /*sink*/) const override { return absl::OkStatus(); }
  [[nodiscard]] absl::Status Restore(rsm::SnapshotSource& /*source*/) override { return absl::OkStatus(); }
};

// So that a loop that waits is woken by other replicas' datagrams, and by those of clients.
TEST(NetworkClients, ALoopCanWaitOnTheSocketsOfReplicasAndOfClients) {
  const Group group(Serving(rsm::TransportKind::kUdp, false));
  Nothing machine;
  const auto node = rsm::Node::Open(group.config(), paxos::ReplicaId(0), machine);
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_EQ((*node)->Descriptors().size(), 2U);
  const Group shared(Serving(rsm::TransportKind::kShm, false));
  const auto of_memory = rsm::Node::Open(shared.config(), paxos::ReplicaId(0), machine);
  ASSERT_TRUE(of_memory.ok()) << of_memory.status();
  EXPECT_EQ((*of_memory)->Descriptors().size(), 1U) << "of clients alone";
}

TEST(NetworkClients, AGroupOfSharedMemoryServesThemToo) {
  const Group group(Serving(rsm::TransportKind::kShm));
  static_cast<void>(group.AwaitLeader());
  const std::string json_file = group.scratch().Path("load.json");
  // By shared memory where that can be, and by the network when told so.
  std::uint64_t acknowledged = 0;
  for (const bool network : {false, true}) {
    std::vector<std::string> more = {"--seconds", "0.3", "--json", json_file};
    if (network) {
      more.emplace_back("--network");
    }
    const Ran ran = RunGaios(group.scratch(), LoadArguments(group.config_path(), more));
    ASSERT_EQ(ran.exit_code, 0) << ran.output;
    const auto json = nlohmann::json::parse(ReadText(json_file));
    EXPECT_EQ(json["network"], network);
    EXPECT_EQ(json["unknown"], 0);
    acknowledged += json["acknowledged"].get<std::uint64_t>();
  }
  EXPECT_EQ(NextSum(group), acknowledged + 1);
}

TEST(NetworkClients, AnotherKeyOrClusterAndReplicasThatAreDownAreNamed) {
  Group group(Serving(rsm::TransportKind::kUdp, /*start=*/false));
  const std::vector<std::string> brief = {"--seconds", "0.1", "--timeout-ms", "300"};
  const Ran down = RunGaios(group.scratch(), LoadArguments(Elsewhere(group), brief));
  EXPECT_EQ(down.exit_code, 1);
  EXPECT_THAT(down.output, AllOf(HasSubstr("acknowledged nothing"), HasSubstr("nobody listens")));
  for (std::size_t i = 0; i < group.size(); ++i) {
    group.Start(i);
  }
  static_cast<void>(group.AwaitLeader());
  const std::string key = group.scratch().Write(
      "other.key", "00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef\n");
  ASSERT_EQ(::chmod(key.c_str(), 0600), 0);
  const Ran wrong_key = RunGaios(
      group.scratch(),
      LoadArguments(Elsewhere(group, "key.toml", {{group.config().credentials.key_file, key}}), brief));
  EXPECT_EQ(wrong_key.exit_code, 1);
  EXPECT_THAT(wrong_key.output, HasSubstr("is of another cluster, or this client is"));
  const Ran wrong_cluster = RunGaios(
      group.scratch(),
      LoadArguments(Elsewhere(group, "cluster.toml", {{"group = \"test\"", "group = \"toast\""}}), brief));
  EXPECT_EQ(wrong_cluster.exit_code, 1);
  EXPECT_THAT(wrong_cluster.output, HasSubstr("the client is of cluster \"toast\", replica"));
  EXPECT_TRUE(Await([&] {
    const std::string told = group.Output(0) + group.Output(1) + group.Output(2);
    return told.find("was refused (wrong-key)") != std::string::npos &&
           told.find("was refused (wrong-cluster)") != std::string::npos;
  })) << group.Output(0);
  std::uint64_t refused = 0;
  for (std::size_t i = 0; i < group.size(); ++i) {
    refused += group.Json(i)["network_client_counters"]["refused_key"].get<std::uint64_t>();
  }
  EXPECT_GT(refused, 0U);
}

TEST(NetworkClients, AGroupThatServesNoneSaysSo) {
  GroupSettings settings;
  settings.start = false;
  const Group group(settings);
  const Ran ran = RunGaios(group.scratch(), {"load", "--config", group.config_path(), "--network"});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.output, HasSubstr("has no client_address"));
}

}  // namespace
}  // namespace gaios::cli

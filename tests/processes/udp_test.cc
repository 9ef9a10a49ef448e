// Groups over UDP: replicas that are killed and come back, and what is said of configs that do not fit.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/strings/str_replace.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "gaios/base/unique_fd.h"
#include "gaios/rsm/group_identity.h"

#include "tests/processes/capture.h"
#include "tests/processes/group.h"

namespace gaios::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

GroupSettings OverUdp(bool start = true) {
  GroupSettings settings;
  settings.transport = rsm::TransportKind::kUdp;
  settings.start = start;
  return settings;
}

// Whether `replica` votes again in its second life, and is in sync with who leads.
bool IsBack(const Group& group, std::size_t replica) {
  const rsm::CounterData data = group.Counters(replica);
  const std::optional<std::size_t> leader = group.Leader();
  return data.incarnation == 2 && data.voter == 1 && leader.has_value() &&
         (*leader == replica || (group.Counters(*leader).in_sync & (std::uint64_t{1} << replica)) != 0);
}

TEST(Udp, AGroupCommitsAndStatusTellsOfItsPaths) {
  const Group group(OverUdp());
  const std::size_t leader = group.AwaitLeader();
  Counting client(group.config(), {});
  client.Commit(2000);
  client.Settle();
  EXPECT_EQ(client.unknown(), 0U);
  EXPECT_EQ(client.sum(), client.submitted());
  EXPECT_TRUE(Await([&] { return group.Agree({0, 1, 2}); }));
  const nlohmann::json status = group.Json(leader);
  ASSERT_EQ(status["links"].size(), 2U);
  for (const auto& link : status["links"]) {
    EXPECT_EQ(link["path"], "udp-socket");
    EXPECT_EQ(link["state"], "active");
    EXPECT_GT(link["rtt_ns"], 0);
  }
  EXPECT_GT(status["transport_counters"]["pieces_sent"], 0);
  EXPECT_EQ(status["transport_counters"]["dropped_forged"], 0);
  EXPECT_THAT(group.Output(leader), Not(HasSubstr("not authenticated")));
}

// Kills the leader under a client, who commits so many before and after, and starts it again: nothing is
// lost, doubled or unknown.
void ReplaceTheLeader(Group& group, std::uint64_t commands) {
  const std::size_t leader = group.AwaitLeader();
  Counting client(group.config(), {});
  client.Commit(commands);
  group.Kill(leader);
  client.Commit(commands);
  EXPECT_NE(group.AwaitLeader(), leader);
  group.Start(leader);
  ASSERT_TRUE(Await([&] {
    client.Turn();
    return IsBack(group, leader);
  })) << group.Json(leader)
      << group.Output(leader);
  client.Settle();
  EXPECT_EQ(client.unknown(), 0U);
  EXPECT_EQ(client.sum(), client.submitted());
  EXPECT_TRUE(Await([&] { return group.Agree({0, 1, 2}); }));
}

TEST(Udp, AKilledLeaderIsReplacedAndComesBackAndNothingIsLostOrDoubled) {
  Group group(OverUdp());
  ReplaceTheLeader(group, 1000);
}

TEST(Udp, AFollowerThatIsStoppedAndGoesOnIsTakenBack) {
  Group group(OverUdp());
  const std::size_t leader = group.AwaitLeader();
  const std::size_t follower = group.Followers(leader)[0];
  Counting client(group.config(), {});
  client.Commit(500);
  group.Stop(follower);
  // Until its link is given up: a second of silence.
  ASSERT_TRUE(Await([&] {
    client.Turn();
    return group.Output(leader).find("is given up") != std::string::npos;
  })) << group.Output(leader);
  group.Signal(follower, SIGCONT);
  ASSERT_TRUE(Await([&] {
    client.Turn();
    return (group.Counters(leader).in_sync & (std::uint64_t{1} << follower)) != 0;
  })) << group.Json(leader)
      << group.Output(follower);
  client.Settle();
  EXPECT_EQ(client.unknown(), 0U);
  EXPECT_EQ(client.sum(), client.submitted());
  EXPECT_TRUE(Await([&] { return group.Agree({0, 1, 2}); }));
}

TEST(Udp, WithoutAuthenticationItSaysSoAtEachStart) {
  const Group group(OverUdp(), "[udp]\nauthenticate = false\n");
  const std::size_t leader = group.AwaitLeader();
  Counting client(group.config(), {});
  client.Commit(500);
  client.Settle();
  EXPECT_EQ(client.sum(), client.submitted());
  EXPECT_THAT(group.Output(leader), HasSubstr("datagrams are not authenticated"));
}

TEST(Udp, AReplicaThatDoesNotAuthenticateIsRefusedByNameAndTheOthersGoOn) {
  Group group(OverUdp(false));
  const std::string other = group.scratch().Write(
      "other.toml", absl::StrReplaceAll(ReadText(group.config_path()),
                                        {{"[credentials]", "[udp]\nauthenticate = false\n[credentials]"}}));
  group.Start(0);
  group.Start(1);
  group.Start(2, other);
  EXPECT_TRUE(Await([&] {
    return group.Output(2).find("authenticates its datagrams, and this replica does not") !=
           std::string::npos;
  })) << group.Output(2);
  const std::size_t leader = group.AwaitLeader();
  EXPECT_NE(leader, 2U);
  EXPECT_TRUE(Await([&] {
    return group.Output(leader).find(
               "there is no link to replica 2, which does not authenticate its datagrams") !=
           std::string::npos;
  })) << group.Output(leader);
  Counting client(group.config(), {});
  client.Commit(100);
  client.Settle();
  EXPECT_EQ(client.sum(), client.submitted());
}

TEST(Udp, AGroupThatEncryptsCommitsReplacesItsLeaderAndLosesNothing) {
  Group group(OverUdp(), "[udp]\nencrypt = true\n");
  ReplaceTheLeader(group, 1000);
  const nlohmann::json counters = group.Json(group.AwaitLeader())["transport_counters"];
  EXPECT_EQ(counters["dropped_forged"], 0);
  EXPECT_EQ(counters["dropped_other_seal"], 0);
  EXPECT_EQ(counters["dropped_malformed"], 0);
}

// Whatever replicas say of themselves: what counts is on the wire.
TEST(Udp, WhoReadsAlongSeesNoCommandAndNoKindWhereDatagramsAreEncryptedAndBothWhereNot) {
  if (const std::string missing = Capture::Missing(); !missing.empty()) {
    GTEST_SKIP() << missing;
  }
  for (const bool encrypt : {true, false}) {
    const Group group(OverUdp(), encrypt ? "[udp]\nencrypt = true\n" : "");
    static_cast<void>(group.AwaitLeader());
    Capture capture(*rsm::FindGroup(group.config()), kAdditionOfOne);
    Counting client(group.config(), {});
    for (int i = 0; i < 10; ++i) {
      client.Commit(20);
      capture.Look();
    }
    client.Settle();
    capture.Look();
    EXPECT_GT(capture.of_replicas(), 100U);
    if (encrypt) {
      EXPECT_EQ(capture.readable(), 0U);
      EXPECT_EQ(capture.with_command(), 0U);
    } else {
      EXPECT_EQ(capture.readable(), capture.of_replicas());
      EXPECT_GT(capture.with_command(), 0U);
    }
  }
}

TEST(Udp, AReplicaThatDoesNotEncryptIsRefusedByNameAtBothEndsAndTheOthersGoOn) {
  Group group(OverUdp(false), "[udp]\nencrypt = true\n");
  const std::string other = group.scratch().Write(
      "other.toml",
      absl::StrReplaceAll(ReadText(group.config_path()), {{"encrypt = true", "encrypt = false"}}));
  group.Start(0);
  group.Start(1);
  group.Start(2, other);
  EXPECT_TRUE(Await([&] {
    return group.Output(2).find("encrypts its datagrams, and this replica does not") != std::string::npos;
  })) << group.Output(2);
  const std::size_t leader = group.AwaitLeader();
  EXPECT_NE(leader, 2U);
  EXPECT_TRUE(Await([&] {
    return group.Output(leader).find(
               "there is no link to replica 2, which does not encrypt its datagrams, and this replica "
               "does") != std::string::npos;
  })) << group.Output(leader);
  Counting client(group.config(), {});
  client.Commit(100);
  client.Settle();
  EXPECT_EQ(client.sum(), client.submitted());
}

TEST(Udp, AGroupThatWaitsOnItsSocketsCommitsAndReplacesItsLeader) {
  Group group(OverUdp(), "idle = \"block\"\n");
  ReplaceTheLeader(group, 300);
}

TEST(Udp, AWrongKeyIsRefusedByName) {
  Group group(OverUdp(false));
  const std::string key = group.scratch().Write(
      "other.key", "00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef\n");
  ASSERT_EQ(::chmod(key.c_str(), 0600), 0);
  const std::string text = ReadText(group.config_path());
  const std::string other = group.scratch().Write(
      "other.toml", absl::StrReplaceAll(text, {{group.config().credentials.key_file, key}}));
  group.Start(0);
  group.Start(1);
  group.Start(2, other);
  static_cast<void>(group.AwaitLeader());
  EXPECT_TRUE(Await([&] {
    const std::string told = group.Output(0) + group.Output(1) + group.Output(2);
    return told.find("key") != std::string::npos && told.find("refused") != std::string::npos;
  })) << group.Output(0)
      << group.Output(2);
  EXPECT_NE(group.AwaitLeader(), 2U);
}

TEST(Udp, APortInUseIsNamed) {
  Group group(OverUdp(false));
  const rsm::ReplicaConfig& own = group.config().replicas[0];
  const base::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(own.udp_port);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  const Ran ran = RunGaios(group.scratch(), {"replica", "--config", group.config_path(), "--id", "0"});
  EXPECT_NE(ran.exit_code, 0);
  EXPECT_THAT(ran.output, AllOf(HasSubstr("127.0.0.1 port " + std::to_string(own.udp_port)),
                                HasSubstr("another process has this UDP port")));
}

TEST(Udp, DoctorTellsWhereDatagramsGo) {
  const Group group(OverUdp(false));
  const std::string file = group.scratch().Path("doctor.json");
  const Ran ran = RunGaios(group.scratch(), {"doctor", "--config", group.config_path(), "--json", file});
  EXPECT_LE(ran.exit_code, 1) << ran.output;
  EXPECT_THAT(ReadText(file), HasSubstr("UDP over kernel sockets at 127.0.0.1 port"));
  const std::string elsewhere = group.scratch().Write(
      "elsewhere.toml", absl::StrReplaceAll(ReadText(group.config_path()), {{"127.0.0.1", "192.0.2.1"}}));
  const Ran bad = RunGaios(group.scratch(), {"doctor", "--config", elsewhere});
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_THAT(bad.output, HasSubstr("this host has none of the addresses"));
}

TEST(Udp, TheDemoSurvivesAKilledLeader) {
  const Scratch scratch;
  const std::string file = scratch.Path("demo.json");
  const Ran ran =
      RunGaios(scratch, {"demo", "--transport", "udp", "--seconds", "2", "--rate", "5000", "--json", file});
  ASSERT_EQ(ran.exit_code, 0) << ran.output;
  EXPECT_THAT(ran.output, HasSubstr("over UDP, on one host"));
  const auto json = nlohmann::json::parse(ReadText(file));
  EXPECT_GT(json["acknowledged"], 1000);
  EXPECT_EQ(json["lost"], 0);
  EXPECT_EQ(json["duplicated"], 0);
  EXPECT_EQ(json["hashes_equal"], true);
}

}  // namespace
}  // namespace gaios::cli

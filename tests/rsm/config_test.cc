#include "gaios/rsm/config.h"

#include <filesystem>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/rsm/config_texts.h"
#include "tests/support/paths.h"

namespace gaios::rsm {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

TEST(Config, DefaultsAreThoseOfTheProtocol) {
  const absl::StatusOr<Config> config = ParseConfig(kMinimal, "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->group, "book");
  EXPECT_EQ(config->epoch, 1U);
  EXPECT_EQ(config->directory, "/tmp/book");
  EXPECT_EQ(config->state_machine, StateMachineKind::kCounter);
  EXPECT_EQ(config->idle, base::IdleStrategy::kBackOff);
  EXPECT_EQ(config->replicas.size(), 3U);
  EXPECT_TRUE(config->warnings.empty());

  const paxos::Options defaults;
  const paxos::Options options =
      ProtocolOptions(*config, paxos::GroupId(9), paxos::ReplicaId(1), paxos::Incarnation(1));
  EXPECT_EQ(options.capacity_bytes, defaults.capacity_bytes);
  EXPECT_EQ(options.max_batch_bytes, defaults.max_batch_bytes);
  EXPECT_EQ(options.heartbeat_interval_ns, defaults.heartbeat_interval_ns);
  EXPECT_EQ(options.suspect_timeout_ns, defaults.suspect_timeout_ns);
  EXPECT_EQ(options.suspect_timeout_most_ns, defaults.suspect_timeout_most_ns);
  EXPECT_EQ(options.election_jitter_ns, defaults.election_jitter_ns);
  EXPECT_EQ(options.election_timeout_ns, defaults.election_timeout_ns);
  EXPECT_EQ(options.drop_timeout_ns, defaults.drop_timeout_ns);
  EXPECT_EQ(options.fill_bytes_per_second, defaults.fill_bytes_per_second);
  EXPECT_EQ(options.self, paxos::ReplicaId(1));
  EXPECT_EQ(options.group, paxos::GroupId(9));
  EXPECT_EQ(options.configuration.size(), 3U);
}

TEST(Config, ReplicasOnSeveralHosts) {
  const absl::StatusOr<Config> config = ParseConfig(kVerbs, "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->transport, TransportKind::kVerbs);
  EXPECT_EQ(config->credentials.key_file, "/etc/book.key");
  EXPECT_EQ(config->verbs.device, "");
  EXPECT_EQ(config->verbs.port, 1);
  EXPECT_EQ(config->replicas[1].address, "10.0.0.2");
  EXPECT_EQ(config->replicas[1].port, 7400);
  EXPECT_EQ(config->replicas[2].address, "fd00::3");
  EXPECT_EQ(config->replicas[2].port, 7401);
}

TEST(Config, AnRdmaAddressIsOfItsReplica) {
  const absl::StatusOr<Config> config = ParseConfig(
      With(kVerbs, "10.0.0.2:7400\"\n", "10.0.0.2:7400\"\nrdma_address = \"10.1.0.2\"\n"), "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->replicas[0].rdma_address, "");
  EXPECT_EQ(config->replicas[1].rdma_address, "10.1.0.2");
}

TEST(Config, EveryKeyOfVerbsIsRead) {
  const absl::StatusOr<Config> config = ParseConfig(
      With(kVerbs, kCredentials,
           "[credentials]\nca_file = \"ca\"\ncertificate_file = \"c\"\nprivate_key_file = \"p\"\n") +
          R"([verbs]
device = "mlx5_1"
port = 2
fence = "qp_error"
ack_timeout = 10
retries = 3
traffic_class = 106
service_level = 5
)",
      "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->credentials.ca_file, "ca");
  EXPECT_EQ(config->credentials.certificate_file, "c");
  EXPECT_EQ(config->credentials.private_key_file, "p");
  EXPECT_EQ(config->verbs.device, "mlx5_1");
  EXPECT_EQ(config->verbs.port, 2);
  EXPECT_EQ(config->verbs.fence, "qp_error");
  EXPECT_EQ(config->verbs.ack_timeout, 10);
  EXPECT_EQ(config->verbs.retries, 3);
  EXPECT_EQ(config->verbs.traffic_class, 106);
  EXPECT_EQ(config->verbs.service_level, 5);
}

TEST(Config, DatagramsGoToTheAddressUnlessToldOtherwise) {
  const absl::StatusOr<Config> config = ParseConfig(kUdp, "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->transport, TransportKind::kUdp);
  EXPECT_EQ(config->udp.payload_bytes, 1400U);
  EXPECT_TRUE(config->udp.authenticate);
  EXPECT_EQ(config->replicas[1].udp_address, "10.0.0.2");
  EXPECT_EQ(config->replicas[1].udp_port, 7400);
  EXPECT_EQ(config->replicas[2].address, "fd00::3");
  EXPECT_EQ(config->replicas[2].udp_address, "10.0.0.3");
  EXPECT_EQ(config->replicas[2].udp_port, 7402);
}

TEST(Config, EveryKeyOfUdpIsRead) {
  const absl::StatusOr<Config> config =
      ParseConfig(kUdp + "[udp]\npayload_bytes = 8900\nauthenticate = false\n", "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->udp.payload_bytes, 8900U);
  EXPECT_FALSE(config->udp.authenticate);
  EXPECT_EQ(config->udp.port, PortKind::kSocket);
}

TEST(Config, WhoEncryptsDoesSoByEveryWay) {
  const std::string clients =
      With(With(With(kUdp, "id = 0\n", "id = 0\nclient_address = \"10.0.0.1:7500\"\n"), "id = 1\n",
                "id = 1\nclient_address = \"10.0.0.2:7500\"\n"),
           "id = 2\n", "id = 2\nclient_address = \"10.0.0.3:7500\"\n");
  absl::StatusOr<Config> config = ParseConfig(clients + "[udp]\nencrypt = true\n", "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->udp.encrypt);
  EXPECT_TRUE(config->clients.encrypt);
  EXPECT_THAT(config->warnings, Not(Contains(HasSubstr("encrypt"))));
  config = ParseConfig(clients + "[udp]\nencrypt = true\n[clients]\nencrypt = false\n", "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->clients.encrypt);
  EXPECT_THAT(config->warnings, Contains(HasSubstr("set encrypt = true in the [clients] section")));
  config = ParseConfig(clients + "[clients]\nencrypt = true\n", "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->udp.encrypt);
  EXPECT_TRUE(config->clients.encrypt);
  EXPECT_THAT(config->warnings, Contains(HasSubstr("the path \"udp\" does not encrypt, and others do")));
}

TEST(Config, KernelSocketsMayBeNamed) {
  const absl::StatusOr<Config> config = ParseConfig(kUdp + "[udp]\nport = \"socket\"\n", "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->udp.port, PortKind::kSocket);
}

TEST(Config, TheKernelMayPollTheCard) {
  EXPECT_EQ(ParseConfig(kUdp, "a.toml")->udp.busy_poll_us, 0U) << "it does not, unless it is told";
  const absl::StatusOr<Config> config = ParseConfig(kUdp + "[udp]\nbusy_poll_us = 50\n", "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->udp.busy_poll_us, 50U);
}

TEST(Config, EveryKeyOfDpdkIsRead) {
  const absl::StatusOr<Config> config = ParseConfig(kDpdk + R"(mtu = 9000
prefix_bits = 16
gateway = "10.0.255.254"
hugepages = "never"
flow_rules = "require"
zero_copy = "always"
)",
                                                    "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->udp.port, PortKind::kDpdk);
  EXPECT_EQ(config->dpdk.device, "0000:01:00.0");
  EXPECT_EQ(config->dpdk.mtu, 9000);
  EXPECT_EQ(config->dpdk.prefix_bits, 16);
  EXPECT_EQ(config->dpdk.gateway, "10.0.255.254");
  EXPECT_EQ(config->dpdk.hugepages, "never");
  EXPECT_EQ(config->dpdk.flow_rules, "require");
  EXPECT_EQ(config->dpdk.zero_copy, "always");
}

TEST(Config, DpdkNeedsNothingButItsDevice) {
  const absl::StatusOr<Config> config = ParseConfig(kDpdk, "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->dpdk.mtu, 0);
  EXPECT_EQ(config->dpdk.prefix_bits, 24);
  EXPECT_EQ(config->dpdk.gateway, "");
  EXPECT_EQ(config->dpdk.hugepages, "if_free");
  EXPECT_EQ(config->dpdk.flow_rules, "if_supported");
  EXPECT_EQ(config->dpdk.zero_copy, "if_supported");
}

TEST(Config, ReplicasOfEveryTransportMayServeClientsOfTheNetwork) {
  for (const std::string& text : {kMinimal, kVerbs, kUdp}) {
    std::string served = text.find("[credentials]") == std::string::npos
                             ? With(text, "[[replica]]\nid = 0\n", kCredentials + "[[replica]]\nid = 0\n")
                             : text;
    for (int id = 0; id < 3; ++id) {
      const std::string line = absl::StrCat("id = ", id, "\n");
      served = With(served, line, absl::StrCat(line, "client_address = \"10.0.0.", id + 1, ":7500\"\n"));
    }
    const absl::StatusOr<Config> config = ParseConfig(served, "a.toml");
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_TRUE(config->serves_network());
    EXPECT_EQ(config->replicas[1].client_address, "10.0.0.2");
    EXPECT_EQ(config->replicas[2].client_port, 7500);
    EXPECT_EQ(config->clients.max, 64U);
    EXPECT_EQ(config->clients.payload_bytes, 1400U);
    EXPECT_EQ(config->clients.silence_timeout_ns, 10'000'000'000U);
    const absl::StatusOr<Config> all = ParseConfig(
        served + "[clients]\nmax = 2\npayload_bytes = 8900\nsilence_timeout_ms = 3000\n", "a.toml");
    ASSERT_TRUE(all.ok()) << all.status();
    EXPECT_EQ(all->clients.max, 2U);
    EXPECT_EQ(all->clients.payload_bytes, 8900U);
    EXPECT_EQ(all->clients.silence_timeout_ns, 3'000'000'000U);
  }
  EXPECT_FALSE(ParseConfig(kUdp, "a.toml")->serves_network());
}

TEST(Config, EveryKeyIsRead) {
  const absl::StatusOr<Config> config = ParseConfig(R"(
group = "book"
epoch = 7
transport = "shm"
directory = "/dev/shm/x"
capacity_bytes = 1_048_576
state_machine = "order-book"
idle = "spin"
max_batch_bytes = 4096
hash_interval_commands = 0
[timing]
heartbeat_interval_ms = 2
suspect_timeout_ms = 8
suspect_timeout_most_ms = 90
election_jitter_ms = 3
election_timeout_ms = 30
drop_timeout_ms = 40
preferred_after_ms = 700
[sessions]
max_sessions = 9
reply_kib = 64
idle_timeout_s = 5
[[replica]]
id = 2
priority = 0
[[replica]]
id = 0
cpu = 3
[[replica]]
id = 1
priority = 100
)",
                                                    "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->epoch, 7U);
  EXPECT_EQ(config->capacity_bytes, 1U << 20);
  EXPECT_EQ(config->state_machine, StateMachineKind::kOrderBook);
  EXPECT_EQ(config->idle, base::IdleStrategy::kSpin);
  EXPECT_EQ(config->max_batch_bytes, 4096U);
  EXPECT_EQ(config->hash_interval_commands, 0U);
  EXPECT_EQ(config->heartbeat_interval_ns, 2'000'000U);
  EXPECT_EQ(config->suspect_timeout_ns, 8'000'000U);
  EXPECT_EQ(config->suspect_timeout_most_ns, 90'000'000U);
  EXPECT_EQ(config->election_jitter_ns, 3'000'000U);
  EXPECT_EQ(config->election_timeout_ns, 30'000'000U);
  EXPECT_EQ(config->drop_timeout_ns, 40'000'000U);
  EXPECT_EQ(config->max_sessions, 9U);
  EXPECT_EQ(config->reply_bytes, 64U << 10);
  EXPECT_EQ(config->session_idle_timeout_ns, 5'000'000'000U);
  ASSERT_EQ(config->replicas.size(), 3U);
  for (std::uint8_t i = 0; i < 3; ++i) {
    EXPECT_EQ(config->replicas[i].id, paxos::ReplicaId(i));
  }
  EXPECT_EQ(config->replicas[0].cpu, 3);
  EXPECT_FALSE(config->replicas[1].cpu.has_value());
  const paxos::Options options =
      ProtocolOptions(*config, paxos::GroupId(1), paxos::ReplicaId(1), paxos::Incarnation(1));
  EXPECT_EQ(options.preferred_after_ns, 700'000'000U);
  EXPECT_EQ(options.priorities, (paxos::Priorities{1, 100, 0, 1, 1, 1, 1})) << "1 where nothing is said";
}

TEST(Config, EvenAndSingleGroupsAreAllowedWithAWarning) {
  const absl::StatusOr<Config> two = ParseConfig(kMinimal.substr(0, kMinimal.rfind("[[")), "a.toml");
  ASSERT_TRUE(two.ok()) << two.status();
  ASSERT_EQ(two->warnings.size(), 1U);
  EXPECT_NE(two->warnings[0].find("survives no more deaths"), std::string::npos);
  const absl::StatusOr<Config> one =
      ParseConfig(kMinimal.substr(0, kMinimal.find("[[", kMinimal.find("id = 0"))), "a.toml");
  ASSERT_TRUE(one.ok()) << one.status();
  ASSERT_EQ(one->warnings.size(), 1U);
  EXPECT_NE(one->warnings[0].find("one replica"), std::string::npos);
}

TEST(Config, SessionsMayTakeWhatIsAllowed) {
  EXPECT_TRUE(ParseConfig(kMinimal + "[sessions]\nmax_sessions = 65536\nreply_kib = 64\n", "a.toml").ok());
  EXPECT_TRUE(ParseConfig(kMinimal + "[sessions]\nmax_sessions = 64\nreply_kib = 65536\n", "a.toml").ok());
  EXPECT_TRUE(ParseConfig("capacity_bytes = 17_179_869_184\n" + kMinimal, "a.toml").ok());
}

TEST(Config, FillingIsBoundedAsToldAndNotAtAllWithZero) {
  const auto bound = [](const std::string& text) {
    const absl::StatusOr<Config> config = ParseConfig(text, "a.toml");
    EXPECT_TRUE(config.ok()) << config.status();
    return config.ok()
               ? ProtocolOptions(*config, paxos::GroupId(9), paxos::ReplicaId(0), paxos::Incarnation(1))
                     .fill_bytes_per_second
               : 1;
  };
  EXPECT_EQ(bound(kMinimal), std::uint64_t{32} << 20);
  EXPECT_EQ(bound("fill_mib_per_second = 100\n" + kMinimal), std::uint64_t{100} << 20);
  EXPECT_EQ(bound("fill_mib_per_second = 0\n" + kMinimal), 0U);
}

TEST(Config, SnapshotsAreTakenOnDemandUnlessToldOtherwise) {
  const absl::StatusOr<Config> silent = ParseConfig(kMinimal, "a.toml");
  ASSERT_TRUE(silent.ok()) << silent.status();
  EXPECT_EQ(silent->snapshot_directory, "");
  EXPECT_EQ(silent->snapshot_interval_commands, 0U);
  EXPECT_EQ(silent->snapshot_fill_bytes_per_second, 0U);
  const absl::StatusOr<Config> told = ParseConfig(kMinimal +
                                                      "[snapshot]\ndirectory = \"/srv/s\"\n"
                                                      "interval_commands = 7\nfill_bytes_per_second = 9\n",
                                                  "a.toml");
  ASSERT_TRUE(told.ok()) << told.status();
  EXPECT_EQ(told->snapshot_directory, "/srv/s");
  EXPECT_EQ(told->snapshot_interval_commands, 7U);
  EXPECT_EQ(told->snapshot_fill_bytes_per_second, 9U);
}

TEST(Config, SamplesAreGood) {
  std::size_t samples = 0;
  for (const auto& file : std::filesystem::directory_iterator(SourceDirectory() + "/hw-config/examples")) {
    if (file.path().extension() == ".toml") {
      const absl::StatusOr<Config> config = LoadConfig(file.path().string());
      EXPECT_TRUE(config.ok()) << config.status();
      ++samples;
    }
  }
  EXPECT_GT(samples, 0U);
}

TEST(Config, MissingFileIsNamed) {
  const absl::Status status = LoadConfig("/nowhere/a.toml").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("/nowhere/a.toml"), absl::string_view::npos);
  EXPECT_FALSE(LoadConfig("/").ok());
  EXPECT_FALSE(LoadConfig("/dev/zero").ok());  // which has no end
}

}  // namespace
}  // namespace gaios::rsm

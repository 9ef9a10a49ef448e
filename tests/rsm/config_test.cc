#include "gaios/rsm/config.h"

#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/paths.h"

namespace gaios::rsm {
namespace {

const std::string kMinimal = R"(group = "book"
transport = "shm"
directory = "/tmp/book"
state_machine = "counter"
[[replica]]
id = 0
[[replica]]
id = 1
[[replica]]
id = 2
)";

const std::string kCredentials = "[credentials]\nkey_file = \"/etc/book.key\"\n";
const std::string kVerbs = R"(group = "book"
transport = "verbs"
directory = "/tmp/book"
state_machine = "counter"
)" + kCredentials + R"([[replica]]
id = 0
address = "10.0.0.1:7400"
[[replica]]
id = 1
address = "10.0.0.2:7400"
[[replica]]
id = 2
address = "[fd00::3]:7401"
)";

const std::string kUdp = R"(group = "book"
transport = "udp"
directory = "/tmp/book"
state_machine = "counter"
)" + kCredentials + R"([[replica]]
id = 0
address = "10.0.0.1:7400"
[[replica]]
id = 1
address = "10.0.0.2:7400"
[[replica]]
id = 2
address = "[fd00::3]:7401"
udp_address = "10.0.0.3:7402"
)";

const std::string kDpdk = kUdp + R"([udp]
port = "dpdk"
[dpdk]
device = "0000:01:00.0"
)";

// `text` with the first `from` replaced.
std::string With(std::string text, const std::string& from, const std::string& to) {
  text.replace(text.find(from), from.size(), to);
  return text;
}

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

TEST(Config, KernelSocketsMayBeNamed) {
  const absl::StatusOr<Config> config = ParseConfig(kUdp + "[udp]\nport = \"socket\"\n", "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->udp.port, PortKind::kSocket);
}

TEST(Config, EveryKeyOfDpdkIsRead) {
  const absl::StatusOr<Config> config = ParseConfig(kDpdk + R"(mtu = 9000
prefix_bits = 16
gateway = "10.0.255.254"
hugepages = "never"
flow_rules = "require"
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
}

TEST(Config, DpdkNeedsNothingButItsDevice) {
  const absl::StatusOr<Config> config = ParseConfig(kDpdk, "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->dpdk.mtu, 0);
  EXPECT_EQ(config->dpdk.prefix_bits, 24);
  EXPECT_EQ(config->dpdk.gateway, "");
  EXPECT_EQ(config->dpdk.hugepages, "if_free");
  EXPECT_EQ(config->dpdk.flow_rules, "if_supported");
}

TEST(Config, ReplicasOfEveryTransportMayServeClientsOfTheNetwork) {
  for (const std::string& text : {kMinimal, kVerbs, kUdp}) {
    std::string served = text.find("[credentials]") == std::string::npos
                             ? With(text, "[[replica]]\nid = 0\n", kCredentials + "[[replica]]\nid = 0\n")
                             : text;
    for (int id = 0; id < 3; ++id) {
      const std::string line = "id = " + std::to_string(id) + "\n";
      served = With(served, line, line + "client_address = \"10.0.0." + std::to_string(id + 1) + ":7500\"\n");
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

// a.a.a = 1: a table in a table in a table.
std::string NestedTables(int depth) {
  std::string text = "a";
  for (int i = 0; i < depth; ++i) {
    text += ".a";
  }
  return text + " = 1\n";
}

struct Wrong {
  const char* name;
  std::string text;
  std::vector<std::string> says;
};

void PrintTo(const Wrong& wrong, std::ostream* out) {
  *out << wrong.name;
}

class ConfigError : public testing::TestWithParam<Wrong> {};

TEST_P(ConfigError, NamesFileLineKeyAndFix) {
  const absl::Status status = ParseConfig(GetParam().text, "conf/a.toml").status();
  ASSERT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  for (const std::string& part : GetParam().says) {
    EXPECT_NE(std::string(status.message()).find(part), std::string::npos)
        << part << " is not in: " << status;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Config, ConfigError,
    testing::Values(
        Wrong{"DeeperThanTheStack", NestedTables(50'000), {"conf/a.toml:1: has more than 16384 bytes"}},
        Wrong{"NestedAsDeepAsFits", NestedTables(8'000), {"conf/a.toml:1: a is not a key"}},
        Wrong{"NotToml", "group = \n", {"conf/a.toml:1:", "not valid TOML"}},
        Wrong{
            "UnknownKey", "grup = \"x\"\n" + kMinimal, {"conf/a.toml:1: grup is not a key", "group, epoch"}},
        Wrong{"UnknownTimingKey",
              kMinimal + "[timing]\nheartbeat_ms = 3\n",
              {"conf/a.toml:12: timing.heartbeat_ms is not a key", "heartbeat_interval_ms"}},
        Wrong{"UnknownSessionKey", kMinimal + "[sessions]\nsize = 3\n", {":12: sessions.size", "reply_kib"}},
        Wrong{"UnknownReplicaKey",
              With(kMinimal, "id = 1\n", "id = 1\ncore = 3\n"),
              {":9: replica.core is not a key", "id, cpu"}},
        Wrong{"MissingGroup", With(kMinimal, "group = \"book\"\n", ""), {"conf/a.toml:1: group is missing"}},
        Wrong{"MissingTransport", With(kMinimal, "transport = \"shm\"\n", ""), {"transport is missing"}},
        Wrong{
            "MissingDirectory", With(kMinimal, "directory = \"/tmp/book\"\n", ""), {"directory is missing"}},
        Wrong{"MissingMachine",
              With(kMinimal, "state_machine = \"counter\"\n", ""),
              {"state_machine is missing"}},
        Wrong{"NoReplicas", kMinimal.substr(0, kMinimal.find("[[")), {"replica is missing", "[[replica]]"}},
        Wrong{"ReplicaIsNoList",
              kMinimal.substr(0, kMinimal.find("[[")) + "replica = 3\n",
              {":5: replica must be sections"}},
        Wrong{"EmptyGroup", With(kMinimal, "\"book\"", "\"\""), {":1: group must be a text"}},
        Wrong{"LongGroup",
              With(kMinimal, "\"book\"", "\"" + std::string(64, 'g') + "\""),
              {":1: group has 64 bytes"}},
        Wrong{"WrongType", With(kMinimal, "\"book\"", "5"), {":1: group must be a text in quotes"}},
        Wrong{"NumberAsText", "epoch = \"1\"\n" + kMinimal, {":1: epoch must be a whole number"}},
        Wrong{"NumberAsFloat", "epoch = 1.0\n" + kMinimal, {":1: epoch must be a whole number"}},
        Wrong{"EpochZero", "epoch = 0\n" + kMinimal, {":1: epoch is 0; it must be between 1 and"}},
        Wrong{"OtherTransport",
              With(kMinimal, "\"shm\"", "\"pigeon\""),
              {":2: transport is \"pigeon\"", "\"shm\"", "\"verbs\"", "\"udp\""}},
        Wrong{"VerbsWithSharedMemory",
              kMinimal + "[verbs]\nport = 1\n",
              {":11: verbs does not go with", "leave it out"}},
        Wrong{"CredentialsWithSharedMemory",
              kMinimal + "[credentials]\nkey_file = \"k\"\n",
              {":11: credentials does not go with", "leave it out"}},
        Wrong{"AddressWithSharedMemory",
              With(kMinimal, "id = 1\n", "id = 1\naddress = \"10.0.0.1:7400\"\n"),
              {":9: replica.address does not go with"}},
        Wrong{"RdmaAddressWithSharedMemory",
              With(kMinimal, "id = 1\n", "id = 1\nrdma_address = \"10.0.0.1\"\n"),
              {":9: replica.rdma_address does not go with"}},
        Wrong{"RdmaAddressWithAPort",
              With(kVerbs, "10.0.0.2:7400\"\n", "10.0.0.2:7400\"\nrdma_address = \"10.0.0.2:1\"\n"),
              {":13: replica.rdma_address is \"10.0.0.2:1\"", "without a port"}},
        Wrong{"NoCredentials",
              With(kVerbs, kCredentials, ""),
              {":1: credentials is missing", "key_file", "0600"}},
        Wrong{"HalfOfTheCertificates",
              With(kVerbs, kCredentials, "[credentials]\nca_file = \"c\"\n"),
              {":5: credentials must have either key_file"}},
        Wrong{"KeyAndCertificates",
              With(kVerbs, kCredentials, kCredentials + "ca_file = \"c\"\n"),
              {":5: credentials must have either key_file"}},
        Wrong{"NoAddress",
              With(kVerbs, "address = \"10.0.0.2:7400\"\n", ""),
              {":10: replica.address is missing", "10.0.0.1:7400"}},
        Wrong{"NameForAddress",
              With(kVerbs, "10.0.0.2:7400", "host2:7400"),
              {":12: replica.address is \"host2:7400\"", "in numbers"}},
        Wrong{"AddressWithoutPort",
              With(kVerbs, "10.0.0.2:7400", "10.0.0.2"),
              {":12: replica.address is \"10.0.0.2\""}},
        Wrong{"PortOutOfRange",
              With(kVerbs, "10.0.0.2:7400", "10.0.0.2:70000"),
              {":12: replica.address is \"10.0.0.2:70000\""}},
        Wrong{"PortZero", With(kVerbs, "10.0.0.2:7400", "10.0.0.2:0"), {":12: replica.address is"}},
        Wrong{"SixWithoutBrackets",
              With(kVerbs, "10.0.0.2:7400", "fd00::2:7400"),
              {":12: replica.address is \"fd00::2:7400\""}},
        Wrong{"AddressTwice",
              With(kVerbs, "10.0.0.2:7400", "10.0.0.1:7400"),
              {"replica 1 has the address of another", "each needs its own"}},
        Wrong{"UnknownVerbsKey", kVerbs + "[verbs]\nmtu = 1\n", {":17: verbs.mtu is not a key", "device"}},
        Wrong{"EndlessRetries",
              kVerbs + "[verbs]\nretries = 7\n",
              {":17: verbs.retries is 7; it must be between 0 and 6"}},
        Wrong{"OtherFence",
              kVerbs + "[verbs]\nfence = \"hope\"\n",
              {":17: verbs.fence is \"hope\"", "qp_error, mr_deregistration"}},
        Wrong{"UdpWithVerbs",
              kVerbs + "[udp]\npayload_bytes = 1400\n",
              {":16: udp does not go with", "leave it"}},
        Wrong{"VerbsWithUdp", kUdp + "[verbs]\nport = 1\n", {":17: verbs does not go with", "leave it"}},
        Wrong{"UnknownUdpKey", kUdp + "[udp]\nmtu = 1\n", {":18: udp.mtu is not a key", "payload_bytes"}},
        Wrong{"LongDatagrams",
              kUdp + "[udp]\npayload_bytes = 9000\n",
              {":18: udp.payload_bytes is 9000; it must be between 512 and 8900"}},
        Wrong{"AuthenticateIsNoNumber",
              kUdp + "[udp]\nauthenticate = 1\n",
              {":18: udp.authenticate must be true or false"}},
        Wrong{"ClientsOfNobody",
              kUdp + "[clients]\nmax = 1\n",
              {":17: clients says how", "no replica has a client_address"}},
        Wrong{"ClientAddressOfOneAlone",
              With(kUdp, "id = 1\n", "id = 1\nclient_address = \"10.0.0.2:7500\"\n"),
              {"replica 0 has no client_address, and others have"}},
        Wrong{"ClientAddressThatIsNone",
              With(kUdp, "id = 0\n", "id = 0\nclient_address = \"host:7500\"\n"),
              {":9: replica.client_address is \"host:7500\"", "IPv4"}},
        Wrong{"ClientAddressInUse",
              With(With(With(kUdp, "id = 0\n", "id = 0\nclient_address = \"10.0.0.1:7400\"\n"), "id = 1\n",
                        "id = 1\nclient_address = \"10.0.0.2:7500\"\n"),
                   "id = 2\n", "id = 2\nclient_address = \"10.0.0.3:7500\"\n"),
              {"replica 0 has a client_address that is in use already, 10.0.0.1 port 7400"}},
        Wrong{"ClientsWithoutCredentials",
              With(kMinimal, "id = 0\n", "id = 0\nclient_address = \"10.0.0.1:7500\"\n"),
              {"credentials is missing: clients of the network"}},
        Wrong{"UnknownPort",
              kUdp + "[udp]\nport = \"tcp\"\n",
              {":18: udp.port is \"tcp\"", "socket, dpdk", "udp_address"}},
        Wrong{"PortIsNoNumber", kUdp + "[udp]\nport = 7400\n", {":18: udp.port must be a text in quotes"}},
        Wrong{"DpdkWithoutItsSection",
              kUdp + "[udp]\nport = \"dpdk\"\n",
              {"dpdk is missing", "add a section [dpdk] with device"}},
        Wrong{"DpdkWithoutItsPort",
              With(kDpdk, "port = \"dpdk\"\n", ""),
              {":18: dpdk is for datagrams that DPDK carries", "port = \"dpdk\""}},
        Wrong{"DpdkWithVerbs",
              kVerbs + "[dpdk]\ndevice = \"0000:01:00.0\"\n",
              {":16: dpdk is for datagrams that DPDK carries"}},
        Wrong{"DpdkWithoutDevice",
              With(kDpdk, "device = \"0000:01:00.0\"\n", ""),
              {":19: dpdk.device is missing"}},
        Wrong{
            "UnknownDpdkKey", kDpdk + "cores = 2\n", {":21: dpdk.cores is not a key", "device, prefix_bits"}},
        Wrong{"LongerThanTheMtu",
              kDpdk + "mtu = 1400\n",
              {":21: dpdk.mtu is 1400", "1400 bytes do not fit", "lower udp.payload_bytes to 1372"}},
        Wrong{"GatewayWithPort",
              kDpdk + "gateway = \"10.0.0.254:1\"\n",
              {":21: dpdk.gateway is \"10.0.0.254:1\"", "without a port"}},
        Wrong{"OtherHugepages",
              kDpdk + "hugepages = \"some\"\n",
              {":21: dpdk.hugepages is \"some\"", "if_free, require, never"}},
        Wrong{"ClientsFromWithoutPort",
              kDpdk + "clients_from = \"10.0.0.9\"\n",
              {":21: dpdk.clients_from is \"10.0.0.9\"", "and a port"}},
        Wrong{"ClientsFromWithoutAnyServed",
              kDpdk + "clients_from = \"10.0.0.9:7600\"\n",
              {":21: dpdk.clients_from is where clients", "client_address"}},
        Wrong{"OtherFlowRules",
              kDpdk + "flow_rules = \"yes\"\n",
              {":21: dpdk.flow_rules is \"yes\"", "if_supported, require, never"}},
        Wrong{"UdpWithoutCredentials", With(kUdp, kCredentials, ""), {"credentials is missing"}},
        Wrong{"SixForDatagrams",
              With(kUdp, "udp_address = \"10.0.0.3:7402\"\n", ""),
              {":13: replica.udp_address is missing", "IPv4"}},
        Wrong{"UdpAddressWithoutPort",
              With(kUdp, "10.0.0.3:7402", "10.0.0.3"),
              {":16: replica.udp_address is \"10.0.0.3\"", "IPv4 address in numbers and a port"}},
        Wrong{"UdpAddressTwice",
              With(kUdp, "10.0.0.3:7402", "10.0.0.2:7400"),
              {"replica 2 has the udp_address of another", "each needs its own"}},
        Wrong{"UdpAddressWithVerbs",
              With(kVerbs, "10.0.0.2:7400\"\n", "10.0.0.2:7400\"\nudp_address = \"10.0.0.2:1\"\n"),
              {":13: replica.udp_address does not go with"}},
        Wrong{"RdmaAddressWithUdp",
              With(kUdp, "10.0.0.2:7400\"\n", "10.0.0.2:7400\"\nrdma_address = \"10.0.0.2\"\n"),
              {":13: replica.rdma_address does not go with"}},
        Wrong{
            "OtherMachine", With(kMinimal, "\"counter\"", "\"abacus\""), {":4: state_machine", "order-book"}},
        Wrong{"OtherIdle", "idle = \"nap\"\n" + kMinimal, {":1: idle", "back_off"}},
        Wrong{"OddCapacity",
              "capacity_bytes = 1_000_000\n" + kMinimal,
              {":1: capacity_bytes", "no power of two", "524288", "1048576"}},
        Wrong{"SmallCapacity", "capacity_bytes = 64\n" + kMinimal, {":1: capacity_bytes is 64", "4096"}},
        Wrong{"LargeBatch", "max_batch_bytes = 1_000_000\n" + kMinimal, {":1: max_batch_bytes is 1000000"}},
        Wrong{"NegativeHashInterval",
              "hash_interval_commands = -1\n" + kMinimal,
              {":1: hash_interval_commands is -1"}},
        Wrong{"NegativeFillOfTheLog",
              "fill_mib_per_second = -1\n" + kMinimal,
              {":1: fill_mib_per_second is -1", "between 0 and 1048576"}},
        Wrong{"QuickSuspicion",
              kMinimal + "[timing]\nheartbeat_interval_ms = 10\nsuspect_timeout_ms = 39\n",
              {":13: timing.suspect_timeout_ms is 39", "40 or more"}},
        Wrong{"SuspicionThatShrinks",
              kMinimal + "[timing]\nsuspect_timeout_most_ms = 99\n",
              {":12: timing.suspect_timeout_most_ms is 99", "make it 100"}},
        Wrong{"SlowHeartbeat",
              kMinimal + "[timing]\nheartbeat_interval_ms = 50\n",
              {":11: timing.suspect_timeout_ms is 100", "200 or more"}},
        Wrong{"ShortElection",
              kMinimal + "[timing]\nelection_timeout_ms = 5\n",
              {":12: timing.election_timeout_ms is 5", "10 or more"}},
        Wrong{
            "QuickDrop", kMinimal + "[timing]\ndrop_timeout_ms = 2\n", {":12: timing.drop_timeout_ms is 2"}},
        Wrong{"NobodyIsToLead",
              kMinimal.substr(0, kMinimal.find("[[replica]]")) + "[[replica]]\nid = 0\npriority = 0\n",
              {"replica has priority 0 throughout", "give one"}},
        Wrong{
            "HighPriority", kMinimal + "priority = 101\n", {"replica.priority is 101", "between 0 and 100"}},
        Wrong{"TimingIsNoTable", "timing = 3\n" + kMinimal, {":1: timing must be a section: [timing]"}},
        Wrong{
            "SmallReplies", kMinimal + "[sessions]\nreply_kib = 4\n", {":12: sessions.reply_kib is 4", "16"}},
        Wrong{"ManyLargeSessions",
              kMinimal + "[sessions]\nmax_sessions = 65536\nreply_kib = 65536\n",
              {":12: sessions.max_sessions is 65536 with a reply_kib of 65536", "4194304 MiB",
               "lower max_sessions to 64 or reply_kib to 64"}},
        Wrong{"LargeLogsOfMany",
              "capacity_bytes = 17_179_869_184\n" + kMinimal + "[[replica]]\nid = 3\n[[replica]]\nid = 4\n",
              {":1: capacity_bytes is 17179869184 with 5 replicas", "96 GiB", "lower it to 8589934592"}},
        Wrong{"UnknownSnapshotKey",
              kMinimal + "[snapshot]\ninterval_s = 60\n",
              {":12: snapshot.interval_s is not a key", "interval_commands"}},
        Wrong{"NegativeFill",
              kMinimal + "[snapshot]\nfill_bytes_per_second = -1\n",
              {":12: snapshot.fill_bytes_per_second is -1"}},
        Wrong{"NoSnapshotDirectory",
              kMinimal + "[snapshot]\ndirectory = \"\"\n",
              {":12: snapshot.directory must be a text"}},
        Wrong{"DuplicateId",
              With(kMinimal, "id = 2", "id = 1"),
              {":10: replica.id is 1 a second time", "0 to 2"}},
        Wrong{
            "IdOutOfRange", With(kMinimal, "id = 2", "id = 3"), {":10: replica.id is 3", "between 0 and 2"}},
        Wrong{"MissingId", With(kMinimal, "id = 1\n", "cpu = 1\n"), {"replica.id is missing", "0 to 2"}},
        Wrong{"TooManyReplicas",
              kMinimal + "[[replica]]\nid=3\n[[replica]]\nid=4\n[[replica]]\nid=5\n[[replica]]\nid=6\n[["
                         "replica]]\nid=7\n",
              {"replica stands 8 times", "at most 7"}}),
    [](const testing::TestParamInfo<Wrong>& wrong) { return wrong.param.name; });

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

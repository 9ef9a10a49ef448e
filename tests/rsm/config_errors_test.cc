// What is told of configs that are wrong: file, line, key and what to do.

#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/rsm/config.h"

#include "tests/rsm/config_texts.h"

namespace gaios::rsm {
namespace {

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
        Wrong{"EncryptWithoutAuthenticate",
              kUdp + "[udp]\nauthenticate = false\nencrypt = true\n",
              {":19: udp.encrypt is true, and authenticate is false", "Leave authenticate out"}},
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
        Wrong{"ClientsFromAReplicasAddress",
              With(With(With(kUdp, "id = 0\n", "id = 0\nclient_address = \"10.0.0.1:7500\"\n"), "id = 1\n",
                        "id = 1\nclient_address = \"10.0.0.2:7500\"\n"),
                   "id = 2\n", "id = 2\nclient_address = \"10.0.0.3:7500\"\n") +
                  "[dpdk]\ndevice = \"0000:01:00.0\"\nclients_from = \"10.0.0.3:7600\"\n",
              {"dpdk has clients_from at 10.0.0.3", "an address of replica 2", "nobody has"}},
        Wrong{"OtherFlowRules",
              kDpdk + "flow_rules = \"yes\"\n",
              {":21: dpdk.flow_rules is \"yes\"", "if_supported, require, never"}},
        Wrong{"OtherZeroCopy",
              kDpdk + "zero_copy = \"require\"\n",
              {":21: dpdk.zero_copy is \"require\"", "if_supported, always, never"}},
        Wrong{"LongBusyPoll",
              kUdp + "[udp]\nbusy_poll_us = 1001\n",
              {":18: udp.busy_poll_us is 1001", "between 0 and 1000"}},
        Wrong{"BusyPollOfDpdk",
              With(kDpdk, "port = \"dpdk\"\n", "port = \"dpdk\"\nbusy_poll_us = 50\n"),
              {":19: udp.busy_poll_us is for kernel sockets", "leave it out"}},
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

}  // namespace
}  // namespace gaios::rsm

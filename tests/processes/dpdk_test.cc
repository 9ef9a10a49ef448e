// Groups whose datagrams DPDK carries, on hosts of their own: replicas that are killed and come back, lose
// their link, or have neighbours with kernel sockets.

#include <sys/socket.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "gaios/base/unique_fd.h"
#include "gaios/rsm/group_identity.h"

#include "tests/processes/capture.h"
#include "tests/processes/group.h"
#include "tests/processes/judged_group.h"
#include "tests/processes/switched_network.h"

namespace gaios::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* kPort = "[udp]\nport = \"dpdk\"\n";
constexpr const char* kXdpDevice = "[dpdk]\ndevice = \"net_af_xdp0,iface=v0\"\n";
constexpr const char* kDevice = "[dpdk]\ndevice = \"net_af_packet0,iface=v0,framecnt=1024\"\n";

std::string Addresses(std::size_t replica, bool socket) {
  return absl::StrCat(
      "address = \"", SwitchedNetwork::KernelAddress(replica), ":7400\"\nudp_address = \"",
      socket ? SwitchedNetwork::KernelAddress(replica) : SwitchedNetwork::FreeAddress(replica), ":7400\"\n");
}

// The replicas in `sockets` have kernel sockets. `udp`: more of the section [udp].
JudgedSettings Settings(const std::set<std::size_t>& sockets = {}, const std::string& udp = "") {
  return {
      .addresses = [sockets](std::size_t replica) { return Addresses(replica, sockets.contains(replica)); },
      .sections = absl::StrCat(kPort, udp, kDevice),
      .config_of =
          [sockets](std::size_t replica, const std::string& text) {
            return sockets.contains(replica)
                       ? absl::StrReplaceAll(text, {{kPort, "[udp]\nport = \"socket\"\n"}, {kDevice, ""}})
                       : text;
          }};
}

class Dpdk : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = SwitchedNetwork::Missing(); !missing.empty()) {
      GTEST_SKIP() << missing;
    }
  }
};

// What the replica sends and receives goes by DPDK, and by nothing else.
void ExpectCarriedByDpdk(JudgedGroup& hosts, std::size_t replica) {
  const nlohmann::json status = hosts.group().Json(replica);
  ASSERT_EQ(status["links"].size(), 2U);
  for (const auto& link : status["links"]) {
    EXPECT_EQ(link["path"], "udp-dpdk");
  }
  const nlohmann::json& counters = status["transport_counters"];
  EXPECT_GT(counters["datagrams_sent"], 0);
  EXPECT_GT(counters["datagrams_received"], 0);
  EXPECT_GT(counters["arp_asked"].get<std::uint64_t>() + counters["arp_answered"].get<std::uint64_t>(), 0U);
  EXPECT_EQ(counters["checksums_wrong"], 0);
  EXPECT_EQ(counters["dropped_forged"], 0);
  EXPECT_EQ(hosts.network().KernelDatagrams(replica), 0U) << "the kernel has carried datagrams";
}

TEST_F(Dpdk, AKilledLeaderIsReplacedAndComesBackOnItsPort) {
  JudgedGroup hosts(Settings());
  Group& group = hosts.group();
  const std::size_t leader = group.AwaitLeader();
  hosts.Commit(500);
  for (std::size_t replica = 0; replica < JudgedGroup::kReplicas; ++replica) {
    ExpectCarriedByDpdk(hosts, replica);
  }
  const nlohmann::json status = group.Json(leader);
  // The clients have nine commands under way at most, so no piece has more.
  EXPECT_GT(status["transport_counters"]["pieces_sent"], 500 / 9);
  EXPECT_GT(status["links"][0]["rtt_ns"], 0);
  group.Kill(leader);
  hosts.Commit(500);
  EXPECT_NE(group.AwaitLeader(), leader);
  hosts.Start(leader);
  ASSERT_TRUE(hosts.UnderLoad([&] {
    return group.Counters(leader).incarnation == 2 && hosts.InSync(leader);
  })) << group.Json(leader)
      << group.Output(leader);
  hosts.Commit(100);
  ExpectCarriedByDpdk(hosts, leader);
  // What the one that came back had missed was sent to it in long datagrams.
  EXPECT_GT(group.Json(group.AwaitLeader())["transport_counters"]["datagrams_lent"], 0);
  hosts.EndAndJudge();
}

// What goes over net_af_xdp: a leader that is killed, which leaves its program on the interface, an interface
// that goes down, and one that is taken out.
TEST_F(Dpdk, AGroupOverXdpSocketsLosesItsLeaderItsLinkAndItsInterface) {
  if (!base::UniqueFd(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0)).valid()) {
    GTEST_SKIP() << "this kernel has no XDP sockets";
  }
  // Replicas meet over the second network: the kernel gets nothing of an interface that XDP has.
  JudgedSettings settings = Settings();
  settings.networks = 2;
  settings.addresses = [](std::size_t replica) {
    return absl::StrCat("address = \"", SwitchedNetwork::KernelAddress(replica, 1),
                        ":7400\"\nudp_address = \"", SwitchedNetwork::FreeAddress(replica), ":7400\"\n");
  };
  settings.sections = absl::StrCat(kPort, kXdpDevice);
  settings.config_of = nullptr;
  JudgedGroup hosts(settings);
  Group& group = hosts.group();
  static_cast<void>(group.AwaitLeader());
  ASSERT_TRUE(hosts.UnderLoad([&] { return hosts.AllInSync(); })) << group.Output(0);
  hosts.Commit(500);
  for (std::size_t replica = 0; replica < JudgedGroup::kReplicas; ++replica) {
    ExpectCarriedByDpdk(hosts, replica);
  }
  const std::size_t killed = group.AwaitLeader();
  group.Kill(killed);
  hosts.Commit(200);
  hosts.Start(killed);
  ASSERT_TRUE(hosts.UnderLoad([&] { return group.Counters(killed).incarnation == 2 && hosts.AllInSync(); }))
      << group.Json(killed) << group.Output(killed);
  ExpectCarriedByDpdk(hosts, killed);
  const std::size_t leader = group.AwaitLeader();
  hosts.network().Down(leader);
  ASSERT_TRUE(hosts.UnderLoad([&] { return group.Leader(leader).has_value(); }));
  hosts.network().Up(leader);
  ASSERT_TRUE(hosts.UnderLoad([&] { return hosts.AllInSync(); }))
      << group.Json(leader) << group.Output(leader);
  hosts.network().Remove(leader);
  hosts.Commit(200);
  hosts.network().Attach(leader);
  ASSERT_TRUE(hosts.UnderLoad([&] { return hosts.AllInSync(); }))
      << group.Json(leader) << group.Output(leader);
  EXPECT_EQ(group.Counters(leader).incarnation, leader == killed ? 2U : 1U) << "nothing was restarted";
  ExpectCarriedByDpdk(hosts, leader);
  hosts.EndAndJudge();
}

TEST_F(Dpdk, OneReplicaHasAKernelSocket) {
  JudgedGroup hosts(Settings({0}));
  Group& group = hosts.group();
  static_cast<void>(group.AwaitLeader());
  ASSERT_TRUE(hosts.UnderLoad([&] { return hosts.AllInSync(); })) << group.Output(0) << group.Output(1);
  hosts.Commit(500);
  ExpectCarriedByDpdk(hosts, 1);
  ExpectCarriedByDpdk(hosts, 2);
  const nlohmann::json of_socket = group.Json(0);
  for (const auto& link : of_socket["links"]) {
    EXPECT_EQ(link["path"], "udp-socket");
  }
  EXPECT_GT(hosts.network().KernelDatagrams(0), 0U);
  EXPECT_EQ(of_socket["transport_counters"]["arp_asked"], 0);
  // The one that leads next has a follower of the other kind, or is of that kind.
  const std::size_t leader = group.AwaitLeader();
  group.Kill(leader);
  hosts.Commit(500);
  hosts.Start(leader);
  ASSERT_TRUE(hosts.UnderLoad([&] { return hosts.AllInSync(); })) << group.Output(leader);
  hosts.EndAndJudge();
}

TEST_F(Dpdk, AGroupOfBothPortsEncrypts) {
  JudgedGroup hosts(Settings({0}, "encrypt = true\n"));
  const Group& group = hosts.group();
  static_cast<void>(group.AwaitLeader());
  ASSERT_TRUE(hosts.UnderLoad([&] { return hosts.AllInSync(); })) << group.Output(0) << group.Output(1);
  // Of all that the switch sees, whoever sends it.
  Capture capture(*rsm::FindGroup(group.config()), kAdditionOfOne, hosts.network().SwitchNamespace());
  hosts.Commit(300);
  capture.Look();
  EXPECT_GT(capture.of_replicas(), 100U);
  EXPECT_EQ(capture.readable(), 0U);
  EXPECT_EQ(capture.with_command(), 0U);
  ExpectCarriedByDpdk(hosts, 1);
  EXPECT_EQ(group.Json(0)["links"][0]["path"], "udp-socket");
  EXPECT_EQ(group.Json(1)["transport_counters"]["dropped_other_seal"], 0);
  hosts.EndAndJudge();
}

TEST_F(Dpdk, TheLinkOfTheLeaderGoesDownUnderLoadAndComesBack) {
  JudgedGroup hosts(Settings());
  Group& group = hosts.group();
  static_cast<void>(group.AwaitLeader());
  ASSERT_TRUE(hosts.UnderLoad([&] { return hosts.AllInSync(); }));
  hosts.Commit(200);
  const std::size_t leader = group.AwaitLeader();
  hosts.network().Down(leader);
  ASSERT_TRUE(hosts.UnderLoad([&] { return group.Leader(leader).has_value(); }));
  hosts.Commit(200);
  hosts.network().Up(leader);
  ASSERT_TRUE(hosts.UnderLoad([&] { return hosts.AllInSync(); }))
      << group.Json(leader) << group.Output(leader);
  EXPECT_EQ(group.Counters(leader).incarnation, 1U) << "nothing was restarted";
  EXPECT_GE(group.Json(leader)["transport_counters"]["port_links_down"], 1);
  EXPECT_EQ(hosts.network().KernelDatagrams(leader), 0U);
  hosts.EndAndJudge();
}

// The first network is DPDK's, the second the kernel's.
JudgedSettings TwoNetworks() {
  JudgedSettings settings = Settings();
  settings.networks = 2;
  settings.addresses = [](std::size_t replica) {
    return absl::StrCat(Addresses(replica, false), "udp2_address = \"",
                        SwitchedNetwork::KernelAddress(replica, 1), ":7401\"\n");
  };
  settings.sections =
      absl::StrCat("paths = [\"udp\", \"udp2\"]\n[timing]\nsuspect_timeout_ms = 1000\n",
                   "[fallback]\nstall_timeout_ms = 100\nsettle_ms = 500\n", settings.sections);
  settings.config_of = nullptr;
  return settings;
}

// Whoever leads writes to both others by that path, and all are in sync.
bool AllBy(const JudgedGroup& hosts, const Group& group, const std::string& path) {
  const std::optional<std::size_t> leader = group.Leader();
  if (!leader.has_value()) {
    return false;
  }
  const nlohmann::json status = group.Json(*leader);
  return status["links"].size() == 2 && status["links"][0]["path"] == path &&
         status["links"][1]["path"] == path && hosts.AllInSync();
}

TEST_F(Dpdk, ALinkGoesOnByKernelSocketsWhenItsNetworkIsCutAndComesBack) {
  JudgedGroup hosts(TwoNetworks());
  Group& group = hosts.group();
  ASSERT_TRUE(hosts.UnderLoad([&] { return AllBy(hosts, group, "udp-dpdk"); })) << group.Output(0);
  hosts.Commit(200);
  hosts.network().Cut(0);
  ASSERT_TRUE(hosts.UnderLoad([&] { return AllBy(hosts, group, "udp2-socket"); })) << group.Output(0);
  hosts.Commit(200);
  hosts.network().Heal(0);
  ASSERT_TRUE(hosts.UnderLoad([&] { return AllBy(hosts, group, "udp-dpdk"); })) << group.Output(0);
  hosts.Commit(100);
  hosts.EndAndJudge();
}

TEST_F(Dpdk, ALinkGoesOnByKernelSocketsWhenTheInterfaceIsTakenOutAndComesBackWithAnother) {
  JudgedGroup hosts(TwoNetworks());
  Group& group = hosts.group();
  ASSERT_TRUE(hosts.UnderLoad([&] { return AllBy(hosts, group, "udp-dpdk"); })) << group.Output(0);
  hosts.Commit(200);
  const std::size_t leader = group.AwaitLeader();
  hosts.network().Remove(leader);
  ASSERT_TRUE(hosts.UnderLoad([&] { return AllBy(hosts, group, "udp2-socket"); })) << group.Output(leader);
  hosts.Commit(200);
  hosts.network().Attach(leader);
  ASSERT_TRUE(hosts.UnderLoad([&] { return AllBy(hosts, group, "udp-dpdk"); })) << group.Output(leader);
  EXPECT_EQ(group.AwaitLeader(), leader) << group.Output(leader);
  EXPECT_EQ(group.Counters(leader).incarnation, 1U) << "nothing was restarted";
  EXPECT_THAT(group.Output(leader),
              AllOf(HasSubstr("from udp to udp2: the link is down: the interface v0 is gone"),
                    HasSubstr("is closed, and opened again when it is there"), HasSubstr(" is open"),
                    HasSubstr("from udp2 to udp: a better one is back")));
  // And one that is not there when its replica starts.
  const std::size_t follower = group.Followers(leader)[0];
  group.Kill(follower);
  hosts.network().Remove(follower);
  hosts.Start(follower);
  ASSERT_TRUE(hosts.UnderLoad([&] { return group.Counters(follower).incarnation == 2 && hosts.AllInSync(); }))
      << group.Output(follower);
  EXPECT_THAT(group.Output(follower),
              HasSubstr("starts without that path, and links use it once it is there"));
  hosts.network().Attach(follower);
  ASSERT_TRUE(hosts.UnderLoad([&] { return AllBy(hosts, group, "udp-dpdk"); })) << group.Output(follower);
  EXPECT_EQ(group.Counters(follower).incarnation, 2U);
  hosts.EndAndJudge();
}

TEST_F(Dpdk, TheInterfaceOfTheLeaderIsTakenOutUnderLoadAndAnotherServesInTheSameLife) {
  JudgedGroup hosts(Settings());
  Group& group = hosts.group();
  static_cast<void>(group.AwaitLeader());
  ASSERT_TRUE(hosts.UnderLoad([&] { return hosts.AllInSync(); }));
  hosts.Commit(200);
  const std::size_t leader = group.AwaitLeader();
  hosts.network().Remove(leader);
  ASSERT_TRUE(hosts.UnderLoad([&] { return group.Leader(leader).has_value(); }));
  hosts.Commit(200);
  EXPECT_TRUE(Await([&] { return group.Json(leader)["transport_counters"]["port_links_down"] >= 1; }))
      << "it lives, and says what it has lost";
  hosts.network().Attach(leader);
  ASSERT_TRUE(hosts.UnderLoad([&] { return hosts.AllInSync(); }))
      << group.Json(leader) << group.Output(leader);
  EXPECT_EQ(group.Counters(leader).incarnation, 1U) << "nothing was restarted";
  ExpectCarriedByDpdk(hosts, leader);
  hosts.EndAndJudge();
}

// ---- clients by DPDK, on a host without replicas

constexpr std::size_t kClientHost = JudgedGroup::kReplicas;

// All replicas serve clients by their kernels' sockets; those in `sockets` have sockets for each other, too.
JudgedSettings ServingSettings(const std::set<std::size_t>& sockets) {
  JudgedSettings settings = Settings(sockets);
  settings.addresses = [sockets](std::size_t replica) {
    return absl::StrCat(Addresses(replica, sockets.contains(replica)), "client_address = \"",
                        SwitchedNetwork::KernelAddress(replica), ":7500\"\n");
  };
  settings.other_hosts = 1;
  return settings;
}

// The config of the host of the clients.
std::string ClientConfig(JudgedGroup& hosts, const std::string& device = kDevice) {
  const std::string from =
      absl::StrCat("clients_from = \"", SwitchedNetwork::FreeAddress(kClientHost), ":7600\"\n");
  const std::string text =
      absl::StrReplaceAll(ReadText(hosts.group().config_path()),
                          {{kPort, ""},
                           {kDevice, device + from},
                           {hosts.group().config().directory, hosts.group().scratch().Path("none")}});
  return hosts.group().scratch().Write("clients.toml", text);
}

TEST_F(Dpdk, ClientsByDpdkReachReplicasWithSocketsAndWithDpdk) {
  JudgedGroup hosts(ServingSettings({0}));
  Group& group = hosts.group();
  const std::size_t leader = group.AwaitLeader();
  ASSERT_TRUE(hosts.UnderLoad([&] { return hosts.AllInSync(); }));
  const std::string json_file = group.scratch().Path("load.json");
  const auto load =
      StartGaios({"load", "--config", ClientConfig(hosts), "--clients", "4", "--mode", "open", "--rate",
                  "1000", "--seconds", "2", "--timeout-ms", "60000", "--json", json_file},
                 group.scratch().Path("load.log"), hosts.network().Enter(kClientHost));
  // It finds the next leader by the same device.
  ASSERT_TRUE(hosts.UnderLoad([&] {
    return group.Json(leader)["network_client_counters"]["datagrams_taken"] > 200;
  })) << ReadText(group.scratch().Path("load.log"));
  group.Kill(leader);
  ASSERT_EQ(load->Wait(std::chrono::minutes(1)), 0) << ReadText(group.scratch().Path("load.log"));
  const auto json = nlohmann::json::parse(ReadText(json_file));
  EXPECT_EQ(json["port"], "udp-dpdk");
  EXPECT_TRUE(json["port_dropped"].contains("nobodys"));
  EXPECT_EQ(json["port_dropped"]["no_room"], 0);
  EXPECT_EQ(json["unknown"], 0);
  EXPECT_GT(json["acknowledged"], 200);
  EXPECT_EQ(hosts.network().KernelDatagrams(kClientHost), 0U) << "the kernel has carried datagrams";
  const std::size_t next = group.AwaitLeader(leader);
  const auto counted = group.Json(next)["network_client_counters"];
  EXPECT_GT(counted["datagrams_taken"], 0);
  EXPECT_EQ(counted["dropped_forged"], 0);
}

TEST_F(Dpdk, TheInterfaceOfClientsIsTakenOutUnderLoadAndAnotherServesInTheSameProcess) {
  JudgedGroup hosts(ServingSettings({0, 1, 2}));
  Group& group = hosts.group();
  const std::size_t leader = group.AwaitLeader();
  const std::string json_file = group.scratch().Path("load.json");
  const std::string output = group.scratch().Path("load.log");
  const auto load =
      StartGaios({"load", "--config", ClientConfig(hosts), "--clients", "2", "--mode", "open", "--rate",
                  "500", "--seconds", "600", "--timeout-ms", "60000", "--json", json_file},
                 output, hosts.network().Enter(kClientHost));
  const auto taken = [&] {
    return group.Json(leader)["network_client_counters"]["datagrams_taken"].get<std::uint64_t>();
  };
  ASSERT_TRUE(Await([&] { return taken() > 100; })) << ReadText(output);
  hosts.network().Remove(kClientHost);
  ASSERT_TRUE(Await([&] {
    return ReadText(output).find("is closed, and opened again") != std::string::npos;
  })) << ReadText(output);
  const std::uint64_t before = taken();
  hosts.network().Attach(kClientHost);
  ASSERT_TRUE(Await([&] { return taken() > before + 200; })) << ReadText(output);
  load->Signal(SIGTERM);
  ASSERT_EQ(load->Wait(std::chrono::minutes(1)), 0) << ReadText(output);
  EXPECT_THAT(ReadText(output), HasSubstr("net_af_packet0,iface=v0,framecnt=1024 is open"));
  const auto json = nlohmann::json::parse(ReadText(json_file));
  EXPECT_EQ(json["port"], "udp-dpdk");
  EXPECT_EQ(json["unknown"], 0) << "each was sent again, and none run twice";
  EXPECT_GT(json["acknowledged"], 200);
}

TEST_F(Dpdk, WhatIsWrongWithTheDeviceOfClientsIsNamed) {
  JudgedGroup hosts(ServingSettings({0, 1, 2}));
  const auto wrong = [&](const std::string& device) {
    const std::string output = hosts.group().scratch().Path("wrong.log");
    std::filesystem::remove(output);
    const auto load = StartGaios({"load", "--config", ClientConfig(hosts, device), "--seconds", "0.1"},
                                 output, hosts.network().Enter(kClientHost));
    EXPECT_EQ(load->Wait(std::chrono::minutes(1)), 2);
    return ReadText(output);
  };
  EXPECT_THAT(wrong("[dpdk]\ndevice = \"net_af_packet0,iface=v7\"\n"),
              HasSubstr("[dpdk]: there is no network interface \"v7\""));
  hosts.network().Down(kClientHost);
  EXPECT_THAT(wrong(kDevice), HasSubstr("the network interface \"v0\" is down"));
}

// One host with a config; nothing runs on it.
class DpdkConfig : public Dpdk {
 protected:
  DpdkConfig() {
    GroupSettings settings;
    settings.replicas = 1;
    settings.start = false;
    settings.transport = rsm::TransportKind::kUdp;
    settings.addresses = [](std::size_t replica) { return Addresses(replica, false); };
    group_ = std::make_unique<Group>(settings, absl::StrCat(kPort, kDevice));
  }
  void SetUp() override {
    Dpdk::SetUp();
    if (!IsSkipped()) {
      network_ = std::make_unique<SwitchedNetwork>(1);
    }
  }
  [[nodiscard]] std::string With(const std::string& what, const std::string& instead) const {
    return group_->scratch().Write("wrong.toml",
                                   absl::StrReplaceAll(ReadText(group_->config_path()), {{what, instead}}));
  }
  [[nodiscard]] Ran RunThere(const std::vector<std::string>& arguments) const {
    const std::string output = group_->scratch().Path("there.log");
    std::filesystem::remove(output);
    const auto process = StartGaios(arguments, output, network_->Enter(0));
    const std::optional<int> exit_code = process->Wait(std::chrono::minutes(1));
    return {.exit_code = exit_code.value_or(-1), .output = ReadText(output)};
  }

  std::unique_ptr<Group> group_;
  std::unique_ptr<SwitchedNetwork> network_;
};

TEST_F(DpdkConfig, DoctorTellsOfTheDevice) {
  const std::string json = group_->scratch().Path("doctor.json");
  const Ran ran = RunThere({"doctor", "--config", group_->config_path(), "--json", json});
  EXPECT_LE(ran.exit_code, 1) << ran.output;
  EXPECT_THAT(ReadText(json),
              AllOf(HasSubstr("UDP by DPDK on net_af_packet0 over the interface v0, with an MTU of 1500"),
                    HasSubstr("datagrams of up to 1400 bytes, authenticated")));
}

TEST_F(DpdkConfig, WhatIsWrongIsNamedByTheReplicaAndByTheDoctor) {
  const std::vector<std::pair<std::string, std::string>> wrongs = {
      {"device = \"net_af_packet0,iface=v7\"\n", "[dpdk]: there is no network interface \"v7\""},
      {"device = \"af_packet0,iface=v0\"\n", "[dpdk]: \"af_packet0,iface=v0\" names no device"},
      {"device = \"net_af_packet0,iface=v0\"\nmtu = 9000\n", "more than that of the interface \"v0\", 1500"},
      {"device = \"ffff:ff:1f.7\"\n", "there is no PCI device ffff:ff:1f.7"},
  };
  for (const auto& [device, what] : wrongs) {
    const std::string config = With(kDevice, "[dpdk]\n" + device);
    const Ran replica = RunThere({"replica", "--config", config, "--id", "0"});
    EXPECT_NE(replica.exit_code, 0);
    EXPECT_THAT(replica.output, HasSubstr(what));
    const Ran doctor = RunThere({"doctor", "--config", config});
    EXPECT_EQ(doctor.exit_code, 1);
    EXPECT_THAT(doctor.output, HasSubstr(what));
  }
}

TEST_F(DpdkConfig, MeetingOverAnInterfaceThatXdpTakesIsRefused) {
  const std::string config = With(kDevice, kXdpDevice);
  for (const Ran& ran :
       {RunThere({"replica", "--id", "0", "--config", config}), RunThere({"doctor", "--config", config})}) {
    EXPECT_NE(ran.exit_code, 0);
    EXPECT_THAT(ran.output,
                HasSubstr("net_af_xdp takes all that comes in by the interface v0, by which replica "
                          "0 meets the others"));
  }
}

TEST_F(DpdkConfig, AnAddressThatTheKernelHasIsRefused) {
  const std::string own = SwitchedNetwork::FreeAddress(0);
  const Ran same =
      RunThere({"replica", "--id", "0", "--config", With(own, SwitchedNetwork::KernelAddress(0))});
  EXPECT_NE(same.exit_code, 0);
  EXPECT_THAT(same.output, HasSubstr("udp_address of replica 0 is 10.9.2.1, by which it meets the others"));
  const Ran other = RunThere({"replica", "--id", "0", "--config", With(own, "127.0.0.1")});
  EXPECT_NE(other.exit_code, 0);
  EXPECT_THAT(other.output, HasSubstr("the kernel has the port's address on its interface \"lo\""));
}

}  // namespace
}  // namespace gaios::cli

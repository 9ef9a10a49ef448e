// Groups whose links have two paths, on hosts with two networks: one is cut, comes back, and leaders die
// meanwhile, under load.

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "gaios/base/unique_fd.h"
#include "gaios/rsm/node_dpdk.h"
#include "gaios/rsm/node_transport.h"

#include "tests/processes/group.h"
#include "tests/processes/judged_group.h"
#include "tests/processes/switched_network.h"

namespace gaios::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kBetter = "udp-socket";
constexpr const char* kWorse = "udp2-socket";
constexpr std::size_t kBetterNetwork = 0;
constexpr const char* kDevice = "deployment_device";

std::string Addresses(std::size_t replica) {
  return absl::StrCat("address = \"", SwitchedNetwork::KernelAddress(replica, 0),
                      ":7400\"\nudp2_address = \"", SwitchedNetwork::KernelAddress(replica, 1), ":7401\"\n");
}

// On a busy machine a leader is not suspected at once, and a path is given up long before.
constexpr const char* kSections =
    "paths = [\"udp\", \"udp2\"]\n"
    "[timing]\nsuspect_timeout_ms = 1000\n"
    "[fallback]\nstall_timeout_ms = 100\nsettle_ms = 500\n";

class Paths : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = SwitchedNetwork::Missing(); !missing.empty()) {
      GTEST_SKIP() << missing;
    }
  }
};

JudgedSettings TwoNetworks() {
  return {.networks = 2, .addresses = Addresses, .sections = kSections};
}

// The links of whoever leads.
nlohmann::json LinksOfLeader(const Group& group) {
  const std::optional<std::size_t> leader = group.Leader();
  return leader.has_value() ? group.Json(*leader)["links"] : nlohmann::json::array();
}

// Every link of the leader writes by that path.
bool AllBy(const Group& group, const std::string& path) {
  const nlohmann::json links = LinksOfLeader(group);
  bool all = links.size() == 2;
  for (const auto& link : links) {
    all = all && link["path"] == path && link["state"] == "active";
  }
  return all;
}

bool HavePathsUp(const Group& group, const std::vector<std::string>& paths) {
  const nlohmann::json links = LinksOfLeader(group);
  bool all = links.size() == 2;
  for (const auto& link : links) {
    all = all && link.contains("paths_up") && link["paths_up"] == nlohmann::json(paths);
  }
  return all;
}

std::string Told(const Group& group) {
  return absl::StrCat(group.Output(0), group.Output(1), group.Output(2), LinksOfLeader(group).dump(1));
}

// All replicas are in sync, with both paths up and the better one in use.
void AwaitBest(JudgedGroup& hosts) {
  ASSERT_TRUE(hosts.UnderLoad([&] {
    return hosts.AllInSync() && AllBy(hosts.group(), kBetter) &&
           HavePathsUp(hosts.group(), {kBetter, kWorse});
  })) << Told(hosts.group());
}

TEST_F(Paths, TheBetterNetworkIsCutUnderLoadAndComesBack) {
  JudgedGroup hosts(TwoNetworks());
  Group& group = hosts.group();
  AwaitBest(hosts);
  hosts.Commit(200);
  const std::size_t leader = group.AwaitLeader();
  std::uint64_t switches = 0;
  for (const auto& link : LinksOfLeader(group)) {
    switches += link["switches"].get<std::uint64_t>();
    EXPECT_GT(link["rtt_ns"], 0);
  }
  hosts.network().Cut(kBetterNetwork);
  ASSERT_TRUE(hosts.UnderLoad([&] { return AllBy(group, kWorse); })) << Told(group);
  hosts.Commit(500);
  ASSERT_TRUE(hosts.UnderLoad([&] { return HavePathsUp(group, {kWorse}); })) << Told(group);
  EXPECT_EQ(group.AwaitLeader(), leader) << Told(group);
  EXPECT_THAT(group.Output(leader), HasSubstr(": from udp to udp2: "));
  hosts.network().Heal(kBetterNetwork);
  AwaitBest(hosts);
  hosts.Commit(500);
  EXPECT_EQ(group.AwaitLeader(), leader) << Told(group);
  EXPECT_THAT(group.Output(leader), HasSubstr(": from udp2 to udp: a better one is back"));
  std::uint64_t later = 0;
  for (const auto& link : LinksOfLeader(group)) {
    later += link["switches"].get<std::uint64_t>();
  }
  // At least: on a busy machine a path may stand still by itself. That a link goes back once is shown in
  // simulated time (fallback_test).
  EXPECT_GE(later - switches, 4U) << "each link there and back: " << Told(group);
  for (std::size_t replica = 0; replica < JudgedGroup::kReplicas; ++replica) {
    EXPECT_EQ(group.Counters(replica).incarnation, 1U) << "nothing was restarted";
  }
  hosts.EndAndJudge();
}

TEST_F(Paths, TheInterfaceOfOneFollowerGoesDownAndItsLinkAloneChanges) {
  JudgedGroup hosts(TwoNetworks());
  Group& group = hosts.group();
  AwaitBest(hosts);
  const std::size_t leader = group.AwaitLeader();
  const std::size_t follower = group.Followers(leader)[0];
  hosts.network().Down(follower, kBetterNetwork);
  const auto path_to = [&](std::size_t replica) {
    for (const auto& link : LinksOfLeader(group)) {
      if (link["peer"] == replica) {
        return link["path"].get<std::string>();
      }
    }
    return std::string();
  };
  ASSERT_TRUE(hosts.UnderLoad([&] { return path_to(follower) == kWorse && hosts.AllInSync(); }))
      << Told(group);
  hosts.Commit(300);
  EXPECT_EQ(path_to(group.Followers(leader)[1]), kBetter) << Told(group);
  hosts.network().Up(follower, kBetterNetwork);
  AwaitBest(hosts);
  hosts.EndAndJudge();
}

// The interface of the leader, and then that of a follower: set down, and taken out and put back.
TEST_F(Paths, AnInterfaceThatIsDownOrGoneIsNamedAndServesAgainInTheSameLife) {
  JudgedGroup hosts(TwoNetworks());
  Group& group = hosts.group();
  AwaitBest(hosts);
  hosts.Commit(200);
  const std::size_t leader = group.AwaitLeader();
  for (const std::size_t host : {leader, group.Followers(leader)[0]}) {
    hosts.network().Down(host, kBetterNetwork);
    ASSERT_TRUE(hosts.UnderLoad([&] {
      return group.Output(host).find("the interface v0 is down: the links by the port at") !=
                 std::string::npos &&
             hosts.AllInSync();
    })) << Told(group);
    hosts.Commit(200);
    hosts.network().Up(host, kBetterNetwork);
    AwaitBest(hosts);
    hosts.network().Remove(host, kBetterNetwork);
    ASSERT_TRUE(hosts.UnderLoad([&] {
      return group.Output(host).find("the interface v0 is gone: the links by the port at") !=
                 std::string::npos &&
             hosts.AllInSync();
    })) << Told(group);
    hosts.Commit(200);
    hosts.network().Attach(host, kBetterNetwork);
    AwaitBest(hosts);
    EXPECT_EQ(group.Counters(host).incarnation, 1U) << "nothing was restarted";
    EXPECT_GE(group.Json(host)["transport_counters"]["port_links_down"], 2);
  }
  EXPECT_EQ(group.AwaitLeader(), leader) << Told(group);
  EXPECT_THAT(group.Output(leader),
              AllOf(HasSubstr("from udp to udp2: the link is down: the interface v0 is down"),
                    HasSubstr("from udp to udp2: the link is down: the interface v0 is gone"),
                    HasSubstr(" port 7400 is up"), HasSubstr("from udp2 to udp: a better one is back")));
  hosts.EndAndJudge();
}

TEST_F(Paths, AnInterfaceThatIsNotThereAtTheStartIsUsedWhenItIs) {
  JudgedGroup hosts(TwoNetworks());
  Group& group = hosts.group();
  AwaitBest(hosts);
  const std::size_t follower = group.Followers(group.AwaitLeader())[0];
  group.Kill(follower);
  hosts.network().Remove(follower, kBetterNetwork);
  hosts.Start(follower);
  ASSERT_TRUE(hosts.UnderLoad([&] { return group.Counters(follower).incarnation == 2 && hosts.AllInSync(); }))
      << Told(group);
  EXPECT_THAT(group.Output(follower),
              AllOf(HasSubstr("path udp: "), HasSubstr("starts without that path, and links use it")));
  hosts.network().Attach(follower, kBetterNetwork);
  AwaitBest(hosts);
  hosts.Commit(100);
  EXPECT_EQ(group.Counters(follower).incarnation, 2U);
  hosts.EndAndJudge();
}

TEST_F(Paths, ALeaderThatIsKilledOnTheWorsePathIsReplacedOverIt) {
  JudgedGroup hosts(TwoNetworks());
  Group& group = hosts.group();
  AwaitBest(hosts);
  hosts.Commit(200);
  hosts.network().Cut(kBetterNetwork);
  ASSERT_TRUE(hosts.UnderLoad([&] { return AllBy(group, kWorse); })) << Told(group);
  const std::size_t leader = group.AwaitLeader();
  group.Kill(leader);
  hosts.Commit(500);
  EXPECT_NE(group.AwaitLeader(), leader);
  hosts.Start(leader);
  ASSERT_TRUE(hosts.UnderLoad([&] { return group.Counters(leader).incarnation == 2 && hosts.AllInSync(); }))
      << Told(group);
  EXPECT_TRUE(hosts.UnderLoad([&] { return AllBy(group, kWorse); })) << Told(group);
  hosts.network().Heal(kBetterNetwork);
  AwaitBest(hosts);
  hosts.Commit(200);
  hosts.EndAndJudge();
}

// Links are up all the while: what comes through is enough for that, and for commits.
TEST_F(Paths, ANetworkThatLosesTooMuchIsLeftAndGoneBackTo) {
  JudgedGroup hosts(TwoNetworks());
  Group& group = hosts.group();
  AwaitBest(hosts);
  hosts.Commit(200);
  hosts.network().Lose(kBetterNetwork, 30);
  ASSERT_TRUE(hosts.UnderLoad([&] {
    const std::string told = absl::StrCat(group.Output(0), group.Output(1), group.Output(2));
    return told.find("from udp to udp2: too much was lost on it") != std::string::npos &&
           AllBy(group, kWorse);
  })) << Told(group);
  hosts.Commit(500);
  std::uint64_t lost = 0;
  for (const auto& link : LinksOfLeader(group)) {
    lost += link["loss"].get<std::uint64_t>();
  }
  EXPECT_GT(lost, 0U) << Told(group);
  for (const auto& link : LinksOfLeader(group)) {
    EXPECT_NE(link["last_switch"], "") << Told(group);
  }
  hosts.network().LoseNone();
  AwaitBest(hosts);
  hosts.Commit(200);
  hosts.EndAndJudge();
}

TEST_F(Paths, ANetworkThatFlapsLosesNothing) {
  JudgedGroup hosts(TwoNetworks());
  const Group& group = hosts.group();
  AwaitBest(hosts);
  for (int times = 0; times < 4; ++times) {
    hosts.network().Cut(kBetterNetwork);
    hosts.Commit(100);
    hosts.network().Heal(kBetterNetwork);
    hosts.Commit(100);
  }
  ASSERT_TRUE(hosts.UnderLoad([&] { return hosts.AllInSync(); })) << Told(group);
  hosts.EndAndJudge();
}

// Over the loopback of one host.
GroupSettings OnOneHost(bool start) {
  GroupSettings settings;
  settings.transport = rsm::TransportKind::kUdp;
  settings.start = start;
  settings.addresses = [](std::size_t replica) {
    return absl::StrCat("address = \"127.0.0.", replica + 1, ":17400\"\nudp2_address = \"127.0.1.",
                        replica + 1, ":17401\"\n");
  };
  return settings;
}

TEST(PathsConfig, TheDoctorTellsOfEachPath) {
  const Group group(OnOneHost(false), "paths = [\"udp\", \"udp2\"]\n[udp2]\npayload_bytes = 1000\n");
  const std::string file = group.scratch().Path("doctor.json");
  const Ran ran = RunGaios(group.scratch(), {"doctor", "--config", group.config_path(), "--json", file});
  EXPECT_LE(ran.exit_code, 1) << ran.output;
  EXPECT_THAT(ReadText(file), AllOf(HasSubstr("at 127.0.0.1 port 17400"),
                                    HasSubstr("when that is down, UDP over kernel sockets"),
                                    HasSubstr("127.0.1.1 port 17401"), HasSubstr("up to 1000 bytes")));
}

// What the doctor says of a config.
class Diagnosis {
 public:
  Diagnosis(const Group& group, const std::string& config) {
    const std::string file = group.scratch().Path("findings.json");
    exit_code_ = RunGaios(group.scratch(), {"doctor", "--config", config, "--json", file}).exit_code;
    report_ = nlohmann::json::parse(ReadText(file));
  }
  [[nodiscard]] int exit_code() const { return exit_code_; }
  // Whether something else than what is told of the device is an error: this host may be a poor one.
  [[nodiscard]] bool has_other_errors() const {
    return std::ranges::any_of(report_["findings"], [](const nlohmann::json& finding) {
      return finding["level"] == "error" && finding["id"] != "deployment_device";
    });
  }
  // The findings of that kind and level.
  [[nodiscard]] std::string Found(const std::string& id, const std::string& level) const;

 private:
  int exit_code_ = 0;
  nlohmann::json report_;
};

std::string Diagnosis::Found(const std::string& id, const std::string& level) const {
  std::string all;
  for (const auto& finding : report_["findings"]) {
    if (finding["id"] == id && finding["level"] == level) {
      all += finding["text"].get<std::string>() + "\n";
    }
  }
  return all;
}

// As a replica, which starts without it.
TEST(PathsConfig, TheDoctorWarnsOfAPathThatIsMissingAndSaysWhatIsLost) {
  const Group group(OnOneHost(false), "paths = [\"udp\", \"udp2\"]\n");
  const std::string text = ReadText(group.config_path());
  const std::string second =
      group.scratch().Write("second.toml", absl::StrReplaceAll(text, {{"127.0.1.", "198.51.100."}}));
  const Diagnosis one_missing(group, second);
  EXPECT_THAT(one_missing.Found(kDevice, "warning"),
              AllOf(HasSubstr("path udp2: this host has none of the addresses"),
                    HasSubstr("starts without that path"), HasSubstr("nothing to go on by")));
  EXPECT_THAT(one_missing.Found(kDevice, "ok"), HasSubstr("at 127.0.0.1 port 17400"));
  EXPECT_EQ(one_missing.Found(kDevice, "error"), "");
  EXPECT_EQ(one_missing.exit_code(), one_missing.has_other_errors() ? 1 : 0);
  // Without any of them nothing starts.
  const std::string neither = group.scratch().Write(
      "neither.toml", absl::StrReplaceAll(text, {{"127.0.1.", "198.51.100."}, {"127.0.0.", "198.51.101."}}));
  const Diagnosis none_there(group, neither);
  EXPECT_THAT(none_there.Found(kDevice, "error"),
              AllOf(HasSubstr("path udp: this host has none of the addresses"),
                    HasSubstr("path udp2: this host has none of the addresses")));
  EXPECT_EQ(none_there.exit_code(), 1);
}

TEST(PathsConfig, TheDoctorWarnsOfADeviceOfDpdkThatIsMissing) {
  if (rsm::Dpdk() == nullptr) {
    GTEST_SKIP() << "built without DPDK";
  }
  GroupSettings settings = OnOneHost(false);
  settings.addresses = [](std::size_t replica) {
    return absl::StrCat("address = \"127.0.0.", replica + 1, ":17400\"\nudp_address = \"198.51.100.",
                        replica + 1, ":17400\"\nudp2_address = \"127.0.1.", replica + 1, ":17401\"\n");
  };
  const Group group(settings,
                    "paths = [\"udp\", \"udp2\"]\n[udp]\nport = \"dpdk\"\n"
                    "[dpdk]\ndevice = \"net_af_packet0,iface=nowhere0\"\n");
  const Diagnosis missing(group, group.config_path());
  EXPECT_THAT(missing.Found(kDevice, "warning"),
              AllOf(HasSubstr("path udp: "), HasSubstr("there is no network interface \"nowhere0\""),
                    HasSubstr("starts without that path")));
  EXPECT_EQ(missing.Found(kDevice, "error"), "");
  EXPECT_EQ(missing.exit_code(), missing.has_other_errors() ? 1 : 0);
}

TEST(PathsConfig, TheDoctorWarnsOfAWayThatIsReadableBesideOneThatIsEncrypted) {
  const Group group(OnOneHost(false),
                    "paths = [\"udp\", \"udp2\"]\n[udp]\nencrypt = true\n[udp2]\nencrypt = false\n");
  EXPECT_THAT(Diagnosis(group, group.config_path()).Found("deployment_privacy", "warning"),
              HasSubstr("the path \"udp2\" does not encrypt, and others do"));
  const std::string both = group.scratch().Write(
      "both.toml", absl::StrReplaceAll(ReadText(group.config_path()), {{"encrypt = false", ""}}));
  const Diagnosis encrypted(group, both);
  EXPECT_EQ(encrypted.Found("deployment_privacy", "warning"), "");
  EXPECT_THAT(encrypted.Found("deployment_privacy", "ok"), HasSubstr("is encrypted"));
}

// By the first network all three meet.
TEST(PathsConfig, TwoWhoseSecondPathsDifferNameItsSectionAndGoOnByTheFirst) {
  Group group(OnOneHost(false), "paths = [\"udp\", \"udp2\"]\n[udp2]\nencrypt = true\n");
  const std::string other = group.scratch().Write(
      "other.toml",
      absl::StrReplaceAll(ReadText(group.config_path()), {{"encrypt = true", "encrypt = false"}}));
  group.Start(0);
  group.Start(1);
  group.Start(2, other);
  Counting client(group.config(), {});
  client.Commit(200);
  EXPECT_TRUE(Await([&] { return group.Agree({0, 1, 2}); })) << group.Output(2);
  const std::string why = "path udp2: there is no link to replica ";
  const std::string fix = "write the same for `encrypt` in the [udp2] section of every replica's config";
  for (const std::size_t replica : {0U, 1U, 2U}) {
    ASSERT_TRUE(Await([&] {
      return group.Output(replica).find(why) != std::string::npos &&
             group.Output(replica).find(fix) != std::string::npos;
    })) << group.Output(replica);
    EXPECT_THAT(group.Output(replica), Not(HasSubstr("`encrypt` in the [udp] section")));
  }
  client.Settle();
  EXPECT_EQ(client.sum(), client.submitted());
}

// The second network of replica 2 is not there: it starts, and takes part by the first.
TEST(PathsConfig, AReplicaStartsWithoutAPathThatIsNotThere) {
  Group group(OnOneHost(false), "paths = [\"udp\", \"udp2\"]\n");
  const std::string missing = group.scratch().Write(
      "missing.toml", absl::StrReplaceAll(ReadText(group.config_path()), {{"127.0.1.3", "198.51.100.3"}}));
  group.Start(0);
  group.Start(1);
  group.Start(2, missing);
  Counting client(group.config(), {});
  client.Commit(200);
  // Of the links that replica 2 is an end of, as whoever leads sees them.
  const auto paths_up = [&] {
    const std::optional<std::size_t> leader = group.Leader();
    std::string all;
    for (const auto& link : LinksOfLeader(group)) {
      if (leader == 2 || link["peer"] == 2) {
        all += link.value("paths_up", nlohmann::json::array()).dump();
      }
    }
    return all;
  };
  EXPECT_TRUE(Await([&] { return group.Agree({0, 1, 2}); })) << group.Output(2);
  EXPECT_TRUE(Await([&] { return paths_up().starts_with(R"(["udp-socket"])"); })) << Told(group);
  EXPECT_THAT(group.Output(2), AllOf(HasSubstr("path udp2: "), HasSubstr("starts without that path"),
                                     HasSubstr("198.51.100.3")));
  // Started again it has it.
  group.Kill(2);
  group.Start(2);
  client.Commit(200);
  EXPECT_TRUE(Await([&] { return paths_up().starts_with(R"(["udp-socket","udp2-socket"])"); }))
      << Told(group);
  client.Settle();
  EXPECT_EQ(client.sum(), client.submitted());
}

// RDMA with UDP behind it, on hosts that have no such device.
TEST(PathsConfig, AGroupBeginsWithoutTheDeviceOfItsBetterPath) {
  if (!rsm::BuiltWith(rsm::TransportKind::kVerbs)) {
    GTEST_SKIP() << "built without verbs";
  }
  GroupSettings settings = OnOneHost(true);
  settings.transport = rsm::TransportKind::kVerbs;
  settings.addresses = [](std::size_t replica) {
    return absl::StrCat("address = \"127.0.0.", replica + 1, ":17400\"\nudp_address = \"127.0.1.",
                        replica + 1, ":17401\"\n");
  };
  const Group group(settings, "paths = [\"verbs\", \"udp\"]\n[verbs]\ndevice = \"nowhere0\"\n");
  const std::size_t leader = group.AwaitLeader();
  Counting client(group.config(), {});
  client.Commit(200);
  client.Settle();
  EXPECT_EQ(client.sum(), client.submitted());
  EXPECT_TRUE(AllBy(group, kBetter)) << Told(group);
  EXPECT_THAT(group.Output(leader), AllOf(HasSubstr("path verbs: this host has no RDMA device"),
                                          HasSubstr("starts without that path")));
}

// As while configs are edited one by one. The addresses at which replicas meet are those of the path, not of
// its place in the list.
TEST(PathsConfig, ListsOfPathsThatDifferMeetWhereTheyAgree) {
  Group group(OnOneHost(true), "paths = [\"udp\", \"udp2\"]\n");
  Counting client(group.config(), {});
  client.Commit(100);
  const std::string text = ReadText(group.config_path());
  const std::string other_order = group.scratch().Write(
      "order.toml", absl::StrReplaceAll(text, {{R"(["udp", "udp2"])", R"(["udp2", "udp"])"}}));
  const std::string one_alone = group.scratch().Write(
      "alone.toml", absl::StrReplaceAll(text, {{R"(["udp", "udp2"])", R"(["udp"])"},
                                               {"udp2_address = \"127.0.1.1:17401\"\n", ""},
                                               {"udp2_address = \"127.0.1.2:17401\"\n", ""},
                                               {"udp2_address = \"127.0.1.3:17401\"\n", ""}}));
  std::uint64_t life = 1;
  for (const std::string& config : {other_order, one_alone}) {
    group.Kill(2);
    group.Start(2, config);
    ++life;
    client.Commit(100);
    EXPECT_TRUE(Await([&] { return group.Counters(2).incarnation == life && group.Agree({0, 1, 2}); }))
        << group.Output(2);
  }
  client.Settle();
  EXPECT_EQ(client.sum(), client.submitted());
}

TEST(PathsConfig, OfThePathsOneIsThereAndThatAPortIsInUseIsStillAnError) {
  const Group group(OnOneHost(false), "paths = [\"udp\", \"udp2\"]\n");
  const std::string nowhere = group.scratch().Write(
      "nowhere.toml", absl::StrReplaceAll(ReadText(group.config_path()), {{"127.0.", "198.51."}}));
  const Ran none = RunGaios(group.scratch(), {"replica", "--id", "0", "--config", nowhere});
  EXPECT_NE(none.exit_code, 0);
  EXPECT_THAT(none.output, HasSubstr("path udp: "));
  const base::UniqueFd taken(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(17401);
  ASSERT_EQ(::inet_pton(AF_INET, "127.0.1.1", &address.sin_addr), 1);
  ASSERT_EQ(::bind(taken.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  const Ran used = RunGaios(group.scratch(), {"replica", "--id", "0", "--config", group.config_path()});
  EXPECT_NE(used.exit_code, 0);
  EXPECT_THAT(used.output, AllOf(HasSubstr("path udp2: "), HasSubstr("another process has this UDP port")));
  // Nor is it one of several that are not there, when no other is.
  const std::string half = group.scratch().Write(
      "half.toml", absl::StrReplaceAll(ReadText(group.config_path()), {{"127.0.0.", "198.51.0."}}));
  const Ran both = RunGaios(group.scratch(), {"replica", "--id", "0", "--config", half});
  EXPECT_NE(both.exit_code, 0);
  EXPECT_THAT(both.output, AllOf(HasSubstr("path udp2: "), HasSubstr("another process has this UDP port"),
                                 Not(HasSubstr("path udp: "))));
}

TEST(PathsConfig, WithoutAuthenticationEachPathSaysSo) {
  const Group group(OnOneHost(true), "paths = [\"udp\", \"udp2\"]\n[udp2]\nauthenticate = false\n");
  const std::size_t leader = group.AwaitLeader();
  Counting client(group.config(), {});
  client.Commit(500);
  client.Settle();
  EXPECT_EQ(client.sum(), client.submitted());
  EXPECT_THAT(group.Output(leader), AllOf(HasSubstr("path udp2: datagrams are not authenticated"),
                                          HasSubstr("in the [udp2] section"),
                                          Not(HasSubstr("path udp: datagrams are not authenticated"))));
}

}  // namespace
}  // namespace gaios::cli

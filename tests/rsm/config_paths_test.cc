// What a config says of links of several paths.

#include <ostream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gaios/rsm/config.h"

namespace gaios::rsm {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kHead = R"(group = "book"
directory = "/tmp/book"
state_machine = "counter"
)";
const std::string kCredentials = "[credentials]\nkey_file = \"/etc/book.key\"\n";

const std::string kTwoNetworks = "paths = [\"udp\", \"udp2\"]\n" + kHead + kCredentials + R"([[replica]]
id = 0
address = "10.0.0.1:7400"
udp2_address = "10.1.0.1:7401"
[[replica]]
id = 1
address = "10.0.0.2:7400"
udp2_address = "10.1.0.2:7401"
)";

const std::string kRdmaFirst = "paths = [\"verbs\", \"udp\"]\n" + kHead + kCredentials + R"([[replica]]
id = 0
address = "10.0.0.1:7400"
rdma_address = "10.0.0.1"
udp_address = "10.1.0.1:7401"
[[replica]]
id = 1
address = "10.0.0.2:7400"
udp_address = "10.1.0.2:7401"
)";

std::string With(std::string text, const std::string& from, const std::string& to) {
  text.replace(text.find(from), from.size(), to);
  return text;
}

TEST(ConfigPaths, TwoNetworksOfDatagrams) {
  const absl::StatusOr<Config> config = ParseConfig(kTwoNetworks, "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->transport, TransportKind::kUdp);
  EXPECT_THAT(config->paths, ElementsAre(LinkPath::kUdp, LinkPath::kUdp2));
  EXPECT_TRUE(config->Has(LinkPath::kUdp));
  EXPECT_TRUE(config->Has(LinkPath::kUdp2));
  EXPECT_FALSE(config->Has(LinkPath::kVerbs));
  EXPECT_EQ(config->replicas[1].udp_address, "10.0.0.2");
  EXPECT_EQ(config->replicas[1].udp2_address, "10.1.0.2");
  EXPECT_EQ(config->replicas[1].udp2_port, 7401);
  EXPECT_EQ(MeetingPlaceOf(*config, config->replicas[1], LinkPath::kUdp).address, "10.0.0.2");
  EXPECT_EQ(MeetingPlaceOf(*config, config->replicas[1], LinkPath::kUdp2).address, "10.1.0.2");
  EXPECT_EQ(MeetingPlaceOf(*config, config->replicas[1], LinkPath::kUdp2).port, 7401);
  EXPECT_EQ(config->fallback.stall_timeout_ns, config->suspect_timeout_ns / 2);
  EXPECT_EQ(config->fallback.settle_ns, 2'000'000'000U);
  EXPECT_EQ(config->fallback.loss_percent, 10U);
  EXPECT_THAT(config->warnings, ElementsAre(HasSubstr("2 replicas")));
}

TEST(ConfigPaths, TheOrderIsTheConfigs) {
  const absl::StatusOr<Config> config =
      ParseConfig(With(kTwoNetworks, "\"udp\", \"udp2\"", "\"udp2\", \"udp\""), "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->paths, ElementsAre(LinkPath::kUdp2, LinkPath::kUdp));
  EXPECT_EQ(config->transport, TransportKind::kUdp);
  EXPECT_EQ(MeetingPlaceOf(*config, config->replicas[0], LinkPath::kUdp).address, "10.0.0.1");
}

TEST(ConfigPaths, RdmaWithDatagramsBehindIt) {
  const absl::StatusOr<Config> config = ParseConfig(kRdmaFirst, "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->transport, TransportKind::kVerbs);
  EXPECT_THAT(config->paths, ElementsAre(LinkPath::kVerbs, LinkPath::kUdp));
  EXPECT_EQ(config->replicas[0].rdma_address, "10.0.0.1");
  EXPECT_EQ(MeetingPlaceOf(*config, config->replicas[0], LinkPath::kVerbs).port, 7400);
  EXPECT_EQ(MeetingPlaceOf(*config, config->replicas[0], LinkPath::kUdp).address, "10.1.0.1");
  EXPECT_EQ(MeetingPlaceOf(*config, config->replicas[0], LinkPath::kUdp).port, 7401);
}

TEST(ConfigPaths, OneAloneIsATransport) {
  const absl::StatusOr<Config> config = ParseConfig(
      With(With(With(kTwoNetworks, "\"udp\", \"udp2\"", "\"udp\""), "udp2_address = \"10.1.0.1:7401\"\n", ""),
           "udp2_address = \"10.1.0.2:7401\"\n", ""),
      "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->transport, TransportKind::kUdp);
  EXPECT_THAT(config->paths, IsEmpty());
  EXPECT_TRUE(config->Has(LinkPath::kUdp));
}

TEST(ConfigPaths, ATransportThatAgreesMayStandBeside) {
  const absl::StatusOr<Config> config = ParseConfig("transport = \"udp\"\n" + kTwoNetworks, "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->paths, ElementsAre(LinkPath::kUdp, LinkPath::kUdp2));
}

TEST(ConfigPaths, EveryKeyIsRead) {
  const absl::StatusOr<Config> config = ParseConfig(kTwoNetworks + R"([udp]
payload_bytes = 1000
[udp2]
payload_bytes = 8900
authenticate = false
[fallback]
stall_timeout_ms = 20
settle_ms = 500
loss_percent = 0
)",
                                                    "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->udp.payload_bytes, 1000U);
  EXPECT_TRUE(config->udp.authenticate);
  EXPECT_EQ(config->udp2.payload_bytes, 8900U);
  EXPECT_FALSE(config->udp2.authenticate);
  EXPECT_EQ(config->fallback.stall_timeout_ns, 20'000'000U);
  EXPECT_EQ(config->fallback.settle_ns, 500'000'000U);
  EXPECT_EQ(config->fallback.loss_percent, 0U);
}

TEST(ConfigPaths, TheSecondNetworkEncryptsWhereTheFirstDoes) {
  absl::StatusOr<Config> config = ParseConfig(kTwoNetworks + "[udp]\nencrypt = true\n", "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->udp2.encrypt);
  config = ParseConfig(kTwoNetworks + "[udp]\nencrypt = true\n[udp2]\nauthenticate = false\n", "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->udp2.encrypt);
  EXPECT_THAT(config->warnings, Contains(HasSubstr("the path \"udp2\" does not encrypt, and others do")));
}

TEST(ConfigPaths, AStallIsNoticedBeforeTheLeaderIsSuspected) {
  const absl::StatusOr<Config> config =
      ParseConfig(kTwoNetworks + "[timing]\nsuspect_timeout_ms = 600\n", "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->fallback.stall_timeout_ns, 300'000'000U);
}

TEST(ConfigPaths, TwoPathsByOneAddressAreWarnedOf) {
  const absl::StatusOr<Config> config = ParseConfig(With(kTwoNetworks, "10.1.0.2", "10.0.0.2"), "a.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->warnings, testing::Contains(HasSubstr("replica 1 are both on 10.0.0.2")));
}

TEST(ConfigPaths, RdmaAndDatagramsByOneAddressAreWarnedOf) {
  const absl::StatusOr<Config> apart = ParseConfig(kRdmaFirst, "a.toml");
  ASSERT_TRUE(apart.ok()) << apart.status();
  EXPECT_THAT(apart->warnings, testing::Not(testing::Contains(HasSubstr("are both on"))));
  const absl::StatusOr<Config> one = ParseConfig(With(kRdmaFirst, "10.1.0.1", "10.0.0.1"), "a.toml");
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_THAT(one->warnings,
              testing::Contains(HasSubstr("rdma_address and udp_address of replica 0 are both on 10.0.0.1")));
}

struct Wrong {
  const char* name;
  std::string text;
  std::vector<std::string> says;
};

void PrintTo(const Wrong& wrong, std::ostream* out) {
  *out << wrong.name;
}

class ConfigPathsError : public testing::TestWithParam<Wrong> {};

TEST_P(ConfigPathsError, NamesKeyAndFix) {
  const absl::Status status = ParseConfig(GetParam().text, "conf/a.toml").status();
  ASSERT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  for (const std::string& part : GetParam().says) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(part));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Config, ConfigPathsError,
    testing::Values(
        Wrong{"SharedMemory",
              With(kTwoNetworks, "\"udp2\"", "\"shm\""),
              {"conf/a.toml:1: paths names \"shm\"", "its memory moves", "transport = \"shm\" alone"}},
        Wrong{"Unknown", With(kTwoNetworks, "\"udp2\"", "\"tcp\""), {":1: paths names \"tcp\"", "\"udp2\""}},
        Wrong{"Twice", With(kTwoNetworks, "\"udp2\"", "\"udp\""), {":1: paths names \"udp\" twice"}},
        Wrong{"None", With(kTwoNetworks, "[\"udp\", \"udp2\"]", "[]"), {":1: paths must be a list"}},
        Wrong{"NoList", With(kTwoNetworks, "[\"udp\", \"udp2\"]", "\"udp\""), {":1: paths must be a list"}},
        Wrong{"NoTexts", With(kTwoNetworks, "\"udp2\"", "2"), {":1: paths must be a list"}},
        Wrong{"SecondAlone",
              With(kTwoNetworks, "\"udp\", \"udp2\"", "\"udp2\""),
              {":1: paths names \"udp2\"", "name \"udp\" too"}},
        Wrong{"OtherTransport",
              "transport = \"verbs\"\n" + kTwoNetworks,
              {":1: transport is \"verbs\"", "paths begins with \"udp\"", "leave transport out"}},
        Wrong{"NoSecondAddress",
              With(kTwoNetworks, "udp2_address = \"10.1.0.2:7401\"\n", ""),
              {"replica.udp2_address is missing", "second network"}},
        Wrong{"SecondAddressInUse",
              With(kTwoNetworks, "10.1.0.2:7401", "10.0.0.1:7400"),
              {"replica 1 has the udp2_address of another, 10.0.0.1 port 7400"}},
        Wrong{"SecondAddressOfNoSecond",
              With(kTwoNetworks, "paths = [\"udp\", \"udp2\"]", "transport = \"udp\""),
              {"replica.udp2_address is for the path \"udp2\"", "name it"}},
        Wrong{"SectionOfNoSecond",
              With(kRdmaFirst, "[credentials]", "[udp2]\n[credentials]"),
              {"udp2 is for the path \"udp2\""}},
        Wrong{"SecondByDpdk",
              kTwoNetworks + "[udp2]\nport = \"dpdk\"\n",
              {"udp2.port is not a key here", "kernel sockets", "[udp] section"}},
        Wrong{"DatagramsWithoutAnAddressBesideRdma",
              With(kRdmaFirst, "udp_address = \"10.1.0.2:7401\"\n", ""),
              {"replica.udp_address is missing", "an address of its own"}},
        Wrong{
            "DatagramsMeetWhereRdmaDoes",
            With(kRdmaFirst, "10.1.0.2:7401", "10.0.0.2:7400"),
            {"replica 1 meets the others for the path \"udp\" at 10.0.0.2 port 7400", "each needs its own"}},
        Wrong{"RdmaAddressWithoutRdma",
              With(kTwoNetworks, "udp2_address", "rdma_address = \"10.0.0.1\"\nudp2_address"),
              {"replica.rdma_address does not go with paths = [\"udp\", \"udp2\"]: leave it out"}},
        Wrong{"LateStall",
              kTwoNetworks + "[fallback]\nstall_timeout_ms = 100\n",
              {"fallback.stall_timeout_ms is 100", "lower it to 50"}},
        Wrong{"QuickStall",
              kTwoNetworks + "[fallback]\nstall_timeout_ms = 9\n",
              {"fallback.stall_timeout_ms is 9", "heartbeat_interval_ms of 5", "raise it to 10 or more"}},
        Wrong{"MuchLoss",
              kTwoNetworks + "[fallback]\nloss_percent = 101\n",
              {"fallback.loss_percent is 101", "between 0 and 100"}},
        Wrong{"UnknownFallbackKey",
              kTwoNetworks + "[fallback]\nprobe_ms = 1\n",
              {"fallback.probe_ms is not a key", "settle_ms"}}),
    [](const auto& each) { return std::string(each.param.name); });

TEST(ConfigPaths, WhatIsSaidOfSeveralGoesWithSeveral) {
  const absl::Status status =
      ParseConfig("transport = \"shm\"\n" + kHead + "[fallback]\nsettle_ms = 1\n[[replica]]\nid = 0\n",
                  "a.toml")
          .status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("a.toml:5: fallback says when a link changes"));
}

}  // namespace
}  // namespace gaios::rsm

// DpdkPorts in processes, in network namespaces, over veth: against the kernel's own UDP, and against each
// other.

#include "tests/transport/udp/dpdk/veth.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "gaios/base/unique_fd.h"
#include "gaios/transport/udp/dpdk/frame.h"

namespace gaios::transport::udp::dpdk {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class VethTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = Veth::Missing(); !missing.empty()) {
      GTEST_SKIP() << missing;
    }
  }
};

bool HasXdpSockets() {
  return base::UniqueFd(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0)).valid();
}
constexpr const char* kNoXdpSockets = "this kernel has no XDP sockets";

MacAddress MacOf(const AgentProcess& agent) {
  const std::string& text = agent.opened();
  const std::size_t at = text.find("mac=");
  MacAddress mac = {};
  if (at == std::string::npos) {
    ADD_FAILURE() << text;
    return mac;
  }
  for (std::size_t byte = 0; byte < mac.size(); ++byte) {
    mac[byte] = static_cast<std::uint8_t>(std::stoul(text.substr(at + 4 + 2 * byte, 2), nullptr, 16));
  }
  return mac;
}

// ---- datagrams there and back

class SizesTest : public VethTest, public ::testing::WithParamInterface<std::size_t> {
 protected:
  // Sizes from the smallest to the largest, both included; frame_test.cc has every one.
  [[nodiscard]] static std::string Exchange(char to) {
    const std::size_t largest = MaxPayload(GetParam());
    return "exchange " + At(to) + " 1 " + std::to_string(largest) + (largest > 2'000 ? " 61" : " 7");
  }
};

TEST_P(SizesTest, BetweenDpdkAndAKernelSocket) {
  const Veth veth(GetParam());
  const auto dpdk = veth.Dpdk('a');
  const auto kernel = veth.Kernel('b');
  ASSERT_THAT(dpdk->opened(), StartsWith("open max_payload=" + std::to_string(MaxPayload(GetParam()))));
  EXPECT_EQ(kernel->Ask("echo on"), "ok");
  EXPECT_THAT(dpdk->Ask(Exchange('b')), StartsWith("ok"));
  EXPECT_EQ(kernel->Ask("echo off"), "ok");
  EXPECT_EQ(dpdk->Ask("echo on"), "ok");
  EXPECT_THAT(kernel->Ask(Exchange('a')), StartsWith("ok"));
  EXPECT_EQ(dpdk->Counter("malformed"), 0U);
}

TEST_P(SizesTest, BetweenDpdkAndDpdk) {
  const Veth veth(GetParam());
  const auto one = veth.Dpdk('a');
  const auto other = veth.Dpdk('b');
  ASSERT_THAT(one->opened(), StartsWith("open"));
  ASSERT_THAT(other->opened(), StartsWith("open"));
  EXPECT_EQ(other->Ask("echo on"), "ok");
  EXPECT_THAT(one->Ask(Exchange('b')), StartsWith("ok"));
  EXPECT_EQ(one->Counter("malformed"), 0U);
  EXPECT_EQ(other->Counter("malformed"), 0U);
  EXPECT_EQ(one->Counter("not_sent"), 0U);
}

TEST_P(SizesTest, FromTheMemoryOfTheSender) {
  const Veth veth(GetParam());
  const auto dpdk = veth.Dpdk('a', "lend=1 least_loan=1");
  const auto kernel = veth.Kernel('b');
  ASSERT_THAT(dpdk->opened(), StartsWith("open"));
  EXPECT_THAT(dpdk->Ask("notices"),
              HasSubstr("1 bytes of a write and more are sent by net_af_packet0,iface=v0"));
  EXPECT_EQ(kernel->Ask("echo on"), "ok");
  EXPECT_THAT(dpdk->Ask(Exchange('b')), StartsWith("ok"));
  EXPECT_GT(dpdk->Counter("lent"), 100U);
  EXPECT_LT(dpdk->Counter("lent"), dpdk->Counter("sent")) << "short ones are copied";
  EXPECT_EQ(dpdk->Counter("not_sent"), 0U);
  EXPECT_EQ(dpdk->Counter("up"), 1U) << "no device was given up for its loans";
}

TEST_P(SizesTest, ShortOnesAreCopiedAndAllAreWhereTheUserSaysSo) {
  const Veth veth(GetParam());
  {
    const auto dpdk = veth.Dpdk('a', "lend=1");
    const auto other = veth.Dpdk('b');
    EXPECT_EQ(other->Ask("echo on"), "ok");
    EXPECT_THAT(dpdk->Ask(Exchange('b')), StartsWith("ok"));
    EXPECT_GT(dpdk->Counter("lent"), 0U);
    EXPECT_LT(dpdk->Counter("lent"), dpdk->Counter("sent"));
  }
  const auto dpdk = veth.Dpdk('a', "lend=1 least_loan=1 zero_copy=never");
  const auto other = veth.Dpdk('b');
  EXPECT_EQ(other->Ask("echo on"), "ok");
  EXPECT_THAT(dpdk->Ask("exchange " + At('b') + " 64 1472 64"), StartsWith("ok"));
  EXPECT_EQ(dpdk->Counter("lent"), 0U);
}

TEST_F(VethTest, ADeviceThatKeepsALoanIsStoppedInTheMiddleOfWhatItHasReceived) {
  const Veth veth;
  const auto dpdk = veth.Dpdk('a', "lend=1 least_loan=1");
  const auto kernel = veth.Kernel('b');
  EXPECT_EQ(kernel->Ask("echo on"), "ok");
  EXPECT_THAT(dpdk->Ask("exchange " + At('b') + " 64 64 1"), StartsWith("ok"));
  EXPECT_EQ(dpdk->Ask("hold on"), "ok");
  EXPECT_EQ(dpdk->Ask("keep"), "ok");
  EXPECT_EQ(dpdk->Ask("end-loans " + At('b')), "ok");
  const std::uint64_t received = dpdk->Counter("received");
  EXPECT_EQ(kernel->Ask("send " + At('a') + " 64 5"), "ok");
  EXPECT_EQ(dpdk->Ask("hold off"), "ok");
  EXPECT_EQ(dpdk->Ask("await up 0"), "ok");
  EXPECT_EQ(dpdk->Counter("received"), received + 1) << "of the same burst nothing more";
  EXPECT_EQ(dpdk->Counter("links_down"), 1U);
  EXPECT_EQ(dpdk->Ask("end-loans " + At('b')), "nothing is lent");
  EXPECT_EQ(dpdk->Counter("received"), received + 1);
}

// net_ring takes datagrams in pieces, and keeps them until the other end has taken them.
TEST_F(VethTest, ADeviceThatMayKeepWhatItHasSentGetsCopies) {
  const Veth veth;
  const auto lending = [&veth](const std::string& device, const std::string& zero_copy) {
    const auto agent = std::make_unique<AgentProcess>(
        veth.Name('a'), "device=" + device +
                            " address=10.9.0.1 port=7000 hugepages=never lend=1 least_loan=1 " +
                            "flow_rules=never zero_copy=" + zero_copy);
    EXPECT_THAT(agent->opened(), StartsWith("open"));
    return agent->Ask("notices");
  };
  EXPECT_THAT(
      lending("net_ring0", "if_supported"),
      AllOf(StartsWith("writes are copied on their way to net_ring0: its driver is not known to let go"),
            HasSubstr("zero_copy = \"always\"")));
  EXPECT_THAT(lending("net_ring0", "always"), HasSubstr("cannot be asked to let go"));
  EXPECT_EQ(lending("net_ring0", "never"), "");
  EXPECT_THAT(lending("net_null0", "always"), HasSubstr("does not take datagrams in 3 pieces"));
  EXPECT_THAT(lending("net_tap0", "if_supported"), HasSubstr("is not known to let go"));
}

INSTANTIATE_TEST_SUITE_P(Mtu, SizesTest, ::testing::Values(1'500, 9'000),
                         [](const auto& param) { return std::to_string(param.param); });

TEST_F(VethTest, TwoPortsOfOneProcess) {
  const Veth veth;
  veth.Ip('a', "link add v1 type veth peer name v2");
  veth.Ip('a', "link set v1 up");
  veth.Ip('a', "link set v2 up");
  AgentProcess agent(veth.Name('a'),
                     "device=net_af_packet0,iface=v1 address=10.9.0.1 port=7000 "
                     "second=net_af_packet1,iface=v2 second_address=10.9.0.2");
  ASSERT_THAT(agent.opened(), StartsWith("open"));
  EXPECT_EQ(agent.Ask("exchange " + At('b') + " 1 1472 13"), "ok 115");
}

TEST_F(VethTest, ADeviceIsOpenedOnceInAProcess) {
  const Veth veth;
  const AgentProcess agent(veth.Name('a'),
                           "device=net_af_packet0,iface=v0 address=10.9.0.1 port=7000 "
                           "second=net_af_packet0,iface=v0 second_address=10.9.0.2");
  EXPECT_THAT(agent.opened(), StartsWith("ALREADY_EXISTS: this process has a port on net_af_packet0"));
}

TEST_F(VethTest, OverAfXdp) {
  if (!HasXdpSockets()) {
    GTEST_SKIP() << kNoXdpSockets;
  }
  const Veth veth;
  const auto dpdk = veth.Dpdk('a', "", "net_af_xdp0");
  const auto kernel = veth.Kernel('b');
  ASSERT_THAT(dpdk->opened(), StartsWith("open"));
  EXPECT_EQ(kernel->Ask("echo on"), "ok");
  EXPECT_THAT(dpdk->Ask("exchange " + At('b') + " 1 1472 13"), StartsWith("ok"));
}

TEST_F(VethTest, AfXdpTakesPacketsOfNearlyAPageAndNoLongerOnes) {
  if (!HasXdpSockets()) {
    GTEST_SKIP() << kNoXdpSockets;
  }
  {
    const Veth veth(3'424);
    const auto one = veth.Dpdk('a', "", "net_af_xdp0");
    const auto other = veth.Dpdk('b', "", "net_af_xdp0");
    ASSERT_THAT(one->opened(), StartsWith("open max_payload=3396"));
    EXPECT_EQ(other->Ask("echo on"), "ok");
    EXPECT_THAT(one->Ask("exchange " + At('b') + " 1 3396 61"), StartsWith("ok"));
  }
  const Veth veth(3'425);
  EXPECT_THAT(veth.Dpdk('a', "", "net_af_xdp0")->opened(),
              HasSubstr("net_af_xdp takes packets of 3424 bytes at most, and the MTU is 3425"));
}

// ---- ARP

TEST_F(VethTest, WhileNobodyAnswersForAnAddressDatagramsAreUnreachable) {
  const Veth veth;
  const auto dpdk = veth.Dpdk('a');
  ASSERT_THAT(dpdk->opened(), StartsWith("open"));
  EXPECT_EQ(dpdk->Ask("send " + At('b') + " 64 10"), "ok");
  EXPECT_EQ(dpdk->Counter("unreachable"), 10U);
  EXPECT_EQ(dpdk->Counter("sent"), 0U);
  EXPECT_EQ(dpdk->Ask("await arp_asked 3"), "ok");  // it goes on asking, with nothing sent any more
  const auto kernel = veth.Kernel('b');
  EXPECT_EQ(kernel->Ask("echo on"), "ok");
  EXPECT_EQ(dpdk->Ask("exchange " + At('b') + " 64 64 1"), "ok 1");
  EXPECT_GE(dpdk->Counter("sent"), 1U);
}

TEST_F(VethTest, AnotherNetworkIsReachedByTheGatewayAlone) {
  const Veth veth;
  const auto kernel = veth.Kernel('b');
  veth.Ip('b', "addr add 10.77.0.1/32 dev v0");
  const auto without = veth.Dpdk('a');
  EXPECT_EQ(without->Ask("send 10.77.0.1 7000 64 3"), "ok");
  EXPECT_EQ(without->Counter("unreachable"), 3U);
  EXPECT_EQ(without->Counter("arp_asked"), 0U);
  without->Kill();
  const auto with = veth.Dpdk('a', "gateway=10.9.0.2");
  const AgentProcess behind(veth.Name('b'), "address=10.77.0.1 port=7001");
  ASSERT_THAT(with->opened(), StartsWith("open"));
  EXPECT_EQ(with->Ask("send 10.77.0.1 7001 64 1"), "ok");
  EXPECT_EQ(with->Ask("await arp_asked 1"), "ok");
}

// ---- what is refused

TEST_F(VethTest, NoSuchInterface) {
  const Veth veth;
  const AgentProcess agent(veth.Name('a'), "device=net_af_packet0,iface=v9 address=10.9.0.1 port=7000");
  EXPECT_THAT(agent.opened(), StartsWith("NOT_FOUND: there is no network interface \"v9\" here: `ip link`"));
}

TEST_F(VethTest, AnInterfaceThatIsDown) {
  const Veth veth;
  veth.Ip('a', "link set v0 down");
  EXPECT_THAT(veth.Dpdk('a')->opened(),
              StartsWith("FAILED_PRECONDITION: the network interface \"v0\" is down: ip link set v0 up"));
}

TEST_F(VethTest, AnInterfaceThatIsNotEthernet) {
  const Veth veth;
  veth.Ip('a', "link set lo up");
  const AgentProcess agent(veth.Name('a'), "device=net_af_packet0,iface=lo address=10.9.0.1 port=7000");
  EXPECT_THAT(agent.opened(), HasSubstr("is not of Ethernet"));
}

TEST_F(VethTest, AnMtuThatTheInterfaceDoesNotHave) {
  const Veth veth;
  EXPECT_THAT(veth.Dpdk('a', "mtu=9000")->opened(),
              StartsWith("FAILED_PRECONDITION: the MTU of 9000 bytes is more than that of the interface "
                         "\"v0\", 1500: ip link set v0 mtu 9000"));
}

TEST_F(VethTest, DatagramsThatTheMtuDoesNotLeaveRoomFor) {
  const Veth veth;
  EXPECT_THAT(veth.Dpdk('a', "max_payload=1400")->opened(), StartsWith("open max_payload=1400 "));
  EXPECT_THAT(veth.Dpdk('a', "max_payload=1473")->opened(),
              StartsWith("FAILED_PRECONDITION: datagrams of 1473 bytes do not go whole"));
}

TEST_F(VethTest, NoRightToOpenRawSockets) {
  const Veth veth;
  const AgentProcess agent(veth.Name('a'), "device=net_af_packet0,iface=v0 address=10.9.0.1 port=7000",
                           "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all");
  EXPECT_THAT(agent.opened(), StartsWith("PERMISSION_DENIED: this process may not open raw sockets"));
  EXPECT_THAT(agent.opened(), HasSubstr("setcap"));
}

TEST_F(VethTest, ThreeCapabilitiesAreEnough) {
  const Veth veth;
  constexpr const char* kRights = "+net_raw,+net_admin,+ipc_lock";
  AgentProcess agent(veth.Name('a'), "device=net_af_packet0,iface=v0 address=10.9.0.1 port=7000",
                     std::string("setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=") + kRights +
                         " --ambient-caps=" + kRights);
  EXPECT_THAT(agent.opened(), StartsWith("open"));
  EXPECT_EQ(agent.Ask("await up 1"), "ok");
}

TEST_F(VethTest, ADriverThatIsNotThere) {
  const Veth veth;
  const AgentProcess agent(veth.Name('a'), "device=net_absent0,iface=v0 address=10.9.0.1 port=7000");
  EXPECT_THAT(agent.opened(), StartsWith("UNAVAILABLE: DPDK cannot open net_absent0,iface=v0: "));
  EXPECT_THAT(agent.opened(), HasSubstr("EAL: "));  // what it said itself
  EXPECT_THAT(agent.opened(), HasSubstr("Is the driver installed"));
}

TEST_F(VethTest, AnArgumentThatTheDriverDoesNotKnow) {
  const Veth veth;
  const AgentProcess agent(veth.Name('a'),
                           "device=net_af_packet0,iface=v0,nonsense=1 address=10.9.0.1 port=7000");
  EXPECT_THAT(agent.opened(), StartsWith("UNAVAILABLE: DPDK cannot open net_af_packet0"));
}

TEST_F(VethTest, WhatDpdkSaysWhenItCannotStartIsPassedOn) {
  const Veth veth;
  const auto agent = veth.Dpdk('a', "hugepages=never address_space_mib=100");
  EXPECT_THAT(agent->opened(), StartsWith("ABORTED: DPDK did not start: "));
  EXPECT_THAT(agent->opened(), HasSubstr("mend it and start anew"));
}

TEST_F(VethTest, HugepagesAreRequiredOrTheUserIsToldWhatIsMissing) {
  const Veth veth;
  std::uint64_t free = 0;
  std::ifstream("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages") >> free;
  if (free == 0) {
    EXPECT_THAT(veth.Dpdk('a', "hugepages=require")->opened(),
                StartsWith("FAILED_PRECONDITION: hugepages are required, and there are not "));
    const auto fallen_back = veth.Dpdk('a');
    EXPECT_THAT(fallen_back->opened(), StartsWith("open"));
    EXPECT_THAT(fallen_back->Ask("notices"), StartsWith("DPDK runs without hugepages"));
    EXPECT_EQ(fallen_back->Ask("notices"), "");
  } else {
    const auto agent = veth.Dpdk('a', "hugepages=never");
    EXPECT_THAT(agent->opened(), StartsWith("open"));
    EXPECT_EQ(agent->Ask("notices"), "");  // it was asked for
  }
}

// ---- flow rules

TEST_F(VethTest, ADriverWithoutFlowRulesIsSaidToHaveNone) {
  const Veth veth;
  EXPECT_THAT(veth.Dpdk('a', "flow_rules=require")->opened(),
              StartsWith("FAILED_PRECONDITION: flow rules are required, and the driver takes none: "));
  const auto agent = veth.Dpdk('a', "hugepages=never");
  EXPECT_THAT(agent->opened(), StartsWith("open"));
  EXPECT_EQ(agent->Ask("notices"), "") << "the kernel has its frames anyway";
}

// A driver of DPDK that knows rules, and makes them by a part of the kernel that not every kernel has: it
// finds a rule good, and then may refuse it. Either way the port works.
TEST_F(VethTest, ADriverThatKnowsFlowRulesAndMayRefuseThemLate) {
  const Veth veth;
  AgentProcess dpdk(veth.Name('a'), "device=net_tap0 address=10.9.0.1 port=7000 hugepages=never");
  ASSERT_THAT(dpdk.opened(), StartsWith("open"));
  EXPECT_THAT(dpdk.Ask("notices"),
              ::testing::AnyOf(HasSubstr("the card is DPDK's alone"), HasSubstr("shared with the kernel")));
  veth.Ip('a', "link set dtap0 address 02:00:00:00:00:09");  // it has begun with that of the port
  veth.Ip('a', "addr add 10.9.0.9/24 dev dtap0");
  AgentProcess kernel(veth.Name('a'), "address=10.9.0.9 port=7000 mtu=1500");
  ASSERT_THAT(kernel.opened(), StartsWith("open"));
  EXPECT_EQ(dpdk.Ask("echo on"), "ok");
  EXPECT_THAT(kernel.Ask("exchange 10.9.0.1 7000 1 1400 61"), StartsWith("ok"));
}

// ---- faults in the run

TEST_F(VethTest, AnInterfaceSetDownAndUpAgain) {
  const Veth veth;
  const auto one = veth.Dpdk('a');
  const auto other = veth.Dpdk('b');
  EXPECT_EQ(other->Ask("echo on"), "ok");
  EXPECT_EQ(one->Ask("exchange " + At('b') + " 64 64 1"), "ok 1");
  veth.Ip('a', "link set v0 down");
  EXPECT_EQ(one->Ask("await up 0"), "ok");
  EXPECT_EQ(other->Ask("await up 0"), "ok");  // its carrier is gone
  const std::uint64_t sent = one->Counter("sent");
  EXPECT_EQ(one->Ask("send " + At('b') + " 64 5"), "ok");
  EXPECT_EQ(one->Counter("sent"), sent);
  EXPECT_EQ(one->Counter("not_sent"), 5U);
  veth.Ip('a', "link set v0 up");
  EXPECT_EQ(one->Ask("await up 1"), "ok");
  EXPECT_EQ(other->Ask("await up 1"), "ok");
  EXPECT_EQ(one->Ask("exchange " + At('b') + " 1 1472 31"), "ok 49");
  EXPECT_EQ(one->Counter("links_down"), 1U);
  EXPECT_EQ(one->Counter("links_up"), 2U);
}

TEST_F(VethTest, AnInterfaceThatGetsAnotherNameServesOn) {
  const Veth veth;
  const auto one = veth.Dpdk('a');
  const auto other = veth.Dpdk('b');
  EXPECT_EQ(other->Ask("echo on"), "ok");
  veth.Ip('a', "link set v0 down");
  EXPECT_EQ(one->Ask("await up 0"), "ok");
  veth.Ip('a', "link set v0 name x0");
  veth.Ip('a', "link set x0 up");
  EXPECT_EQ(one->Ask("await up 1"), "ok");
  EXPECT_EQ(one->Ask("exchange " + At('b') + " 64 64 1"), "ok 1");
}

TEST_F(VethTest, AnInterfaceThatIsRemovedNeverComesBack) {
  const Veth veth;
  const auto dpdk = veth.Dpdk('a');
  EXPECT_EQ(dpdk->Ask("await up 1"), "ok");
  veth.Ip('a', "link del v0");
  EXPECT_EQ(dpdk->Ask("await up 0"), "ok");
  veth.Ip('a', "link add v0 type veth peer name v1");
  veth.Ip('a', "link set v1 up");
  veth.Ip('a', "link set v0 up");
  EXPECT_EQ(dpdk->Ask("send " + At('b') + " 64 5"), "ok");
  EXPECT_EQ(dpdk->Counter("up"), 0U);
  EXPECT_EQ(dpdk->Counter("sent"), 0U);
}

TEST_F(VethTest, KilledAndStartedAgainWithTheSamePrefix) {
  const Veth veth;
  const std::string prefix = "prefix=gaios-test-killed-" + veth.Name('a');
  const auto other = veth.Dpdk('b');
  EXPECT_EQ(other->Ask("echo on"), "ok");
  for (int life = 0; life < 3; ++life) {
    const auto one = veth.Dpdk('a', prefix);
    ASSERT_THAT(one->opened(), StartsWith("open"));
    EXPECT_EQ(one->Ask("exchange " + At('b') + " 1 1472 61"), "ok 26");
    one->Kill();
  }
}

// ---- frames that no honest peer sends

class FramesTest : public VethTest {
 protected:
  // Opens a port at 'a', which echoes, and a sender of raw frames at 'b'.
  void Open(const std::string& driver) {
    veth_.emplace();
    target_ = veth_->Dpdk('a', "", driver);
    ASSERT_THAT(target_->opened(), StartsWith("open"));
    sender_ = veth_->Kernel('b');
    self_ = {.mac = MacOf(*target_), .endpoint = {.address = 0x0a090001, .port = 7000}};
  }
  // A good one, of 100 bytes of payload.
  [[nodiscard]] std::vector<std::byte> Datagram() const {
    std::vector<std::byte> frame(kHeaderBytes + 100, std::byte{0x5a});
    WriteHeaders(frame, {.mac = {2, 0, 0, 0, 0, 9}, .endpoint = {.address = 0x0a090002, .port = 7000}}, self_,
                 {});
    return frame;
  }
  // The same with another value in the 16 bits of IPv4's flags and offset, and its checksum right.
  [[nodiscard]] std::vector<std::byte> Fragment(std::uint8_t high, std::uint8_t low) const {
    std::vector<std::byte> frame = Datagram();
    frame[20] = std::byte{high};
    frame[21] = std::byte{low};
    frame[24] = frame[25] = std::byte{0};
    const auto sum = static_cast<std::uint16_t>(~AddToChecksum(0, std::span(frame).subspan(14, 20)));
    frame[24] = static_cast<std::byte>(sum & 0xffU);
    frame[25] = static_cast<std::byte>(sum >> 8U);
    return frame;
  }
  void SendFrame(const std::vector<std::byte>& frame) {
    std::string hex;
    for (const std::byte byte : frame) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      hex += kDigits[std::to_integer<std::size_t>(byte) >> 4U];
      hex += kDigits[std::to_integer<std::size_t>(byte) & 15U];
    }
    EXPECT_EQ(sender_->Ask("frame " + hex), "ok");
  }

  std::optional<Veth> veth_;
  std::unique_ptr<AgentProcess> target_;
  std::unique_ptr<AgentProcess> sender_;
  LinkEndpoint self_;
};

TEST_F(FramesTest, WhatIsNotForThisPortOrNotWholeIsCountedAndDropped) {
  ASSERT_NO_FATAL_FAILURE(Open("net_af_packet0"));
  SendFrame(Datagram());
  EXPECT_EQ(target_->Ask("await received 1"), "ok");

  std::vector<std::byte> wrong = Datagram();
  wrong.back() ^= std::byte{1};
  SendFrame(wrong);
  EXPECT_EQ(target_->Ask("await wrong_checksums 1"), "ok");
  wrong = Datagram();
  wrong[24] ^= std::byte{1};  // of IPv4
  SendFrame(wrong);
  EXPECT_EQ(target_->Ask("await wrong_checksums 2"), "ok");

  wrong = Datagram();
  wrong.resize(wrong.size() - 1);
  SendFrame(wrong);
  EXPECT_EQ(target_->Ask("await truncated 1"), "ok");
  EXPECT_EQ(target_->Counter("malformed"), 3U);

  self_.endpoint.port = 7001;
  const std::uint64_t foreign = target_->Counter("foreign");
  SendFrame(Datagram());
  EXPECT_EQ(target_->Ask("await foreign " + std::to_string(foreign + 1)), "ok");
  self_.endpoint = {.address = 0x0a090003, .port = 7000};
  SendFrame(Datagram());
  EXPECT_EQ(target_->Ask("await foreign " + std::to_string(foreign + 2)), "ok");

  EXPECT_EQ(target_->Counter("received"), 1U);
  EXPECT_EQ(target_->Counter("malformed"), 3U);
}

// Not over net_af_packet: there the kernel puts fragments together before it hands them on.
TEST_F(FramesTest, FragmentsAreCountedAndDropped) {
  if (!HasXdpSockets()) {
    GTEST_SKIP() << kNoXdpSockets;
  }
  ASSERT_NO_FATAL_FAILURE(Open("net_af_xdp0"));
  SendFrame(Fragment(0x20, 0));  // the first, and more follow
  EXPECT_EQ(target_->Ask("await fragments 1"), "ok");
  SendFrame(Fragment(0, 16));  // the last one
  EXPECT_EQ(target_->Ask("await fragments 2"), "ok");
  SendFrame(Datagram());
  EXPECT_EQ(target_->Ask("await received 1"), "ok");
  EXPECT_EQ(target_->Counter("malformed"), 2U);
}

TEST_F(FramesTest, AnAddressThatSomebodyElseHasTooIsCounted) {
  ASSERT_NO_FATAL_FAILURE(Open("net_af_packet0"));
  std::vector<std::byte> frame(60);
  WriteArp(std::span(frame).first<kArpFrameBytes>(),
           {.request = true,
            .sender_mac = {2, 0, 0, 0, 0, 9},
            .sender = self_.endpoint.address,
            .target = self_.endpoint.address},
           kBroadcastMac);
  SendFrame(frame);
  EXPECT_EQ(target_->Ask("await arp_conflicts 1"), "ok");
}

}  // namespace
}  // namespace gaios::transport::udp::dpdk

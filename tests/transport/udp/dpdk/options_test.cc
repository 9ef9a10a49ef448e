#include "gaios/transport/udp/dpdk/options.h"

#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "gaios/transport/udp/dpdk/eal_arguments.h"

namespace gaios::transport::udp::dpdk {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DpdkOptionsTest : public ::testing::Test {
 protected:
  [[nodiscard]] DpdkOptions Good() const {
    DpdkOptions options;
    options.device = "net_af_packet0,iface=eth1";
    options.local = {.address = 0x0a000001, .port = 7000};
    options.file_prefix = "gaios-orders-0";
    options.clock = &clock_;
    return options;
  }
  [[nodiscard]] std::string Refused(const std::function<void(DpdkOptions&)>& change) const {
    DpdkOptions options = Good();
    change(options);
    const absl::Status status = options.Validate();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  }

  base::ManualClock clock_;
};

TEST_F(DpdkOptionsTest, GoodOnesAreGood) {
  EXPECT_TRUE(Good().Validate().ok());
}

TEST_F(DpdkOptionsTest, EachWrongOneIsNamed) {
  using Options = DpdkOptions;
  EXPECT_THAT(Refused([](Options& options) { options.device = "eth1"; }), HasSubstr("names no device"));
  EXPECT_THAT(Refused([](Options& options) { options.clock = nullptr; }), HasSubstr("no clock"));
  EXPECT_THAT(Refused([](Options& options) { options.local.address = 0; }), HasSubstr("IPv4 address"));
  EXPECT_THAT(Refused([](Options& options) { options.local.address = 0xe0000001; }),
              HasSubstr("IPv4 address"));
  EXPECT_THAT(Refused([](Options& options) { options.local.port = 0; }), HasSubstr("UDP port"));
  EXPECT_THAT(Refused([](Options& options) { options.prefix_bits = 0; }), HasSubstr("1 to 32 bits, not 0"));
  EXPECT_THAT(Refused([](Options& options) { options.prefix_bits = 33; }), HasSubstr("1 to 32 bits, not 33"));
  EXPECT_THAT(Refused([](Options& options) { options.mtu = 575; }), HasSubstr("from 576 to 9216 bytes"));
  EXPECT_THAT(Refused([](Options& options) { options.mtu = 9'217; }), HasSubstr("not 9217"));
  EXPECT_THAT(Refused([](Options& options) { options.file_prefix = ""; }), HasSubstr("the file prefix \"\""));
  EXPECT_THAT(Refused([](Options& options) { options.file_prefix = "../x"; }), HasSubstr("letters, digits"));
  EXPECT_THAT(Refused([](Options& options) { options.file_prefix = std::string(65, 'x'); }),
              HasSubstr("1 to 64"));
  EXPECT_THAT(Refused([](Options& options) { options.log_level = "loud"; }),
              HasSubstr("\"loud\" is none of"));
  EXPECT_THAT(Refused([](Options& options) { options.descriptors = 32; }), HasSubstr("from 64 to 4096"));
}

TEST(EalArguments, OfAVirtualDeviceWithHugepages) {
  EXPECT_THAT(EalArguments({.file_prefix = "p",
                            .log_level = "warning",
                            .pci_device = "",
                            .hugepages = true,
                            .memory_mib = 64,
                            .processors = {1, 3}}),
              ElementsAre("gaios", "--lcores=0@(1,3)", "--no-pci", "--in-memory", "--iova-mode=va",
                          "--file-prefix=p", "-m", "64", "--no-telemetry", "--log-level=*:warning"));
}

TEST(EalArguments, OfAVirtualDeviceWithout) {
  EXPECT_THAT(EalArguments({.file_prefix = "p",
                            .log_level = "debug",
                            .pci_device = "",
                            .hugepages = false,
                            .memory_mib = 80,
                            .processors = {0}}),
              ElementsAre("gaios", "--lcores=0@(0)", "--no-pci", "--no-huge", "--no-shconf",
                          "--file-prefix=p", "-m", "80", "--no-telemetry", "--log-level=*:debug"));
}

// The environment chooses how a card addresses memory, and touches no other card.
TEST(EalArguments, OfACard) {
  EXPECT_THAT(EalArguments({.file_prefix = "p",
                            .log_level = "warning",
                            .pci_device = "0000:01:00.0,mprq_en=1",
                            .hugepages = true,
                            .memory_mib = 64,
                            .processors = {2}}),
              ElementsAre("gaios", "--lcores=0@(2)", "--allow=0000:01:00.0,mprq_en=1", "--in-memory",
                          "--file-prefix=p", "-m", "64", "--no-telemetry", "--log-level=*:warning"));
}

}  // namespace
}  // namespace gaios::transport::udp::dpdk

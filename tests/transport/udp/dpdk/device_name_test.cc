#include "gaios/transport/udp/dpdk/device_name.h"

#include <string>

#include <gmock/gmock.h>

namespace gaios::transport::udp::dpdk {
namespace {

using ::testing::HasSubstr;

DeviceName Parsed(std::string_view text) {
  absl::StatusOr<DeviceName> device = ParseDeviceName(text);
  EXPECT_TRUE(device.ok()) << device.status();
  return device.ok() ? *std::move(device) : DeviceName();
}

std::string Refused(std::string_view text) {
  const absl::Status status = ParseDeviceName(text).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(status.message());
}

TEST(DeviceName, APciAddressWithOrWithoutDomain) {
  EXPECT_TRUE(Parsed("0000:01:00.0").pci);
  EXPECT_EQ(Parsed("01:00.1").name, "0000:01:00.1");
  const DeviceName device = Parsed("0000:af:1f.7,dv_flow_en=0,mprq_en=1");
  EXPECT_TRUE(device.pci);
  EXPECT_EQ(device.name, "0000:af:1f.7");
  EXPECT_EQ(device.Argument("mprq_en"), "1");
  EXPECT_EQ(device.Text(), "0000:af:1f.7,dv_flow_en=0,mprq_en=1");
}

TEST(DeviceName, AVirtualDeviceWithItsArguments) {
  const DeviceName device = Parsed("net_af_packet12,iface=eth1,framecnt=64");
  EXPECT_FALSE(device.pci);
  EXPECT_EQ(device.name, "net_af_packet12");
  EXPECT_EQ(device.Argument("iface"), "eth1");
  EXPECT_EQ(device.Argument("qpairs"), "");
  EXPECT_TRUE(device.DrivenBy("net_af_packet"));
  EXPECT_FALSE(device.DrivenBy("net_af"));
  EXPECT_FALSE(device.DrivenBy("net_af_xdp"));
  EXPECT_EQ(Parsed("net_ring0").Text(), "net_ring0");
}

TEST(DeviceName, WhatIsNeitherIsRefusedWithWhatToWrite) {
  for (const std::string_view text : {"", "eth0", "0000:01:00", "0000:0g:00.0", "01:00.0.1", "net_x y"}) {
    EXPECT_THAT(Refused(text), HasSubstr("names no device: give a PCI address")) << text;
  }
  EXPECT_THAT(Refused("net_af_packet0"), HasSubstr("add ,iface=NAME"));
  EXPECT_THAT(Refused("net_af_xdp0,busy_budget=0"), HasSubstr("add ,iface=NAME"));
  for (const std::string_view text : {",", "net_ring0,", "net_ring0,a", "net_ring0,a=", "net_ring0,=b"}) {
    EXPECT_THAT(Refused(text), HasSubstr("where name=value is expected")) << text;
  }
}

TEST(DeviceName, ANetAfPacketDeviceGetsRingsThatHoldTheFrames) {
  DeviceName device = Parsed("net_af_packet0,iface=eth1");
  AddDriverArguments(device, 1'500);
  EXPECT_EQ(device.Text(),
            "net_af_packet0,iface=eth1,framesz=2048,blocksz=4096,framecnt=4096,qdisc_bypass=1");
  device = Parsed("net_af_packet0,iface=eth1");
  AddDriverArguments(device, 9'000);
  EXPECT_EQ(device.Text(),
            "net_af_packet0,iface=eth1,framesz=16384,blocksz=16384,framecnt=1024,qdisc_bypass=1");
}

TEST(DeviceName, WhatIsGivenIsKeptAndOtherDriversGetTheirOwn) {
  DeviceName device = Parsed("net_af_packet0,framecnt=64,qdisc_bypass=0,iface=eth1");
  AddDriverArguments(device, 1'500);
  EXPECT_EQ(device.Text(), "net_af_packet0,framecnt=64,qdisc_bypass=0,iface=eth1,framesz=2048,blocksz=4096");
  device = Parsed("net_af_xdp0,iface=eth1");
  AddDriverArguments(device, 1'500);
  EXPECT_EQ(device.Text(), "net_af_xdp0,iface=eth1,busy_budget=0");
  device = Parsed("net_ring0");
  AddDriverArguments(device, 1'500);
  EXPECT_EQ(device.Text(), "net_ring0");
}

}  // namespace
}  // namespace gaios::transport::udp::dpdk

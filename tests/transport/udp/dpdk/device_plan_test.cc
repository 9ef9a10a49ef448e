#include "gaios/transport/udp/dpdk/device_plan.h"

#include <gmock/gmock.h>

#include "gaios/transport/udp/dpdk/interface.h"

namespace gaios::transport::udp::dpdk {
namespace {

using ::testing::HasSubstr;

DpdkOptions Options(const std::string& device) {
  DpdkOptions options;
  options.device = device;
  options.local = {.address = 0x0a090001, .port = 7000};
  return options;
}

std::string Refusal(const DpdkOptions& options, absl::StatusCode code) {
  const absl::Status status = PlanDevice(options).status();
  EXPECT_EQ(status.code(), code);
  return std::string(status.message());
}

// One without an interface of the kernel, so that nothing of the host is asked for.
TEST(DevicePlan, ABufferHoldsAFrameOfTheMtu) {
  DpdkOptions options = Options("net_null0");
  options.mtu = 9'000;
  const absl::StatusOr<DevicePlan> plan = PlanDevice(options);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->mtu, 9'000U);
  EXPECT_EQ(plan->max_payload, 8'972U);
  EXPECT_GE(plan->frame_bytes, 9'014U);
  EXPECT_GT(plan->buffers, 1'000U);
  EXPECT_GE(plan->memory_mib << 20U, plan->buffers * plan->frame_bytes);
}

// By default only what lets go of a frame at once is lent any; that takes room.
TEST(DevicePlan, WhoMayKeepFramesIsLentNoneUnlessTheUserSaysSo) {
  DpdkOptions options = Options("net_ring0");
  ASSERT_TRUE(PlanDevice(options).ok());
  EXPECT_FALSE(PlanDevice(options)->may_lend);
  const std::size_t copying_mib = PlanDevice(options)->memory_mib;
  options.zero_copy = ZeroCopy::kAlways;
  EXPECT_TRUE(PlanDevice(options)->may_lend);
  EXPECT_GT(PlanDevice(options)->memory_mib, copying_mib) << "buffers for pieces";
  options.least_loan_bytes = options.max_payload = 1'000;
  EXPECT_FALSE(PlanDevice(options)->may_lend) << "no datagram is long enough";
}

TEST(DevicePlan, WhatDoesNotFitIsRefused) {
  DpdkOptions options = Options("net_null0");
  options.max_payload = 1'473;
  EXPECT_THAT(Refusal(options, absl::StatusCode::kFailedPrecondition), HasSubstr("which leaves 1472"));
  options.max_payload = 1'472;
  EXPECT_TRUE(PlanDevice(options).ok());
}

TEST(DevicePlan, WhatIsNotThereIsNamed) {
  EXPECT_THAT(Refusal(Options("net_af_packet0,iface=nowhere0"), absl::StatusCode::kNotFound),
              HasSubstr("no network interface \"nowhere0\""));
  EXPECT_THAT(Refusal(Options("ffff:ff:1f.7"), absl::StatusCode::kNotFound),
              HasSubstr("no PCI device ffff:ff:1f.7"));
}

TEST(DevicePlan, AnAddressOfTheKernelIsRefused) {
  DpdkOptions options = Options("net_null0");
  options.local.address = 0x7f000001;
  EXPECT_EQ(InterfaceWith(options.local.address), "lo");
  EXPECT_THAT(Refusal(options, absl::StatusCode::kFailedPrecondition), HasSubstr("on its interface \"lo\""));
}

TEST(DevicePlan, ItIsSaidHowManyHugepagesWouldDo) {
  EXPECT_THAT(WithoutHugepages(52), HasSubstr("52 MiB"));
  EXPECT_THAT(WithoutHugepages(52), HasSubstr("vm.nr_hugepages=34"));
}

}  // namespace
}  // namespace gaios::transport::udp::dpdk

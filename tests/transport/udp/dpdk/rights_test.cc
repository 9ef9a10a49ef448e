#include "gaios/transport/udp/dpdk/rights.h"

#include <linux/capability.h>
#include <unistd.h>

#include <cstdint>

#include <gmock/gmock.h>

namespace gaios::transport::udp::dpdk {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint64_t Bit(int capability) {
  return std::uint64_t{1} << static_cast<unsigned>(capability);
}

TEST(Rights, WhatIsMissingIsNamed) {
  EXPECT_THAT(MissingCapabilities(0), ElementsAre("cap_net_raw", "cap_net_admin", "cap_ipc_lock"));
  EXPECT_THAT(MissingCapabilities(~std::uint64_t{0}), IsEmpty());
  EXPECT_THAT(MissingCapabilities(Bit(CAP_NET_RAW) | Bit(CAP_NET_ADMIN) | Bit(CAP_IPC_LOCK)), IsEmpty());
  EXPECT_THAT(MissingCapabilities(Bit(CAP_NET_RAW) | Bit(CAP_SYS_ADMIN)),
              ElementsAre("cap_net_admin", "cap_ipc_lock"));
}

TEST(Rights, ThoseOfThisProcessAreRead) {
  // The one that every container leaves to root, and nobody else has without being given it.
  const bool owner = (EffectiveCapabilities() & Bit(CAP_CHOWN)) != 0;
  EXPECT_EQ(owner, ::geteuid() == 0);
}

}  // namespace
}  // namespace gaios::transport::udp::dpdk

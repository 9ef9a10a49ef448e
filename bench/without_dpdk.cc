// In place of dpdk_network.cc in builds without DPDK.

#include "bench/dpdk_network.h"

namespace gaios::bench {
namespace {

absl::Status Without() {
  return absl::FailedPreconditionError(
      "--transport udp-dpdk: this build is without DPDK; install libdpdk-dev and configure again with "
      "-DGAIOS_DPDK=ON");
}

}  // namespace

absl::Status CheckDpdkNetwork() {
  return Without();
}

absl::Status EnterDpdkNetwork(std::size_t /*ends*/, std::size_t /*payload_bytes*/) {
  return Without();
}

std::string DpdkDevice(const std::string& /*driver*/, std::size_t /*replica*/) {
  return "";
}

std::string DpdkAddress(std::size_t /*replica*/) {
  return "";
}

absl::StatusOr<std::unique_ptr<transport::udp::Port>> OpenDpdkFloorPort(const Options& /*options*/,
                                                                        std::size_t /*end*/,
                                                                        const base::Clock& /*clock*/) {
  return Without();
}

}  // namespace gaios::bench

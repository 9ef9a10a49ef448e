#include "tests/transport/udp/dpdk/stuck_device.h"

#include <rte_config.h>
#include <rte_ethdev.h>

#include <cstdint>

namespace gaios::transport::udp::dpdk {
namespace {

std::uint16_t KeepAll(void* /*queue*/, rte_mbuf** /*frames*/, std::uint16_t count) {
  return count;
}

}  // namespace

void MakeDeviceStuck() {
  rte_eth_fp_ops[0].tx_pkt_burst = KeepAll;
}

}  // namespace gaios::transport::udp::dpdk

#ifndef GAIOS_TRANSPORT_UDP_DPDK_RTE_FLOW_DEVICE_H_
#define GAIOS_TRANSPORT_UDP_DPDK_RTE_FLOW_DEVICE_H_

// Flow rules by DPDK's generic interface for them, to the first queue of a device. Threads are those of
// FlowSharing.

#include <cstdint>
#include <string>

#include "gaios/transport/udp/dpdk/flow_sharing.h"

namespace gaios::transport::udp::dpdk {

class RteFlowDevice final : public FlowDevice {
 public:
  explicit RteFlowDevice(std::uint16_t port_id) : port_id_(port_id) {}

  [[nodiscard]] std::string Isolate() override;
  [[nodiscard]] std::string Check(const FlowRule& rule) override { return Ask(rule, false); }
  [[nodiscard]] std::string Make(const FlowRule& rule) override { return Ask(rule, true); }
  void RemoveAll() const;

 private:
  [[nodiscard]] std::string Ask(const FlowRule& rule, bool make) const;

  const std::uint16_t port_id_;
};

}  // namespace gaios::transport::udp::dpdk

#endif  // GAIOS_TRANSPORT_UDP_DPDK_RTE_FLOW_DEVICE_H_

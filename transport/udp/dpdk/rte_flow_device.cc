#include "gaios/transport/udp/dpdk/rte_flow_device.h"

#include <rte_byteorder.h>
#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_flow.h>

#include <array>
#include <system_error>

namespace gaios::transport::udp::dpdk {
namespace {

// What a driver said, or else what its error number means; never empty.
std::string Words(const rte_flow_error& error, int code) {
  const std::string words = error.message != nullptr ? error.message : "";
  return words.empty() ? std::generic_category().message(code < 0 ? -code : code) : words;
}

// The items of a rule, which refer to what stands beside them.
struct Pattern {
  explicit Pattern(const FlowRule& rule) {
    const bool datagrams = rule.kind == FlowRule::Kind::kDatagrams;
    const auto kind = static_cast<std::uint16_t>(datagrams ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_ARP);
    ethernet.type = rte_cpu_to_be_16(kind);
    ethernet_mask.type = kAllOf16;
    items[0] = {.type = RTE_FLOW_ITEM_TYPE_ETH, .spec = &ethernet, .last = nullptr, .mask = &ethernet_mask};
    const std::uint32_t address = rte_cpu_to_be_32(rule.local.address);
    if (datagrams) {
      ipv4.hdr.dst_addr = address;
      ipv4_mask.hdr.dst_addr = kAllOf32;
      udp.hdr.dst_port = rte_cpu_to_be_16(rule.local.port);
      udp_mask.hdr.dst_port = kAllOf16;
      items[1] = {.type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &ipv4, .last = nullptr, .mask = &ipv4_mask};
      items[2] = {.type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &udp, .last = nullptr, .mask = &udp_mask};
    } else if (rule.kind == FlowRule::Kind::kArpForAddress) {
      arp.tpa = address;
      arp_mask.tpa = kAllOf32;
      items[1] = {.type = RTE_FLOW_ITEM_TYPE_ARP_ETH_IPV4, .spec = &arp, .last = nullptr, .mask = &arp_mask};
    }
  }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  static constexpr std::uint16_t kAllOf16 = 0xffff;
  static constexpr std::uint32_t kAllOf32 = 0xffffffff;
  rte_flow_item_eth ethernet = {};
  rte_flow_item_eth ethernet_mask = {};
  rte_flow_item_ipv4 ipv4 = {};
  rte_flow_item_ipv4 ipv4_mask = {};
  rte_flow_item_udp udp = {};
  rte_flow_item_udp udp_mask = {};
  rte_flow_item_arp_eth_ipv4 arp = {};
  rte_flow_item_arp_eth_ipv4 arp_mask = {};
  std::array<rte_flow_item, 4> items = {};  // those that are not filled in are the end
};
static_assert(RTE_FLOW_ITEM_TYPE_END == 0 && RTE_FLOW_ACTION_TYPE_END == 0);

}  // namespace

std::string RteFlowDevice::Isolate() {
  rte_flow_error error = {};
  const int code = ::rte_flow_isolate(port_id_, 1, &error);
  return code == 0 ? "" : Words(error, code);
}

std::string RteFlowDevice::Ask(const FlowRule& rule, bool make) const {
  rte_flow_attr attributes = {};
  attributes.ingress = 1;
  const Pattern pattern(rule);
  rte_flow_action_queue queue = {.index = 0};
  const std::array<rte_flow_action, 2> actions = {{{.type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &queue},
                                                   {.type = RTE_FLOW_ACTION_TYPE_END, .conf = nullptr}}};
  rte_flow_error error = {};
  if (!make) {
    const int code = ::rte_flow_validate(port_id_, &attributes, pattern.items.data(), actions.data(), &error);
    return code == 0 ? "" : Words(error, code);
  }
  return ::rte_flow_create(port_id_, &attributes, pattern.items.data(), actions.data(), &error) != nullptr
             ? ""
             : Words(error, rte_errno);
}

void RteFlowDevice::RemoveAll() const {
  rte_flow_error error = {};
  // What fails here goes with the device when the port is closed.
  static_cast<void>(::rte_flow_flush(port_id_, &error));
}

}  // namespace gaios::transport::udp::dpdk

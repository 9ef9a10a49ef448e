#ifndef GAIOS_RSM_NODE_DPDK_H_
#define GAIOS_RSM_NODE_DPDK_H_

// Datagrams by DPDK, for nodes whose config asks for it: NodeOptions{.dpdk = Dpdk()}. A program that calls
// this loads DPDK's libraries when it starts (docs/dpdk.md has what that costs).

#include "gaios/rsm/node_port.h"

namespace gaios::rsm {

// Null in builds without DPDK. Any thread.
[[nodiscard]] const DpdkSupport* Dpdk();

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_NODE_DPDK_H_

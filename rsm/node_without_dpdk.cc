// In place of node_dpdk.cc in builds without DPDK.

#include "gaios/rsm/node_dpdk.h"

namespace gaios::rsm {

const DpdkSupport* Dpdk() {
  return nullptr;
}

}  // namespace gaios::rsm

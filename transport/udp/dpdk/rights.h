#ifndef GAIOS_TRANSPORT_UDP_DPDK_RIGHTS_H_
#define GAIOS_TRANSPORT_UDP_DPDK_RIGHTS_H_

// What a process that is not root's lacks for a port on a kernel's interface. Any thread.

#include <cstdint>
#include <string>
#include <vector>

namespace gaios::transport::udp::dpdk {

// Of cap_net_raw, cap_net_admin and cap_ipc_lock, those that are not in the set, a bit for each as
// /proc/PID/status has it.
[[nodiscard]] std::vector<std::string> MissingCapabilities(std::uint64_t effective);

// The set of this process. All of them where the system does not say.
[[nodiscard]] std::uint64_t EffectiveCapabilities();

}  // namespace gaios::transport::udp::dpdk

#endif  // GAIOS_TRANSPORT_UDP_DPDK_RIGHTS_H_

#ifndef GAIOS_TESTS_TRANSPORT_UDP_DPDK_BRIDGE_H_
#define GAIOS_TESTS_TRANSPORT_UDP_DPDK_BRIDGE_H_

// A network of this process alone: a bridge, with an interface for each replica. Interface e0 is at port p0
// of the bridge, and so on. The kernel's own end is the bridge, at 10.9.1.0/24. It goes with the process.
// Needs root. Not for several threads.

#include <cstddef>
#include <cstdint>
#include <string>

namespace gaios::transport::udp::dpdk {

// Why there can be none here; empty when there can.
std::string BridgeMissing();

// Makes it, and takes this thread there, unless it is there. `ends`: interfaces.
void EnterBridge(std::size_t ends);

// Takes the interface of an end out, and puts another one of its name in its place.
void RenewEnd(std::size_t end);

// Of a replica with a DPDK port, on an interface of its own: 10.9.1.1 and so on.
[[nodiscard]] std::uint32_t DpdkAddress(std::size_t end);
// Of a replica with a socket of the kernel, on the bridge: 10.9.1.101 and so on.
[[nodiscard]] std::string KernelAddress(std::size_t end);

}  // namespace gaios::transport::udp::dpdk

#endif  // GAIOS_TESTS_TRANSPORT_UDP_DPDK_BRIDGE_H_

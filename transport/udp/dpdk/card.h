#ifndef GAIOS_TRANSPORT_UDP_DPDK_CARD_H_
#define GAIOS_TRANSPORT_UDP_DPDK_CARD_H_

// Whether a network card may be touched. Reads files of the kernel. Stateless; any thread.

#include <string>

#include <absl/status/status.h>

namespace gaios::transport::udp::dpdk {

// NotFound: there is no PCI device of that address. FailedPrecondition: it belongs to a driver of the
// kernel, or to none, and DPDK must not reach past that; the message says how it is handed over. `directory`
// is where the kernel shows its PCI devices.
[[nodiscard]] absl::Status CheckCard(const std::string& address,
                                     const std::string& directory = "/sys/bus/pci/devices");

}  // namespace gaios::transport::udp::dpdk

#endif  // GAIOS_TRANSPORT_UDP_DPDK_CARD_H_

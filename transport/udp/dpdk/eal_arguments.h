#ifndef GAIOS_TRANSPORT_UDP_DPDK_EAL_ARGUMENTS_H_
#define GAIOS_TRANSPORT_UDP_DPDK_EAL_ARGUMENTS_H_

// The command line by which DPDK's run-time environment (EAL) is started. Pure; any thread.

#include <cstddef>
#include <string>
#include <vector>

namespace gaios::transport::udp::dpdk {

struct EalSettings {
  std::string file_prefix;
  std::string log_level;
  std::string pci_device;  // with its arguments; empty: no card is touched
  bool hugepages = false;
  std::size_t memory_mib = 0;
  // The processors that the calling thread may run on, at least one. It stays the only thread that does
  // anything, and goes on running where it did.
  std::vector<int> processors;
};

// The first one is the name of the program.
[[nodiscard]] std::vector<std::string> EalArguments(const EalSettings& settings);

}  // namespace gaios::transport::udp::dpdk

#endif  // GAIOS_TRANSPORT_UDP_DPDK_EAL_ARGUMENTS_H_

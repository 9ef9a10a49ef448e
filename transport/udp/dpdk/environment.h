#ifndef GAIOS_TRANSPORT_UDP_DPDK_ENVIRONMENT_H_
#define GAIOS_TRANSPORT_UDP_DPDK_ENVIRONMENT_H_

// DPDK's run-time environment (EAL), of which a process has one: it is started with the first port and stays
// to the end of the process. Any thread, one call at a time.

#include <cstddef>
#include <cstdint>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/transport/udp/dpdk/options.h"

namespace gaios::transport::udp::dpdk {

struct EnvironmentWish {
  std::string file_prefix;
  std::string log_level;
  std::string pci_device;  // with its arguments; empty when the port has a virtual device
  Hugepages hugepages = Hugepages::kIfFree;
  std::size_t memory_mib = 0;
};

struct Environment {
  bool hugepages = false;
};

// Starts EAL, or finds it started. Its memory, file prefix and log level are those of the first call.
// FailedPrecondition: there are not enough hugepages, with `kRequire` or for a card. Aborted: not in this
// process, where EAL has been started without this card or without hugepages, or has failed, with what it
// said; it cannot be started twice. EAL itself writes its last message to stderr when it fails.
[[nodiscard]] absl::StatusOr<Environment> StartEnvironment(const EnvironmentWish& wish);

// Of hugepages that nobody has, of all sizes.
[[nodiscard]] std::uint64_t FreeHugepageBytes();

// What DPDK has said since the last call, in one line: the last of it when it was much.
[[nodiscard]] std::string TakeMessages();

}  // namespace gaios::transport::udp::dpdk

#endif  // GAIOS_TRANSPORT_UDP_DPDK_ENVIRONMENT_H_

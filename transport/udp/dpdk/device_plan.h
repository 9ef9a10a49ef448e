#ifndef GAIOS_TRANSPORT_UDP_DPDK_DEVICE_PLAN_H_
#define GAIOS_TRANSPORT_UDP_DPDK_DEVICE_PLAN_H_

// What a port asks of its device and of DPDK, found out before DPDK is started, and whether this host has it:
// said better than DPDK does. Looks at the host, and changes nothing there. Any thread.

#include <cstddef>
#include <optional>
#include <string>

#include <absl/status/statusor.h>

#include "gaios/transport/udp/dpdk/device_name.h"
#include "gaios/transport/udp/dpdk/interface.h"
#include "gaios/transport/udp/dpdk/options.h"

namespace gaios::transport::udp::dpdk {

struct DevicePlan {
  DeviceName device;                         // with what its driver needs
  std::optional<KernelInterface> interface;  // below a virtual device that has one
  std::size_t mtu = 0;
  std::size_t max_payload = 0;   // of a datagram
  std::size_t receive_room = 0;  // frames; 0: as many as the queue of the card has descriptors
  std::size_t frame_bytes = 0;   // room for a frame in a buffer
  std::size_t buffers = 0;
  std::size_t memory_mib = 0;  // of DPDK's
  // Its driver is not known to have let go of a frame as soon as it has taken it to send.
  bool may_keep_frames = true;
  bool may_lend = false;  // frames may be in pieces, of which one is the memory of the port's user
};

// InvalidArgument: the device's name. NotFound: no such interface or card. FailedPrecondition: the interface
// is down or its MTU too small, the kernel has the port's address, or the card is the kernel's.
// PermissionDenied: raw sockets.
[[nodiscard]] absl::StatusOr<DevicePlan> PlanDevice(const DpdkOptions& options);

// For the user of a port that has no hugepages and asked for so much memory.
[[nodiscard]] std::string WithoutHugepages(std::size_t memory_mib);

}  // namespace gaios::transport::udp::dpdk

#endif  // GAIOS_TRANSPORT_UDP_DPDK_DEVICE_PLAN_H_

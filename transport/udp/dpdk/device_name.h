#ifndef GAIOS_TRANSPORT_UDP_DPDK_DEVICE_NAME_H_
#define GAIOS_TRANSPORT_UDP_DPDK_DEVICE_NAME_H_

// The text by which a user names a device: "0000:01:00.0" or "net_af_packet0,iface=eth1,framecnt=4096". Pure
// functions; any thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

namespace gaios::transport::udp::dpdk {

struct DeviceName {
  std::string name;  // the PCI address in full, or the name of the virtual device
  bool pci = false;
  std::vector<std::pair<std::string, std::string>> arguments;

  // The value of an argument; empty when it is not given.
  [[nodiscard]] std::string_view Argument(std::string_view key) const;
  // Whether the driver of that name drives it: "net_af_packet" drives "net_af_packet0".
  [[nodiscard]] bool DrivenBy(std::string_view driver) const;
  // As DPDK has it.
  [[nodiscard]] std::string Text() const;
};

// InvalidArgument when `text` is neither.
[[nodiscard]] absl::StatusOr<DeviceName> ParseDeviceName(std::string_view text);

// Adds what a device over an interface of the kernel needs, where it is not given. net_af_packet: the size
// of a frame of `mtu` in its rings, of the block that holds it, how many there are, and that queueing
// disciplines are passed by. net_af_xdp: that the kernel does not poll for it, which not every one can.
void AddDriverArguments(DeviceName& device, std::size_t mtu);

}  // namespace gaios::transport::udp::dpdk

#endif  // GAIOS_TRANSPORT_UDP_DPDK_DEVICE_NAME_H_

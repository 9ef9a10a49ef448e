#ifndef GAIOS_TRANSPORT_UDP_DPDK_INTERFACE_H_
#define GAIOS_TRANSPORT_UDP_DPDK_INTERFACE_H_

// The kernel's network interface below a virtual device: whether a port can be opened on it, said better
// than DPDK does, and whether it is still there. Each call is a system call. Not thread-safe.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/unique_fd.h"
#include "gaios/transport/udp/interface_state.h"

namespace gaios::transport::udp::dpdk {

class KernelInterface {
 public:
  // NotFound: there is none of that name here. FailedPrecondition: it is down, or is not of Ethernet.
  [[nodiscard]] static absl::StatusOr<KernelInterface> Open(const std::string& name);

  // When it was opened.
  [[nodiscard]] std::size_t mtu() const { return mtu_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  // Gone for ever when it was removed, also if another one has got its name.
  [[nodiscard]] InterfaceState State() const { return LookAtInterface(socket_.get(), name_, index_); }

 private:
  KernelInterface(base::UniqueFd socket, std::string name, int index, std::size_t mtu)
      : socket_(std::move(socket)), name_(std::move(name)), index_(index), mtu_(mtu) {}

  base::UniqueFd socket_;  // of the network namespace in which it was opened
  std::string name_;
  int index_;
  std::size_t mtu_;
};

// Whether there is an interface of that name here that is not up, or none at all: the matter may be mended
// without this program.
[[nodiscard]] bool NotThereYet(const std::string& name);

// The kernel's interface in this network namespace that has this IPv4 address (host byte order); empty: none.
[[nodiscard]] std::string InterfaceWith(std::uint32_t address);

// PermissionDenied when this process may not open raw sockets.
[[nodiscard]] absl::Status CheckRawSockets();

}  // namespace gaios::transport::udp::dpdk

#endif  // GAIOS_TRANSPORT_UDP_DPDK_INTERFACE_H_

#include "gaios/transport/udp/dpdk/interface.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>
#include <optional>
#include <system_error>

#include <absl/strings/str_cat.h>

namespace gaios::transport::udp::dpdk {
namespace {

// The answer to one question about an interface; nothing when there is none of that name.
std::optional<ifreq> Ask(int socket, const std::string& name, unsigned long question) {
  ifreq request = {};
  if (name.size() >= sizeof(request.ifr_name)) {
    return std::nullopt;
  }
  std::memcpy(request.ifr_name, name.data(), name.size());
  if (::ioctl(socket, question, &request) != 0) {
    return std::nullopt;
  }
  return request;
}

}  // namespace

absl::StatusOr<KernelInterface> KernelInterface::Open(const std::string& name) {
  base::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) {
    return absl::UnavailableError(
        absl::StrCat("cannot ask the kernel for its interfaces: ", std::generic_category().message(errno)));
  }
  const std::optional<ifreq> index = Ask(socket.get(), name, SIOCGIFINDEX);
  const std::optional<ifreq> flags = Ask(socket.get(), name, SIOCGIFFLAGS);
  const std::optional<ifreq> mtu = Ask(socket.get(), name, SIOCGIFMTU);
  const std::optional<ifreq> hardware = Ask(socket.get(), name, SIOCGIFHWADDR);
  if (!index || !flags || !mtu || !hardware) {
    return absl::NotFoundError(absl::StrCat("there is no network interface \"", name,
                                            "\" here: `ip link` lists those of this network namespace"));
  }
  if (hardware->ifr_hwaddr.sa_family != ARPHRD_ETHER) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the network interface \"", name, "\" is not of Ethernet: choose another one, or kernel sockets"));
  }
  if ((flags->ifr_flags & IFF_UP) == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("the network interface \"", name, "\" is down: ip link set ", name, " up"));
  }
  return KernelInterface(std::move(socket), name, index->ifr_ifindex, static_cast<std::size_t>(mtu->ifr_mtu));
}

bool NotThereYet(const std::string& name) {
  const base::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return socket.valid() && LookAtInterface(socket.get(), name, 0) != InterfaceState::kUp;
}

std::string InterfaceWith(std::uint32_t address) {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) {
    return "";
  }
  std::string name;
  for (const ifaddrs* each = all; each != nullptr; each = each->ifa_next) {
    sockaddr_in own = {};
    if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET) {
      continue;
    }
    std::memcpy(&own, each->ifa_addr, sizeof(own));
    if (own.sin_addr.s_addr == htonl(address)) {
      name = each->ifa_name;
    }
  }
  ::freeifaddrs(all);
  return name;
}

absl::Status CheckRawSockets() {
  const base::UniqueFd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (socket.valid()) {
    return absl::OkStatus();
  }
  if (errno == EPERM || errno == EACCES) {
    return absl::PermissionDeniedError(
        "this process may not open raw sockets, which DPDK needs on a kernel's interface: run it as root, or "
        "give the program what it needs: setcap cap_net_raw,cap_net_admin,cap_ipc_lock+ep PROGRAM");
  }
  return absl::UnavailableError(
      absl::StrCat("cannot open a raw socket: ", std::generic_category().message(errno)));
}

}  // namespace gaios::transport::udp::dpdk

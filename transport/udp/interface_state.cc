#include "gaios/transport/udp/interface_state.h"

#include <net/if.h>
#include <sys/ioctl.h>

#include <cstring>

#include <absl/strings/str_cat.h>

namespace gaios::transport::udp {

InterfaceState LookAtInterface(int socket, const std::string& name, int index) {
  ifreq request = {};
  if (name.size() >= sizeof(request.ifr_name)) {
    return InterfaceState::kGone;
  }
  std::memcpy(request.ifr_name, name.data(), name.size());
  if (::ioctl(socket, SIOCGIFINDEX, &request) != 0 || (index != 0 && request.ifr_ifindex != index) ||
      ::ioctl(socket, SIOCGIFFLAGS, &request) != 0) {
    return InterfaceState::kGone;
  }
  if ((request.ifr_flags & IFF_UP) == 0) {
    return InterfaceState::kDown;
  }
  return (request.ifr_flags & IFF_RUNNING) != 0 ? InterfaceState::kUp : InterfaceState::kNoCarrier;
}

std::string InterfaceText(const std::string& name, InterfaceState state) {
  switch (state) {
    case InterfaceState::kUp:
      return absl::StrCat("the interface ", name, " is up");
    case InterfaceState::kDown:
      return absl::StrCat("the interface ", name, " is down");
    case InterfaceState::kNoCarrier:
      return absl::StrCat("the interface ", name, " has no carrier");
    case InterfaceState::kGone:
      break;
  }
  return absl::StrCat("the interface ", name, " is gone");
}

}  // namespace gaios::transport::udp

#include "gaios/transport/udp/interface_state.h"

#include <errno.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cstring>
#include <optional>

#include <absl/strings/str_cat.h>

namespace gaios::transport::udp {

namespace {

// What the flags say; nothing where no interface has the name.
std::optional<InterfaceState> LookByName(int socket, ifreq& request) {
  if (::ioctl(socket, SIOCGIFFLAGS, &request) != 0) {
    return std::nullopt;
  }
  if ((request.ifr_flags & IFF_UP) == 0) {
    return InterfaceState::kDown;
  }
  return (request.ifr_flags & IFF_RUNNING) != 0 ? InterfaceState::kUp : InterfaceState::kNoCarrier;
}

}  // namespace

InterfaceState LookAtInterface(int socket, const std::string& name, int index) {
  ifreq request = {};
  if (index == 0) {
    if (name.size() >= sizeof(request.ifr_name)) {
      return InterfaceState::kGone;
    }
    std::memcpy(request.ifr_name, name.data(), name.size());
    return LookByName(socket, request).value_or(InterfaceState::kGone);
  }
  // The flags are asked for by name, and it may get another one between the two questions: then there is no
  // such name any more, and yet the interface is not gone.
  for (;;) {
    request.ifr_ifindex = index;
    if (::ioctl(socket, SIOCGIFNAME, &request) != 0) {  // its name at present
      return InterfaceState::kGone;
    }
    if (const std::optional<InterfaceState> state = LookByName(socket, request)) {
      return *state;
    }
    if (errno != ENODEV) {
      return InterfaceState::kGone;
    }
  }
}

int IndexOfLabel(std::string label) {
  int index = 0;
  while (!label.empty() && (index = static_cast<int>(::if_nametoindex(label.c_str()))) == 0) {
    label.pop_back();
  }
  return index;
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

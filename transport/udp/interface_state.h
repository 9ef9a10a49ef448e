#ifndef GAIOS_TRANSPORT_UDP_INTERFACE_STATE_H_
#define GAIOS_TRANSPORT_UDP_INTERFACE_STATE_H_

// How a network interface of the kernel is, for ports that rest on one. Each look is a system call or a few
// of them, and allocates nothing. Any thread.

#include <cstdint>
#include <string>

namespace gaios::transport::udp {

enum class InterfaceState : std::uint8_t {
  kUp,
  kDown,       // by its owner
  kNoCarrier,  // as where a cable is out, or the other end is down
  kGone,       // there is none of that name, or it is another one that has got the name
};

// `socket`: any of the network namespace that is meant. `index`: that of the interface, which another one of
// that name does not have; 0: any.
[[nodiscard]] InterfaceState LookAtInterface(int socket, const std::string& name, int index);

// A clause: "the interface v0 is down".
[[nodiscard]] std::string InterfaceText(const std::string& name, InterfaceState state);

}  // namespace gaios::transport::udp

#endif  // GAIOS_TRANSPORT_UDP_INTERFACE_STATE_H_

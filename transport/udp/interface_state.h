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
  kGone,       // removed, or moved to another network namespace
};

// `socket`: any of the network namespace that is meant. `index`: that of the interface, which keeps it under
// another name, and which another one of its name does not have; 0: whichever has the name.
[[nodiscard]] InterfaceState LookAtInterface(int socket, const std::string& name, int index);

// That of the interface to which an address with that label belongs: a label is the name of the interface, or
// begins with it ("eth1:2"). 0: there is none. Of the thread's network namespace.
[[nodiscard]] int IndexOfLabel(std::string label);

// A clause: "the interface v0 is down".
[[nodiscard]] std::string InterfaceText(const std::string& name, InterfaceState state);

}  // namespace gaios::transport::udp

#endif  // GAIOS_TRANSPORT_UDP_INTERFACE_STATE_H_

#ifndef GAIOS_TRANSPORT_UDP_DPDK_OPTIONS_H_
#define GAIOS_TRANSPORT_UDP_DPDK_OPTIONS_H_

// What a DpdkPort is opened with, and what it counts besides. Plain values; any thread.

#include <cstddef>
#include <cstdint>
#include <string>

#include <absl/status/status.h>

#include "gaios/base/clock.h"
#include "gaios/transport/udp/dpdk/limits.h"
#include "gaios/transport/udp/port.h"

namespace gaios::transport::udp::dpdk {

enum class Hugepages : std::uint8_t {
  kIfFree,   // when enough of them are free; else ordinary pages, and a notice says what that costs
  kRequire,  // else the port does not open
  kNever,
};

// Whether the card is told which frames are the port's, so that the kernel has the others (flow_sharing.h).
enum class FlowRules : std::uint8_t {
  kIfSupported,  // by the driver; else a notice says that the card is DPDK's alone
  kRequire,      // else the port does not open
  kNever,
};

// Whether bytes of writes are sent from the memory of the port's user, without a copy. Where they are not, a
// notice says why.
enum class ZeroCopy : std::uint8_t {
  kIfSupported,  // by a driver that has let go of what it is given to send when it has taken it
  // By others, too, which may keep it until more is sent: who waits for the end of a loan waits for that. As
  // far as the driver can be asked to let go, and, on a card, registers that memory.
  kAlways,
  kNever,
};

struct DpdkOptions {
  // A network card by its PCI address, "0000:01:00.0", or a virtual device by DPDK's name for it,
  // "net_af_packet0,iface=eth1"; either with arguments of the driver after commas. What a
  // net_af_packet device needs besides its interface is added where it is not given.
  std::string device;
  // The port's own address and UDP port. The address must not be one that the kernel has on the same
  // interface: it would answer, too.
  Endpoint local;
  // Bits of the network's part of the address: peers outside it are reached by way of `gateway`, or not at
  // all when that is 0.
  std::uint8_t prefix_bits = 24;
  std::uint32_t gateway = 0;
  // Bytes of an IPv4 packet, headers included. 0: what the kernel's interface has, and 1,500 for a card.
  // Both ends, and what is between them, must carry it.
  std::uint16_t mtu = 0;
  // Of a datagram, at most. 0: what the MTU leaves.
  std::size_t max_payload = 0;
  // Names what this process keeps under the directory of DPDK's run-time files, so it must differ between
  // processes of a host: letters, digits, '-' and '_'. One for each group and replica.
  std::string file_prefix;
  Hugepages hugepages = Hugepages::kIfFree;
  // A device over an interface of the kernel gives the kernel its frames anyway: it is asked for none, unless
  // they are required.
  FlowRules flow_rules = FlowRules::kIfSupported;
  ZeroCopy zero_copy = ZeroCopy::kIfSupported;
  // For fewer bytes in a datagram a copy is cheaper.
  std::size_t least_loan_bytes = kLeastLoanBytes;
  // What DPDK says at or above this level is passed on when something fails: "error", "warning", "notice",
  // "info" or "debug".
  std::string log_level = "warning";
  // Descriptors of a card's queues. Virtual devices have their own.
  std::uint16_t descriptors = 1024;
  // How often the link's state and the device's counts are looked at: with some devices a system call.
  std::uint64_t link_check_interval_ns = 10'000'000;
  // Of DPDK's memory, for ports that the process will have beside this, its first.
  std::size_t more_memory_mib = 0;
  // Must outlive the port.
  const base::Clock* clock = nullptr;

  // InvalidArgument, with what to write instead. Looks at nothing outside.
  [[nodiscard]] absl::Status Validate() const;
};

// Counts since the port was opened, beside those of every Port. Each only grows.
struct DpdkCounters {
  // Parts of PortCounters::malformed.
  std::uint64_t truncated = 0;
  std::uint64_t fragments = 0;
  std::uint64_t oversized = 0;  // whole, but longer than max_payload

  std::uint64_t arp_learned = 0;
  std::uint64_t arp_malformed = 0;
  std::uint64_t links_up = 0;  // changes of the link to up
};

}  // namespace gaios::transport::udp::dpdk

#endif  // GAIOS_TRANSPORT_UDP_DPDK_OPTIONS_H_

#include "gaios/transport/udp/dpdk/device_plan.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "gaios/transport/udp/dpdk/card.h"
#include "gaios/transport/udp/dpdk/frame.h"
#include "gaios/transport/udp/dpdk/limits.h"

namespace gaios::transport::udp::dpdk {
namespace {

constexpr std::size_t kDefaultMtu = 1'500;
// Of a frame beside its IPv4 packet, and a VLAN tag that some drivers reckon with.
constexpr std::size_t kFrameOverheadBytes = 32;
constexpr std::size_t kSmallestFrameRoomBytes = 2'048;
// net_af_xdp: a buffer with all that DPDK and the kernel put in front of a frame is a page at most.
constexpr std::size_t kPageBytes = 4'096;
constexpr std::size_t kXdpHeadroomBytes = 256;  // that the kernel leaves free before a frame
// Of a pool, before each buffer; and what makes the whole an odd number of cache lines.
constexpr std::size_t kBufferHeaderBytes = 128;
constexpr std::size_t kMaxXdpMtu = kPageBytes - kBufferHeaderBytes - sizeof(rte_mbuf) - RTE_PKTMBUF_HEADROOM -
                                   kXdpHeadroomBytes - kFrameOverheadBytes;
// Of each queue of a virtual device that has any, whatever it is asked for.
constexpr std::size_t kVirtualDescriptors = 2'048;
// Of EAL itself and of the queues; the buffers come on top. Enough for a second small port.
constexpr std::size_t kEnvironmentMib = 48;

// net_af_packet copies a frame within the call that sends it, and then frees it (DPDK 22.11). net_tap writes
// it there, but of datagrams in pieces some do not arrive.
bool MayKeepFrames(const DeviceName& device) {
  return !device.DrivenBy("net_af_packet");
}

bool MayLend(const DpdkOptions& options, const DevicePlan& plan) {
  return options.least_loan_bytes < plan.max_payload &&
         (options.zero_copy == ZeroCopy::kAlways ||
          (options.zero_copy == ZeroCopy::kIfSupported && !plan.may_keep_frames));
}

// Those that a device may hold in its queues, and ours. net_af_packet copies, and holds none.
std::size_t BuffersOf(const DeviceName& device, std::uint16_t descriptors, bool may_lend) {
  if (device.pci) {
    return kSpareBuffers + (1 + (may_lend ? kPiecesOfALoan : 1)) * std::size_t{descriptors};
  }
  return kSpareBuffers + (device.DrivenBy("net_af_packet") ? 0 : 2 * kVirtualDescriptors);
}

// A number among the arguments of the device; 0 when it is not there.
std::size_t NumberOf(const DeviceName& device, std::string_view argument) {
  const std::string_view text = device.Argument(argument);
  std::size_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// Finds the interface below the device, and the MTU.
absl::Status LookBelow(const std::string& name, const DpdkOptions& options, DevicePlan& plan) {
  absl::StatusOr<KernelInterface> below = KernelInterface::Open(name);
  if (!below.ok()) {
    return below.status();
  }
  if (options.mtu > below->mtu()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the MTU of ", options.mtu, " bytes is more than that of the interface \"", name, "\", ",
                     below->mtu(), ": ip link set ", name, " mtu ", options.mtu, ", there and at the peers"));
  }
  if (options.mtu == 0) {
    plan.mtu = std::clamp(below->mtu(), std::size_t{kMinMtu}, std::size_t{kMaxMtu});
  }
  plan.interface = *std::move(below);
  return CheckRawSockets();
}

}  // namespace

std::string WithoutHugepages(std::size_t memory_mib) {
  return absl::StrCat("DPDK runs without hugepages, because ", memory_mib,
                      " MiB of them were not free: it works, with more misses of the TLB for each datagram "
                      "(docs/dpdk.md has what was measured). To give it some: sysctl -w vm.nr_hugepages=",
                      (memory_mib + 1) / 2 + 8);
}

absl::StatusOr<DevicePlan> PlanDevice(const DpdkOptions& options) {
  absl::StatusOr<DeviceName> device = ParseDeviceName(options.device);
  if (!device.ok()) {
    return device.status();
  }
  DevicePlan plan;
  plan.device = *std::move(device);
  plan.mtu = options.mtu != 0 ? options.mtu : kDefaultMtu;
  if (const std::string interface(plan.device.Argument("iface")); !interface.empty()) {
    if (absl::Status below = LookBelow(interface, options, plan); !below.ok()) {
      return below;
    }
  }
  if (plan.device.pci) {
    if (absl::Status card = CheckCard(plan.device.name); !card.ok()) {
      return card;
    }
  }
  if (const std::string owner = InterfaceWith(options.local.address); !owner.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the kernel has the port's address on its interface \"", owner,
                     "\", and would answer in its place: give the port an address of its own"));
  }
  AddDriverArguments(plan.device, plan.mtu);
  if (options.max_payload > MaxPayload(plan.mtu)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "datagrams of ", options.max_payload, " bytes do not go whole over a link with an MTU of ", plan.mtu,
        ", which leaves ", MaxPayload(plan.mtu), ": make them smaller, or raise the MTU"));
  }
  const bool xdp = plan.device.DrivenBy("net_af_xdp");
  if (xdp && plan.mtu > kMaxXdpMtu) {
    return absl::FailedPreconditionError(absl::StrCat(
        "net_af_xdp takes packets of ", kMaxXdpMtu, " bytes at most, and the MTU is ", plan.mtu,
        ": lower the interface's (ip link set DEV mtu ", kMaxXdpMtu, "), with datagrams of at most ",
        MaxPayload(kMaxXdpMtu), " bytes, or use net_af_packet"));
  }
  plan.max_payload = options.max_payload != 0 ? options.max_payload : MaxPayload(plan.mtu);
  // The driver of net_af_packet wants room for all that its ring's frames could hold.
  plan.frame_bytes = std::max({plan.mtu + kFrameOverheadBytes + (xdp ? kXdpHeadroomBytes : 0),
                               kSmallestFrameRoomBytes, NumberOf(plan.device, "framesz")});
  plan.receive_room = NumberOf(plan.device, "framecnt");
  plan.may_keep_frames = MayKeepFrames(plan.device);
  plan.may_lend = MayLend(options, plan);
  plan.buffers = BuffersOf(plan.device, options.descriptors, plan.may_lend);
  const std::size_t piece_bytes = plan.may_lend ? kPieceBuffers * (kTailRoomBytes + 2 * sizeof(rte_mbuf)) : 0;
  plan.memory_mib =
      kEnvironmentMib + options.more_memory_mib +
      ((plan.buffers * (plan.frame_bytes + RTE_PKTMBUF_HEADROOM + 2 * sizeof(rte_mbuf)) + piece_bytes) >>
       20U);
  return plan;
}

}  // namespace gaios::transport::udp::dpdk

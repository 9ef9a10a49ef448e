#include "gaios/transport/udp/dpdk/dpdk_port.h"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <system_error>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/base/check.h"
#include "gaios/transport/udp/dpdk/card.h"
#include "gaios/transport/udp/dpdk/device_name.h"
#include "gaios/transport/udp/dpdk/environment.h"

namespace gaios::transport::udp::dpdk {
namespace {

constexpr std::size_t kDefaultMtu = 1'500;
// Of a frame beside its IPv4 packet, and a VLAN tag that some drivers reckon with.
constexpr std::size_t kFrameOverheadBytes = 32;
constexpr std::size_t kSmallestFrameRoomBytes = 2'048;
// Of each queue of a virtual device that has any, whatever it is asked for.
constexpr std::size_t kVirtualDescriptors = 2'048;
// Of EAL itself and of the queues; the buffers come on top. Enough for a second small port.
constexpr std::size_t kEnvironmentMib = 48;

std::string ErrorText(int error) {
  return std::generic_category().message(error < 0 ? -error : error);
}

// Those that a device may hold in its queues, and ours. net_af_packet copies, and holds none.
std::size_t BuffersOf(const DeviceName& device, std::uint16_t descriptors) {
  if (device.pci) {
    return kSpareBuffers + 2 * std::size_t{descriptors};
  }
  return kSpareBuffers + (device.DrivenBy("net_af_packet") ? 0 : 2 * kVirtualDescriptors);
}

std::uint32_t MaskOf(std::uint8_t prefix_bits) {
  return ~std::uint32_t{0} << (32U - prefix_bits);
}

// A number among the arguments of the device; 0 when it is not there.
std::size_t NumberOf(const DeviceName& device, std::string_view argument) {
  const std::string_view text = device.Argument(argument);
  std::size_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

DpdkPort::DpdkPort(const DpdkOptions& options)
    : options_(options),
      self_{.mac = {}, .endpoint = options.local},
      network_mask_(MaskOf(options.prefix_bits)) {}

absl::StatusOr<std::unique_ptr<DpdkPort>> DpdkPort::Open(const DpdkOptions& options) {
  if (absl::Status valid = options.Validate(); !valid.ok()) {
    return valid;
  }
  std::unique_ptr<DpdkPort> port(new DpdkPort(options));
  if (absl::Status opened = port->OpenDevice(); !opened.ok()) {
    return opened;
  }
  return port;
}

absl::Status DpdkPort::OpenDevice() {
  absl::StatusOr<DeviceName> device = ParseDeviceName(options_.device);
  if (!device.ok()) {
    return device.status();
  }
  std::size_t mtu = options_.mtu != 0 ? options_.mtu : kDefaultMtu;
  if (const std::string interface(device->Argument("iface")); !interface.empty()) {
    absl::StatusOr<KernelInterface> below = KernelInterface::Open(interface);
    if (!below.ok()) {
      return below.status();
    }
    if (options_.mtu > below->mtu()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the MTU of ", options_.mtu, " bytes is more than that of the interface \"", interface, "\", ",
          below->mtu(), ": ip link set ", interface, " mtu ", options_.mtu, ", there and at the peers"));
    }
    if (options_.mtu == 0) {
      mtu = std::clamp(below->mtu(), std::size_t{kMinMtu}, std::size_t{kMaxMtu});
    }
    interface_ = *std::move(below);
    if (const absl::Status raw = CheckRawSockets(); !raw.ok()) {
      return raw;
    }
  }
  if (device->pci) {
    if (const absl::Status card = CheckCard(device->name); !card.ok()) {
      return card;
    }
  }
  AddDriverArguments(*device, mtu);
  if (options_.max_payload > MaxPayload(mtu)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "datagrams of ", options_.max_payload, " bytes do not go whole over a link with an MTU of ", mtu,
        ", which leaves ", MaxPayload(mtu), ": make them smaller, or raise the MTU"));
  }
  max_payload_ = options_.max_payload != 0 ? options_.max_payload : MaxPayload(mtu);
  // The driver of net_af_packet wants room for all that its ring's frames could hold.
  const std::size_t room =
      std::max({mtu + kFrameOverheadBytes, kSmallestFrameRoomBytes, NumberOf(*device, "framesz")});
  receive_room_ = NumberOf(*device, "framecnt");
  const std::size_t buffers = BuffersOf(*device, options_.descriptors);
  const std::size_t memory_mib =
      kEnvironmentMib + ((buffers * (room + RTE_PKTMBUF_HEADROOM + 2 * sizeof(rte_mbuf))) >> 20U);
  const absl::StatusOr<Environment> environment =
      StartEnvironment({.file_prefix = options_.file_prefix,
                        .log_level = options_.log_level,
                        .pci_device = device->pci ? device->Text() : "",
                        .hugepages = options_.hugepages,
                        .memory_mib = memory_mib});
  if (!environment.ok()) {
    return environment.status();
  }
  if (!environment->hugepages && options_.hugepages == Hugepages::kIfFree) {
    notices_.push_back(absl::StrCat("DPDK runs without hugepages, because ", memory_mib,
                                    " MiB of them were not free: it works, with more misses of the TLB for "
                                    "each datagram (docs/dpdk.md has "
                                    "what was measured). To give it some: sysctl -w vm.nr_hugepages=",
                                    (memory_mib + 1) / 2 + 8));
  }
  if (const absl::Status found = FindDevice(device->Text(), device->pci); !found.ok()) {
    return found;
  }
  return SetUpDevice(device->pci, buffers, room, mtu);
}

absl::Status DpdkPort::FindDevice(const std::string& device, bool pci) {
  const std::string name = device.substr(0, device.find(','));
  static_cast<void>(TakeMessages());
  if (::rte_eth_dev_get_port_by_name(name.c_str(), &port_id_) == 0) {
    if (!pci) {
      return absl::AlreadyExistsError(absl::StrCat("this process has a port on ", name,
                                                   " already: give the other one another name, e.g. with the "
                                                   "next number"));
    }
  } else if (const int error = ::rte_dev_probe(device.c_str()); error != 0) {
    return absl::UnavailableError(absl::StrCat("DPDK cannot open ", device, ": ", TakeMessages(), " (",
                                               ErrorText(error),
                                               "). Is the driver installed (librte-net-*), are its arguments "
                                               "right, and has the process the rights that "
                                               "docs/dpdk.md names?"));
  } else if (::rte_eth_dev_get_port_by_name(name.c_str(), &port_id_) != 0) {
    return absl::UnavailableError(absl::StrCat("DPDK opened ", device, ", but it is no network device"));
  }
  rte_eth_dev_owner owner = {};
  ::rte_eth_dev_owner_new(&owner.id);
  std::strncpy(owner.name, "gaios", sizeof(owner.name) - 1);
  if (const int error = ::rte_eth_dev_owner_set(port_id_, &owner); error != 0) {
    return absl::AlreadyExistsError(
        absl::StrCat("the device ", name, " is in use in this process: ", ErrorText(error)));
  }
  found_ = true;
  return absl::OkStatus();
}

absl::Status DpdkPort::DriverFailed(const char* what, int error) const {
  return absl::UnavailableError(absl::StrCat("DPDK cannot ", what, " of ", options_.device, ": ",
                                             TakeMessages(), " (", ErrorText(error), ")"));
}

absl::Status DpdkPort::SetUpDevice(bool pci, std::size_t buffers, std::size_t frame_bytes, std::size_t mtu) {
  rte_eth_dev_info info = {};
  if (const int error = ::rte_eth_dev_info_get(port_id_, &info); error != 0) {
    return DriverFailed("get the properties", error);
  }
  device_ = info.device;
  rte_eth_conf conf = {};
  if (pci) {
    conf.rxmode.mtu = static_cast<std::uint32_t>(mtu);  // over an interface, the MTU is the kernel's affair
  }
  conf.rxmode.offloads =
      info.rx_offload_capa & (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM);
  conf.txmode.offloads =
      info.tx_offload_capa &
      (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE);
  by_device_ = {.ipv4 = (conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) != 0,
                .udp = (conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_UDP_CKSUM) != 0};
  if (by_device_.ipv4 || by_device_.udp) {
    transmit_flags_ = RTE_MBUF_F_TX_IPV4 | (by_device_.ipv4 ? RTE_MBUF_F_TX_IP_CKSUM : 0) |
                      (by_device_.udp ? RTE_MBUF_F_TX_UDP_CKSUM : 0);
  }
  if (const int error = ::rte_eth_dev_configure(port_id_, 1, 1, &conf); error != 0) {
    return DriverFailed("configure the queues", error);
  }
  std::uint16_t receive_descriptors = options_.descriptors;
  std::uint16_t transmit_descriptors = options_.descriptors;
  if (const int error =
          ::rte_eth_dev_adjust_nb_rx_tx_desc(port_id_, &receive_descriptors, &transmit_descriptors);
      error != 0) {
    return DriverFailed("choose the size of the queues", error);
  }
  if (receive_room_ == 0) {
    receive_room_ = receive_descriptors;
  }
  const std::string pool_name = absl::StrCat("gaios_", port_id_);
  pool_ = ::rte_pktmbuf_pool_create(pool_name.c_str(), static_cast<unsigned>(buffers) - 1, kBufferCache, 0,
                                    static_cast<std::uint16_t>(frame_bytes + RTE_PKTMBUF_HEADROOM),
                                    SOCKET_ID_ANY);
  if (pool_ == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("DPDK has no memory for the buffers of ", options_.device, ": ", TakeMessages(), " (",
                     ErrorText(rte_errno),
                     "). The first port of a process decides how much there is; open "
                     "the one with the largest MTU first, or give more hugepages"));
  }
  const auto socket = static_cast<unsigned>(SOCKET_ID_ANY);
  if (const int error = ::rte_eth_rx_queue_setup(port_id_, 0, receive_descriptors, socket, nullptr, pool_);
      error != 0) {
    return DriverFailed("set up the receiving queue", error);
  }
  if (const int error = ::rte_eth_tx_queue_setup(port_id_, 0, transmit_descriptors, socket, nullptr);
      error != 0) {
    return DriverFailed("set up the sending queue", error);
  }
  rte_ether_addr mac = {};
  if (const int error = ::rte_eth_macaddr_get(port_id_, &mac); error != 0) {
    return DriverFailed("get the MAC address", error);
  }
  std::copy(std::begin(mac.addr_bytes), std::end(mac.addr_bytes), self_.mac.begin());
  if (const int error = ::rte_eth_dev_start(port_id_); error != 0) {
    return DriverFailed("start the queues", error);
  }
  started_ = true;
  now_ns_ = options_.clock->NowNs();
  LookAtDevice();
  missed_before_ = std::exchange(counters_.missed, 0);
  return absl::OkStatus();
}

DpdkPort::~DpdkPort() {
  if (claimed_ != nullptr) {
    ::rte_pktmbuf_free(claimed_);
  }
  for (std::size_t index = 0; index < queued_count_; ++index) {
    ::rte_pktmbuf_free(queued_[index]);
  }
  for (; taken_next_ < taken_count_; ++taken_next_) {
    ::rte_pktmbuf_free(taken_[taken_next_]);
  }
  // What fails here leaves the device as it is until the process ends; nobody can mend it.
  if (started_) {
    static_cast<void>(::rte_eth_dev_stop(port_id_));
  }
  if (found_) {
    static_cast<void>(::rte_eth_dev_close(port_id_));
  }
  if (device_ != nullptr) {
    static_cast<void>(::rte_dev_remove(device_));
  }
  ::rte_mempool_free(pool_);
}

std::vector<std::string> DpdkPort::TakeNotices() {
  return std::exchange(notices_, {});
}

}  // namespace gaios::transport::udp::dpdk

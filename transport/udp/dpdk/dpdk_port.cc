#include "gaios/transport/udp/dpdk/dpdk_port.h"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <system_error>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/base/check.h"
#include "gaios/transport/udp/dpdk/device_plan.h"
#include "gaios/transport/udp/dpdk/environment.h"
#include "gaios/transport/udp/dpdk/rte_flow_device.h"

namespace gaios::transport::udp::dpdk {
namespace {

std::string ErrorText(int error) {
  return std::generic_category().message(error < 0 ? -error : error);
}

// By port: whether DPDK has told that its device was taken out. Not of a DpdkPort: what cannot be
// unregistered while it runs may run once more when that is over.
std::array<std::atomic<bool>, RTE_MAX_ETHPORTS> removed_flags;

// On a thread of DPDK's.
int TellRemoved(std::uint16_t /*port*/, rte_eth_event_type /*event*/, void* removed, void* /*returned*/) {
  static_cast<std::atomic<bool>*>(removed)->store(true, std::memory_order_relaxed);
  return 0;
}

std::uint32_t MaskOf(std::uint8_t prefix_bits) {
  return ~std::uint32_t{0} << (32U - prefix_bits);
}

FlowRules FlowRulesOf(const DpdkOptions& options, const DevicePlan& plan) {
  return plan.interface.has_value() && options.flow_rules == FlowRules::kIfSupported ? FlowRules::kNever
                                                                                     : options.flow_rules;
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
  absl::Status opened = port->OpenDevice();
  if (const std::string refused = port->rules_refused_; !refused.empty()) {
    // The device gives out what matches rules that it does not have. That is surely over when it is closed.
    DpdkOptions without = options;
    without.flow_rules = FlowRules::kNever;
    port.reset();
    port.reset(new DpdkPort(without));
    opened = port->OpenDevice();
    port->notices_.push_back(refused);
  }
  if (!opened.ok()) {
    return opened;
  }
  return port;
}

absl::Status DpdkPort::OpenDevice() {
  absl::StatusOr<DevicePlan> plan = PlanDevice(options_);
  if (!plan.ok()) {
    return plan.status();
  }
  interface_ = std::move(plan->interface);
  max_payload_ = plan->max_payload;
  receive_room_ = plan->receive_room;
  memory_bytes_ = plan->memory_mib << 20U;
  const absl::StatusOr<Environment> environment =
      StartEnvironment({.file_prefix = options_.file_prefix,
                        .log_level = options_.log_level,
                        .pci_device = plan->device.pci ? plan->device.Text() : "",
                        .hugepages = options_.hugepages,
                        .memory_mib = plan->memory_mib});
  if (!environment.ok()) {
    return environment.status();
  }
  if (!environment->hugepages && options_.hugepages == Hugepages::kIfFree) {
    notices_.push_back(WithoutHugepages(plan->memory_mib));
  }
  if (const absl::Status found = FindDevice(plan->device.Text(), plan->device.pci); !found.ok()) {
    return found;
  }
  return SetUpDevice(*plan);
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

absl::Status DpdkPort::SetUpDevice(const DevicePlan& plan) {
  rte_eth_dev_info info = {};
  if (const int error = ::rte_eth_dev_info_get(port_id_, &info); error != 0) {
    return DriverFailed("get the properties", error);
  }
  device_ = info.device;
  rte_eth_conf conf = {};
  WatchRemoval(info, conf);
  if (plan.device.pci) {
    conf.rxmode.mtu =
        static_cast<std::uint32_t>(plan.mtu);  // over an interface, the MTU is the kernel's affair
  }
  conf.rxmode.offloads =
      info.rx_offload_capa & (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM);
  PlanLoans(plan, info);
  // A device that frees fast does so with buffers of one pool and one piece alone.
  conf.txmode.offloads =
      info.tx_offload_capa & (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM |
                              (lends_ ? RTE_ETH_TX_OFFLOAD_MULTI_SEGS : RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE));
  by_device_ = {.ipv4 = (conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) != 0,
                .udp = (conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_UDP_CKSUM) != 0};
  if (by_device_.ipv4 || by_device_.udp) {
    transmit_flags_ = RTE_MBUF_F_TX_IPV4 | (by_device_.ipv4 ? RTE_MBUF_F_TX_IP_CKSUM : 0) |
                      (by_device_.udp ? RTE_MBUF_F_TX_UDP_CKSUM : 0);
  }
  RteFlowDevice flows(port_id_);
  FlowSharing sharing(flows, FlowRulesOf(options_, plan), self_.endpoint);
  if (absl::Status begun = sharing.Begin(); !begun.ok()) {
    return begun;
  }
  if (const int error = ::rte_eth_dev_configure(port_id_, 1, 1, &conf); error != 0) {
    return DriverFailed("configure the queues", error);
  }
  std::uint16_t receive_descriptors = options_.descriptors;
  auto transmit_descriptors =
      static_cast<std::uint16_t>(options_.descriptors * (lends_ ? kPiecesOfALoan : 1));
  if (const int error =
          ::rte_eth_dev_adjust_nb_rx_tx_desc(port_id_, &receive_descriptors, &transmit_descriptors);
      error != 0) {
    return DriverFailed("choose the size of the queues", error);
  }
  if (receive_room_ == 0) {
    receive_room_ = receive_descriptors;
  }
  const std::string pool_name = absl::StrCat("gaios_", port_id_);
  pool_ = ::rte_pktmbuf_pool_create(pool_name.c_str(), static_cast<unsigned>(plan.buffers) - 1, kBufferCache,
                                    0, static_cast<std::uint16_t>(plan.frame_bytes + RTE_PKTMBUF_HEADROOM),
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
  if (const int error = SetUpSending(info, transmit_descriptors); error != 0) {
    return DriverFailed("set up the sending queue", error);
  }
  rte_ether_addr mac = {};
  if (const int error = ::rte_eth_macaddr_get(port_id_, &mac); error != 0) {
    return DriverFailed("get the MAC address", error);
  }
  std::copy(std::begin(mac.addr_bytes), std::end(mac.addr_bytes), self_.mac.begin());
  if (absl::Status started = StartQueues(sharing); !started.ok()) {
    return started;
  }
  now_ns_ = options_.clock->NowNs();
  LookAtDevice();
  missed_before_ = std::exchange(counters_.missed, 0);
  return absl::OkStatus();
}

// Where the driver tells of it.
void DpdkPort::WatchRemoval(const rte_eth_dev_info& info, rte_eth_conf& conf) {
  if (info.dev_flags == nullptr || (*info.dev_flags & RTE_ETH_DEV_INTR_RMV) == 0) {
    return;
  }
  std::atomic<bool>& removed = removed_flags[port_id_];
  removed.store(false, std::memory_order_relaxed);
  if (::rte_eth_dev_callback_register(port_id_, RTE_ETH_EVENT_INTR_RMV, TellRemoved, &removed) == 0) {
    removed_ = &removed;
    conf.intr_conf.rmv = 1;
  }
}

// A device that lends, and may keep what it has sent, is to let go of it soon, if its driver takes that.
int DpdkPort::SetUpSending(const rte_eth_dev_info& info, std::uint16_t descriptors) const {
  const auto socket = static_cast<unsigned>(SOCKET_ID_ANY);
  if (lends_ && may_keep_frames_) {
    rte_eth_txconf soon = info.default_txconf;
    soon.tx_rs_thresh = 1;
    soon.tx_free_thresh = 1;
    if (::rte_eth_tx_queue_setup(port_id_, 0, descriptors, socket, &soon) == 0) {
      return 0;
    }
  }
  return ::rte_eth_tx_queue_setup(port_id_, 0, descriptors, socket, nullptr);
}

// And makes the rules, where the card takes them.
absl::Status DpdkPort::StartQueues(FlowSharing& sharing) {
  if (const int error = ::rte_eth_dev_start(port_id_); error != 0) {
    return DriverFailed("start the queues", error);
  }
  started_ = true;
  shared_ = sharing.shared();  // what of it has been made when the rest is refused is removed too
  const absl::StatusOr<bool> installed = sharing.Install();
  if (!installed.ok()) {
    return installed.status();
  }
  if (!*installed) {
    rules_refused_ = sharing.notice();
    return absl::UnavailableError(rules_refused_);
  }
  if (!sharing.notice().empty()) {
    notices_.push_back(sharing.notice());
  }
  return absl::OkStatus();
}

DpdkPort::~DpdkPort() {
  if (claimed_ != nullptr) {
    ::rte_pktmbuf_free(claimed_);
  }
  for (std::size_t index = 0; index < queued_count_; ++index) {
    ::rte_pktmbuf_free(queued_[index]);
  }
  FreeTaken();
  if (removed_ != nullptr) {
    static_cast<void>(
        ::rte_eth_dev_callback_unregister(port_id_, RTE_ETH_EVENT_INTR_RMV, TellRemoved, removed_));
  }
  // What fails here leaves the device as it is until the process ends; nobody can mend it.
  if (shared_) {
    RteFlowDevice(port_id_).RemoveAll();
  }
  if (started_) {
    static_cast<void>(::rte_eth_dev_stop(port_id_));
  }
  if (found_) {
    static_cast<void>(::rte_eth_dev_close(port_id_));
  }
  ForgetLent();
  if (device_ != nullptr) {
    static_cast<void>(::rte_dev_remove(device_));
  }
  ::rte_mempool_free(pieces_);
  ::rte_mempool_free(pool_);
}

std::string DpdkPort::WhyDown() const {
  if (up_) {
    return "";
  }
  if (stuck_) {
    return absl::StrCat(
        "the device ", options_.device, " kept what it had been given to send, and was stopped",
        stop_error_ == 0 ? ""
                         : absl::StrCat(", which its driver refused (", ErrorText(stop_error_),
                                        "): until it is closed it may still send that"));
  }
  if (interface_) {
    return InterfaceText(interface_->name(), link_);
  }
  return absl::StrCat("the device ", options_.device,
                      link_ == InterfaceState::kGone ? " was taken out" : " has no link");
}

std::vector<std::string> DpdkPort::TakeNotices() {
  return std::exchange(notices_, {});
}

}  // namespace gaios::transport::udp::dpdk

#include "gaios/rsm/node_dpdk.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "gaios/base/check.h"
#include "gaios/transport/udp/dpdk/device_plan.h"
#include "gaios/transport/udp/dpdk/dpdk_port.h"
#include "gaios/transport/udp/dpdk/environment.h"
#include "gaios/transport/udp/dpdk/options.h"
#include "gaios/transport/udp/dpdk/rights.h"

namespace gaios::rsm {
namespace {

namespace dpdk = transport::udp::dpdk;

// Of an address that the config has been checked to have in numbers; 0 for none.
std::uint32_t Number(const std::string& address) {
  in_addr number = {};
  GAIOS_CHECK(address.empty() || ::inet_pton(AF_INET, address.c_str(), &number) == 1,
              "a config has its addresses in numbers");
  return ntohl(number.s_addr);
}

dpdk::Hugepages HugepagesOf(const Config& config) {
  return config.dpdk.hugepages == "require" ? dpdk::Hugepages::kRequire
         : config.dpdk.hugepages == "never" ? dpdk::Hugepages::kNever
                                            : dpdk::Hugepages::kIfFree;
}

dpdk::FlowRules FlowRulesOf(const Config& config) {
  return config.dpdk.flow_rules == "require" ? dpdk::FlowRules::kRequire
         : config.dpdk.flow_rules == "never" ? dpdk::FlowRules::kNever
                                             : dpdk::FlowRules::kIfSupported;
}

dpdk::DpdkOptions OptionsOf(const Config& config) {
  dpdk::DpdkOptions options;
  options.device = config.dpdk.device;
  options.prefix_bits = config.dpdk.prefix_bits;
  options.gateway = Number(config.dpdk.gateway);
  options.mtu = config.dpdk.mtu;
  options.max_payload = config.udp.payload_bytes;
  options.hugepages = HugepagesOf(config);
  options.flow_rules = FlowRulesOf(config);
  return options;
}

// What went wrong, and which part of the config it is of.
absl::Status OfConfig(const absl::Status& status) {
  return {status.code(), absl::StrCat("[dpdk]: ", std::string(status.message()))};
}

void Count(const transport::udp::Port& port, TransportCounters& all) {
  using enum TransportCounter;
  const dpdk::DpdkCounters& counted = static_cast<const dpdk::DpdkPort&>(port).dpdk_counters();
  all[kChecksumsWrong] = counted.wrong_checksums;
  all[kArpAsked] = counted.arp_asked;
  all[kArpAnswered] = counted.arp_answered;
  all[kArpConflicts] = counted.arp_conflicts;
  all[kPortLinksDown] = counted.links_down;
}

// With what is told of it.
absl::StatusOr<NodePort> OpenPort(const dpdk::DpdkOptions& options) {
  absl::StatusOr<std::unique_ptr<dpdk::DpdkPort>> port = dpdk::DpdkPort::Open(options);
  if (!port.ok()) {
    return OfConfig(port.status());
  }
  PortFacts facts{.path = PathKind::kUdpDpdk,
                  .reserved_bytes = (*port)->memory_bytes(),
                  .notices = (*port)->TakeNotices(),
                  .count = Count};
  return NodePort{.port = *std::move(port), .facts = std::move(facts)};
}

absl::StatusOr<NodePort> OpenForClients(const Config& config, const base::Clock& clock) {
  dpdk::DpdkOptions options = OptionsOf(config);
  options.local = {.address = Number(config.dpdk.clients_from), .port = config.dpdk.clients_from_port};
  options.max_payload = config.clients.payload_bytes;
  // Processes of clients may be many on a host, and come and go.
  options.file_prefix = absl::StrCat("gaios-clients-", ::getpid());
  options.clock = &clock;
  return OpenPort(options);
}

absl::StatusOr<NodePort> Open(const Config& config, const ReplicaConfig& own,
                              const NodeTransportOptions& node) {
  if (own.udp_address == own.address) {
    return absl::InvalidArgumentError(absl::StrCat(
        "udp_address of replica ", own.id.value(), " is ", own.address,
        ", by which it meets the others over the kernel's TCP: a port of DPDK needs an address of "
        "its own, which the kernel does not have"));
  }
  dpdk::DpdkOptions options = OptionsOf(config);
  options.local = {.address = Number(own.udp_address), .port = own.udp_port};
  options.file_prefix =
      absl::StrCat("gaios-", absl::Hex(node.group.value(), absl::kZeroPad16), "-", own.id.value());
  options.clock = node.clock;
  return OpenPort(options);
}

absl::StatusOr<DeviceDescription> Describe(const Config& config) {
  const dpdk::DpdkOptions options = OptionsOf(config);
  const absl::StatusOr<dpdk::DevicePlan> plan = dpdk::PlanDevice(options);
  if (!plan.ok()) {
    return OfConfig(plan.status());
  }
  const bool hugepages = dpdk::FreeHugepageBytes() >= std::uint64_t{plan->memory_mib} << 20U;
  DeviceDescription description;
  description.text =
      absl::StrCat("UDP by DPDK on ", plan->device.name,
                   plan->interface.has_value()
                       ? absl::StrCat(" over the interface ", std::string(plan->device.Argument("iface")))
                       : "",
                   ", with an MTU of ", plan->mtu, " and ", plan->memory_mib, " MiB of memory, ",
                   hugepages && options.hugepages != dpdk::Hugepages::kNever ? "which hugepages have"
                                                                             : "without hugepages");
  if (!hugepages && (plan->device.pci || options.hugepages == dpdk::Hugepages::kRequire)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "[dpdk]: ", plan->device.pci ? "a card needs hugepages" : "hugepages are required",
        ", and there are not ", plan->memory_mib, " MiB of them free: sysctl -w vm.nr_hugepages=",
        (plan->memory_mib + 1) / 2 + 8, ". A replica that runs has its own already"));
  }
  if (!hugepages && options.hugepages == dpdk::Hugepages::kIfFree) {
    description.warnings.push_back(dpdk::WithoutHugepages(plan->memory_mib));
  }
  const std::vector<std::string> missing = dpdk::MissingCapabilities(dpdk::EffectiveCapabilities());
  if (!missing.empty()) {
    description.warnings.push_back(
        absl::StrCat("this process lacks ", absl::StrJoin(missing, ", "),
                     ", which DPDK needs on a kernel's interface: run replicas as root, or setcap "
                     "cap_net_raw,cap_net_admin,cap_ipc_lock+ep PROGRAM"));
  }
  return description;
}

constexpr DpdkSupport kSupport = {.open = Open, .open_for_clients = OpenForClients, .describe = Describe};

}  // namespace

const DpdkSupport* Dpdk() {
  return &kSupport;
}

}  // namespace gaios::rsm

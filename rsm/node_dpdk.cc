#include "gaios/rsm/node_dpdk.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "gaios/base/check.h"
#include "gaios/rsm/node_paths.h"
#include "gaios/transport/udp/dpdk/device_name.h"
#include "gaios/transport/udp/dpdk/device_plan.h"
#include "gaios/transport/udp/dpdk/dpdk_port.h"
#include "gaios/transport/udp/dpdk/environment.h"
#include "gaios/transport/udp/dpdk/interface.h"
#include "gaios/transport/udp/dpdk/options.h"
#include "gaios/transport/udp/dpdk/rights.h"
#include "gaios/transport/udp/lasting_port.h"

namespace gaios::rsm {
namespace {

namespace dpdk = transport::udp::dpdk;

// Of a device that is not there yet, and whose arguments do not say it: what the smallest queue has that it
// is opened with.
constexpr std::size_t kLeastReceiveRoom = 1024;

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

dpdk::ZeroCopy ZeroCopyOf(const Config& config) {
  return config.dpdk.zero_copy == "always"  ? dpdk::ZeroCopy::kAlways
         : config.dpdk.zero_copy == "never" ? dpdk::ZeroCopy::kNever
                                            : dpdk::ZeroCopy::kIfSupported;
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
  options.zero_copy = ZeroCopyOf(config);
  return options;
}

// What went wrong, and which part of the config it is of.
absl::Status OfConfig(const absl::Status& status) {
  return {status.code(), absl::StrCat("[dpdk]: ", std::string(status.message()))};
}

// With what is told of it.
absl::StatusOr<NodePort> OpenPort(const dpdk::DpdkOptions& options) {
  absl::StatusOr<std::unique_ptr<dpdk::DpdkPort>> port = dpdk::DpdkPort::Open(options);
  if (!port.ok()) {
    return OfConfig(port.status());
  }
  PortFacts facts{.path = PathKind::kUdpDpdk,
                  .reserved_bytes = (*port)->memory_bytes(),
                  .notices = (*port)->TakeNotices()};
  return NodePort{.port = *std::move(port), .facts = std::move(facts)};
}

// The interface of the kernel below the device of `options`; empty: there is none.
std::string InterfaceOf(const dpdk::DpdkOptions& options) {
  const absl::StatusOr<dpdk::DeviceName> device = dpdk::ParseDeviceName(options.device);
  return device.ok() ? std::string(device->Argument("iface")) : "";
}

bool OverXdp(const dpdk::DpdkOptions& options) {
  const absl::StatusOr<dpdk::DeviceName> device = dpdk::ParseDeviceName(options.device);
  return device.ok() && device->DrivenBy("net_af_xdp");
}

// Whether `failed` says that the device of `options` is not there, or down, which may mend itself.
bool MayCome(const dpdk::DpdkOptions& options, const absl::Status& failed) {
  return absl::IsNotFound(failed) ||
         (absl::IsFailedPrecondition(failed) && dpdk::IsSetDown(InterfaceOf(options)));
}

std::size_t ReceiveRoomOf(const dpdk::DpdkOptions& options) {
  const absl::StatusOr<dpdk::DeviceName> device = dpdk::ParseDeviceName(options.device);
  const std::string frames(device.ok() ? device->Argument("framecnt") : "");
  std::size_t room = 0;
  return absl::SimpleAtoi(frames, &room) ? room : kLeastReceiveRoom;
}

// Opens the device of a LastingPort each time.
class Opener {
 public:
  // `opened`: a port on it is open.
  Opener(dpdk::DpdkOptions options, bool opened) : options_(std::move(options)) {
    if (opened) {
      Remember();
    }
  }
  absl::StatusOr<std::unique_ptr<transport::udp::Port>> operator()() {
    absl::StatusOr<std::unique_ptr<dpdk::DpdkPort>> port = dpdk::DpdkPort::Open(options_);
    if (port.ok()) {
      Remember();
      return *std::move(port);
    }
    const absl::Status failed = OfConfig(port.status());
    if (absl::IsUnavailable(failed) && SocketIsKept()) {
      return absl::AbortedError(absl::StrCat(
          std::string(failed.message()),
          "; the driver of net_af_xdp keeps the socket of the port that was closed on ",
          InterfaceOf(options_), " as long as the process lives, and the interface is still the same"));
    }
    // Neither rights nor options change while the process lives.
    const bool hopeless = absl::IsInvalidArgument(failed) || absl::IsPermissionDenied(failed);
    return hopeless ? absl::AbortedError(failed.message()) : failed;
  }

 private:
  [[nodiscard]] unsigned Index() const { return ::if_nametoindex(InterfaceOf(options_).c_str()); }
  void Remember() { last_ = Index(); }
  [[nodiscard]] bool SocketIsKept() const { return OverXdp(options_) && last_ != 0 && last_ == Index(); }

  dpdk::DpdkOptions options_;
  unsigned last_ = 0;  // the index of the interface of the latest port; 0: none
};

// `first`: null where the device is not there yet.
absl::StatusOr<NodePort> MakeLast(const dpdk::DpdkOptions& options, NodePort first) {
  transport::udp::LastingPortOptions lasting = {
      .name = options.device,
      .local = options.local,
      .max_payload = options.max_payload,
      .receive_room = first.port != nullptr ? first.port->receive_room() : ReceiveRoomOf(options),
      .open = Opener(options, first.port != nullptr),
      .told = first.facts.notices};
  if (OverXdp(options)) {
    lasting.remark = "its driver leaves two descriptors open each time";
  }
  absl::StatusOr<std::unique_ptr<transport::udp::LastingPort>> port =
      transport::udp::LastingPort::Make(std::move(lasting), std::move(first.port));
  if (!port.ok()) {
    return port.status();
  }
  first.port = *std::move(port);
  first.facts.path = PathKind::kUdpDpdk;
  return first;
}

absl::StatusOr<NodePort> OpenForClients(const Config& config, const base::Clock& clock) {
  dpdk::DpdkOptions options = OptionsOf(config);
  options.local = {.address = Number(config.dpdk.clients_from), .port = config.dpdk.clients_from_port};
  options.max_payload = config.clients.payload_bytes;
  // Processes of clients may be many on a host, and come and go.
  options.file_prefix = absl::StrCat("gaios-clients-", ::getpid());
  options.clock = &clock;
  options.zero_copy = dpdk::ZeroCopy::kNever;  // a client has no log
  absl::StatusOr<NodePort> port = OpenPort(options);
  if (!port.ok()) {
    return port;
  }
  return MakeLast(options, *std::move(port));
}

// FailedPrecondition: the device takes what is the kernel's, by which replicas meet.
absl::Status LeftToTheKernel(const dpdk::DpdkOptions& options, const ReplicaConfig& own) {
  in_addr meets = {};
  if (!OverXdp(options) || ::inet_pton(AF_INET, own.address.c_str(), &meets) != 1) {
    return absl::OkStatus();
  }
  // By the index: an interface may have several names.
  const std::string interface = InterfaceOf(options);
  const unsigned taken = ::if_nametoindex(interface.c_str());
  if (taken == 0 || ::if_nametoindex(dpdk::InterfaceWith(ntohl(meets.s_addr)).c_str()) != taken) {
    return absl::OkStatus();
  }
  return OfConfig(absl::FailedPreconditionError(absl::StrCat(
      "net_af_xdp takes all that comes in by the interface ", interface, ", by which replica ",
      own.id.value(), " meets the others (address ", own.address,
      "): give it an address on another interface, or use net_af_packet, which leaves the kernel its own")));
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
  if (absl::Status kernel = LeftToTheKernel(options, own); !kernel.ok()) {
    return kernel;
  }
  options.local = {.address = Number(own.udp_address), .port = own.udp_port};
  options.file_prefix =
      absl::StrCat("gaios-", absl::Hex(node.group.value(), absl::kZeroPad16), "-", own.id.value());
  options.clock = node.clock;
  if (node.wait_for_path) {
    return MakeLast(options, {});
  }
  absl::StatusOr<NodePort> port = OpenPort(options);
  if (!port.ok()) {
    return MayCome(options, port.status()) ? NotThere(port.status()) : port.status();
  }
  return MakeLast(options, *std::move(port));
}

absl::StatusOr<DeviceDescription> Describe(const Config& config) {
  const dpdk::DpdkOptions options = OptionsOf(config);
  for (const ReplicaConfig& replica : config.replicas) {
    if (absl::Status kernel = LeftToTheKernel(options, replica); !kernel.ok()) {
      return kernel;
    }
  }
  const absl::StatusOr<dpdk::DevicePlan> plan = dpdk::PlanDevice(options);
  if (!plan.ok()) {
    const absl::Status failed = OfConfig(plan.status());
    return MayCome(options, failed) ? NotThere(failed) : failed;
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

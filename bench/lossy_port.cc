#include "bench/lossy_port.h"

#include <absl/status/status.h>

#include "gaios/rsm/node_dpdk.h"
#include "gaios/transport/udp/socket_port.h"

namespace gaios::bench {
namespace {

// The functions of a DpdkSupport have no place of their own to find this.
rsm::PortKind below = rsm::PortKind::kSocket;
const LossRate* current_rate = nullptr;

absl::StatusOr<rsm::NodePort> OpenBelow(const rsm::Config& config, const rsm::ReplicaConfig& own,
                                        const rsm::NodeTransportOptions& options) {
  if (below == rsm::PortKind::kDpdk) {
    const rsm::DpdkSupport* const dpdk = rsm::Dpdk();
    return dpdk == nullptr ? absl::FailedPreconditionError("this build is without DPDK")
                           : dpdk->open(config, own, options);
  }
  auto port = transport::udp::SocketPort::Open(
      {.address = own.udp_address, .port = own.udp_port, .max_payload = config.udp.payload_bytes});
  if (!port.ok()) {
    return port.status();
  }
  return rsm::NodePort{.port = *std::move(port), .facts = {}};
}

absl::StatusOr<rsm::NodePort> Open(const rsm::Config& config, const rsm::ReplicaConfig& own,
                                   const rsm::NodeTransportOptions& options) {
  absl::StatusOr<rsm::NodePort> opened = OpenBelow(config, own, options);
  if (opened.ok()) {
    opened->port = std::make_unique<LossyPort>(std::move(opened->port), *current_rate, own.id.value() + 1);
  }
  return opened;
}

absl::StatusOr<rsm::NodePort> OpenForClients(const rsm::Config& /*config*/, const base::Clock& /*clock*/) {
  return absl::UnimplementedError("a port that loses datagrams is for replicas");
}

absl::StatusOr<rsm::DeviceDescription> Describe(const rsm::Config& /*config*/) {
  return absl::UnimplementedError("a port that loses datagrams describes no device");
}

constexpr rsm::DpdkSupport kSupport = {
    .open = Open, .open_for_clients = OpenForClients, .describe = Describe};

}  // namespace

const rsm::DpdkSupport* LossyPorts(rsm::PortKind kind, const LossRate& rate) {
  below = kind;
  current_rate = &rate;
  return &kSupport;
}

}  // namespace gaios::bench

#include "gaios/rsm/network_clients.h"

#include <utility>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "gaios/rsm/client/client_port.h"
#include "gaios/rsm/client/network/network_client.h"
#include "gaios/rsm/client/network/tls_reception.h"
#include "gaios/rsm/node_network.h"
#include "gaios/transport/udp/socket_port.h"

namespace gaios::rsm {

absl::StatusOr<ClientsPort> OpenClientsPort(const Config& config, const DpdkSupport* dpdk,
                                            const base::Clock& clock) {
  if (!config.clients_by_dpdk()) {
    return ClientsPort();
  }
  if (dpdk == nullptr) {
    return absl::FailedPreconditionError(
        "the config has clients_from in the [dpdk] section, and this program is without DPDK: install "
        "libdpdk-dev and build again (a program of your own gives rsm::Dpdk() to OpenClientsPort), or leave "
        "clients_from out");
  }
  absl::StatusOr<NodePort> opened = dpdk->open_for_clients(config, clock);
  if (!opened.ok()) {
    return opened.status();
  }
  return ClientsPort{.port = std::make_shared<SharedPort>(std::move(opened->port)),
                     .notices = std::move(opened->facts.notices)};
}

absl::StatusOr<std::unique_ptr<Client>> OpenNetworkClient(const Config& config, const ClientOptions& options,
                                                          const base::Clock& clock,
                                                          std::shared_ptr<SharedPort> port) {
  if (!config.serves_network()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the config of group ", config.group,
                     " has no client_address for its replicas, so they serve clients of their own hosts "
                     "alone: give each replica one, such as \"10.0.0.1:7500\""));
  }
  if (config.clients_by_dpdk() && port == nullptr) {
    return absl::FailedPreconditionError(
        "the config has clients_from in the [dpdk] section, so clients of this host go by DPDK: this program "
        "has to open their port first (OpenClientsPort), or leave clients_from out");
  }
  NetworkClientOptions network;
  network.cluster = config.group;
  for (const ReplicaConfig& replica : config.replicas) {
    network.addresses.push_back({replica.client_address, replica.client_port});
  }
  network.credentials = CredentialsOf(config);
  network.payload_bytes = config.clients.payload_bytes;
  network.encrypt = config.clients.encrypt;
  network.client = options;
  network.port = std::move(port);
  return OpenNetworkClient(network, clock);
}

absl::StatusOr<std::unique_ptr<NetworkPort>> OpenNetworkPort(const Config& config,
                                                             const NetworkPortIdentity& identity,
                                                             const base::Clock& clock) {
  if (!config.serves_network() || identity.self.value() >= config.replicas.size()) {
    return std::unique_ptr<NetworkPort>();
  }
  const ReplicaConfig& own = config.replicas[identity.self.value()];
  absl::StatusOr<std::unique_ptr<transport::udp::SocketPort>> port = transport::udp::SocketPort::Open(
      {.address = own.client_address, .port = own.client_port, .max_payload = config.clients.payload_bytes});
  if (!port.ok()) {
    return absl::Status(port.status().code(), absl::StrCat("the clients of the network cannot be served: ",
                                                           std::string(port.status().message())));
  }
  TlsReceptionOptions reception;
  reception.address = own.client_address;
  reception.port = own.client_port;
  reception.udp_port = own.client_port;
  const ClientPortOptions local;
  reception.identity = {.group = identity.group,
                        .group_name = identity.group_name,
                        .replica = identity.self,
                        .request_ring_bytes = local.request_ring_bytes,
                        .response_ring_bytes = local.response_ring_bytes};
  reception.cluster = config.group;
  reception.max_clients = config.clients.max;
  reception.payload_bytes = config.clients.payload_bytes;
  reception.encrypt = config.clients.encrypt;
  reception.max_command_bytes = identity.max_command_bytes;
  reception.credentials = CredentialsOf(config);
  reception.clock = &clock;
  absl::StatusOr<std::unique_ptr<TlsReception>> opened = TlsReception::Open(std::move(reception));
  if (!opened.ok()) {
    return opened.status();
  }
  const NetworkPortOptions options = {.group = identity.group,
                                      .max_clients = config.clients.max,
                                      .silence_timeout_ns = config.clients.silence_timeout_ns};
  return std::make_unique<NetworkPort>(options, *std::move(port), *std::move(opened), clock);
}

}  // namespace gaios::rsm

#include "gaios/rsm/client/network/network_client.h"

#include <algorithm>
#include <utility>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "gaios/paxos/limits.h"
#include "gaios/rsm/client/network/network_connection.h"
#include "gaios/rsm/client/network/tls_meeting.h"
#include "gaios/rsm/client/network/wire.h"
#include "gaios/transport/bootstrap/tls.h"
#include "gaios/transport/udp/wire.h"

namespace gaios::rsm {
namespace {

absl::Status CheckOptions(const NetworkClientOptions& options) {
  if (options.addresses.empty() || options.addresses.size() > paxos::kMaxReplicas) {
    return absl::InvalidArgumentError(absl::StrCat("a client of the network was given ",
                                                   options.addresses.size(), " addresses; a group has 1 to ",
                                                   paxos::kMaxReplicas, " replicas, each with one"));
  }
  if (options.cluster.empty() || options.cluster.size() > kMaxClusterNameBytes ||
      !std::ranges::all_of(options.cluster, [](char c) { return c >= ' ' && c <= '~'; })) {
    return absl::InvalidArgumentError(absl::StrCat("the name of the group has ", options.cluster.size(),
                                                   " bytes; over the network it has 1 to ",
                                                   kMaxClusterNameBytes, ", all printable ASCII"));
  }
  if (options.payload_bytes < transport::udp::kMinPayloadBytes ||
      options.payload_bytes > transport::udp::kMaxPayloadBytes) {
    return absl::InvalidArgumentError(absl::StrCat("datagrams of ", options.payload_bytes,
                                                   " bytes; give them ", transport::udp::kMinPayloadBytes,
                                                   " to ", transport::udp::kMaxPayloadBytes));
  }
  if (options.port != nullptr && options.port->port().max_payload() < transport::udp::kMinPayloadBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the port takes datagrams of ", options.port->port().max_payload(),
                     " bytes; it must take ", transport::udp::kMinPayloadBytes));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> OpenNetworkClient(const NetworkClientOptions& options,
                                                          const base::Clock& clock) {
  if (absl::Status status = CheckOptions(options); !status.ok()) {
    return status;
  }
  absl::StatusOr<std::unique_ptr<transport::bootstrap::TlsContext>> tls =
      transport::bootstrap::TlsContext::Load(options.credentials);
  if (!tls.ok()) {
    return tls.status();
  }
  TlsMeetingOptions meeting;
  meeting.cluster = options.cluster;
  meeting.payload_bytes = options.payload_bytes;
  meeting.encrypt = options.encrypt;
  if (options.port != nullptr) {
    meeting.shared_port = options.port;
    meeting.payload_bytes = std::min(options.payload_bytes, options.port->port().max_payload());
  }
  meeting.clock = &clock;
  meeting.tls = *std::move(tls);
  meeting.group = std::make_shared<std::uint64_t>(options.client.group.value());
  std::vector<std::unique_ptr<ClientConnection>> connections;
  for (const NetworkAddress& address : options.addresses) {
    meeting.replica = paxos::ReplicaId(static_cast<std::uint8_t>(connections.size()));
    meeting.address = address.address;
    meeting.port = address.port;
    connections.push_back(std::make_unique<NetworkConnection>(std::make_unique<TlsMeeting>(meeting), clock));
  }
  ClientOptions client = options.client;
  client.replicas = options.addresses.size();
  return Client::OpenWith(client, std::move(connections), clock);
}

}  // namespace gaios::rsm

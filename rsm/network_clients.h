#ifndef GAIOS_RSM_NETWORK_CLIENTS_H_
#define GAIOS_RSM_NETWORK_CLIENTS_H_

// Clients of the network as a config has them: the port of a replica, and a client's own end. Errors name
// what is wrong and what to do.

#include <cstddef>
#include <memory>
#include <string>

#include <absl/status/statusor.h>

#include "gaios/base/clock.h"
#include "gaios/paxos/types.h"
#include "gaios/rsm/client/client.h"
#include "gaios/rsm/client/network/network_port.h"
#include "gaios/rsm/config.h"

namespace gaios::rsm {

// A client of the group that `config` describes, on any host: it needs the config and the file of the
// credentials, and nothing of the group's directory. `options` are as for a client of one host; `directory`
// and `replicas` are not looked at, and `group` may be left 0. InvalidArgument: no replica of the config has
// a client_address. `clock` must outlive the client. One thread.
[[nodiscard]] absl::StatusOr<std::unique_ptr<Client>> OpenNetworkClient(const Config& config,
                                                                        const ClientOptions& options,
                                                                        const base::Clock& clock);

// Who the replica is, for OpenNetworkPort.
struct NetworkPortIdentity {
  paxos::ReplicaId self;
  paxos::GroupId group;
  std::string group_name;
  std::size_t max_command_bytes = 0;
};
// Null when the config has no clients of the network.
[[nodiscard]] absl::StatusOr<std::unique_ptr<NetworkPort>> OpenNetworkPort(
    const Config& config, const NetworkPortIdentity& identity, const base::Clock& clock);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_NETWORK_CLIENTS_H_

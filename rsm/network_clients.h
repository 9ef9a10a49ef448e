#ifndef GAIOS_RSM_NETWORK_CLIENTS_H_
#define GAIOS_RSM_NETWORK_CLIENTS_H_

// Clients of the network as a config has them: the port of a replica, and a client's own end. Errors name
// what is wrong and what to do.

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "gaios/base/clock.h"
#include "gaios/paxos/types.h"
#include "gaios/rsm/client/client.h"
#include "gaios/rsm/client/network/network_port.h"
#include "gaios/rsm/client/network/shared_port.h"
#include "gaios/rsm/config.h"
#include "gaios/rsm/node_port.h"

namespace gaios::rsm {

// What carries the datagrams of this process's clients.
struct ClientsPort {
  std::shared_ptr<SharedPort> port;  // null: UDP sockets of the kernel
  std::vector<std::string> notices;  // sentences for the user
};
// As the config of this host has it: by DPDK where its [dpdk] section has clients_from. `dpdk` is rsm::Dpdk()
// of gaios::node_dpdk; null, in a program that does not have it, is FailedPrecondition then. Other errors are
// those of DpdkPort::Open. Once in a process. `clock` must outlive the port.
[[nodiscard]] absl::StatusOr<ClientsPort> OpenClientsPort(const Config& config, const DpdkSupport* dpdk,
                                                          const base::Clock& clock);

// A client of the group that `config` describes, on any host: it needs the config and the file of the
// credentials, and nothing of the group's directory. `options` are as for a client of one host; `directory`
// and `replicas` are not looked at, and `group` may be left 0. `port` is what OpenClientsPort gave, for all
// clients of one thread. InvalidArgument: no replica of the config has a client_address.
// FailedPrecondition: the config wants DPDK, and there is no port. `clock` must outlive the client. One
// thread.
[[nodiscard]] absl::StatusOr<std::unique_ptr<Client>> OpenNetworkClient(
    const Config& config, const ClientOptions& options, const base::Clock& clock,
    std::shared_ptr<SharedPort> port = nullptr);

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

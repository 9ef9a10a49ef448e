#ifndef GAIOS_RSM_NODE_PORT_H_
#define GAIOS_RSM_NODE_PORT_H_

// What carries the datagrams of a node over UDP, and how a program brings DPDK for it: a program that does
// not use DPDK does not load it (node_dpdk.h).

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "gaios/base/clock.h"
#include "gaios/rsm/config.h"
#include "gaios/rsm/node_transport.h"
#include "gaios/rsm/transport_counters.h"
#include "gaios/transport/udp/port.h"

namespace gaios::rsm {

// Puts what a port counts, beside what every port does, into its places.
using CountPort = void (*)(const transport::udp::Port& port, TransportCounters& all);

struct PortFacts {
  PathKind path = PathKind::kUdpSocket;
  std::size_t reserved_bytes = 0;
  std::vector<std::string> notices;  // sentences for the user
  CountPort count = nullptr;         // of a port as it was opened; null: nothing
};

struct NodePort {
  std::unique_ptr<transport::udp::Port> port;
  PortFacts facts;
};

// Plain functions; those of a NodeTransport's opening, by its thread.
struct DpdkSupport {
  // The port of `own` that the [dpdk] section asks for. InvalidArgument: its address is that by which
  // replicas meet. Other errors are those of DpdkPort::Open.
  absl::StatusOr<NodePort> (*open)(const Config& config, const ReplicaConfig& own,
                                   const NodeTransportOptions& options);
  // The same device, for clients of this host: their address is clients_from of the section. `clock` must
  // outlive the port. Errors are those of DpdkPort::Open.
  absl::StatusOr<NodePort> (*open_for_clients)(const Config& config, const base::Clock& clock);
  // The device that the section names, hugepages and rights. Opens nothing. Errors as above.
  absl::StatusOr<DeviceDescription> (*describe)(const Config& config);
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_NODE_PORT_H_

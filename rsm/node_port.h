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
#include "gaios/transport/udp/port.h"

namespace gaios::rsm {

struct PortFacts {
  PathKind path = PathKind::kUdpSocket;
  std::size_t reserved_bytes = 0;
  std::vector<std::string> notices;  // sentences for the user
};

struct NodePort {
  std::unique_ptr<transport::udp::Port> port;
  PortFacts facts;
};

// Plain functions; those of a NodeTransport's opening, by its thread.
struct DpdkSupport {
  // The port of `own` that the [dpdk] section asks for. It is opened again when its device was taken out and
  // is back; with NodeTransportOptions::wait_for_path it need not be there from the start. InvalidArgument:
  // its address is that by which replicas meet. Other errors are those of DpdkPort::Open; NotThere
  // (node_paths.h) where the device is not there or down.
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

#ifndef GAIOS_RSM_NODE_UDP_H_
#define GAIOS_RSM_NODE_UDP_H_

// The transport of a node over UDP. For node_transport.cc and node_paths.cc alone.

#include <memory>
#include <optional>

#include <absl/status/statusor.h>

#include "gaios/rsm/node_transport.h"
#include "gaios/transport/udp/wire.h"

namespace gaios::rsm {

// As OpenNodeTransport. `path`: kUdp or kUdp2. No lock: somebody else keeps it.
[[nodiscard]] absl::StatusOr<std::unique_ptr<NodeTransport>> OpenUdp(
    const Config& config, LinkPath path, const NodeTransportOptions& options,
    std::optional<transport::shm::IdLock> lock);

// By which a datagram that is dropped is counted.
[[nodiscard]] TransportCounter TransportCounterOf(transport::udp::Drop drop);

// FailedPrecondition: for a config that wants DPDK, in a program without it.
[[nodiscard]] absl::Status WithoutDpdk();

// As DescribeDevice. Over kernel sockets: the addresses of the config that this host has, and whether
// datagrams of the configured length fit. FailedPrecondition: it has none of them. Other errors are those of
// SocketPort::Open. By DPDK: as DpdkSupport::describe.
[[nodiscard]] absl::StatusOr<DeviceDescription> DescribeUdp(const Config& config, LinkPath path,
                                                            const DpdkSupport* dpdk);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_NODE_UDP_H_

#ifndef GAIOS_RSM_NODE_PATHS_H_
#define GAIOS_RSM_NODE_PATHS_H_

// The transport of a node whose links have several paths: one for each path of the config, over one log, and
// the fallback that uses one of them at a time. For node_transport.cc alone.

#include <memory>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/rsm/node_transport.h"

namespace gaios::rsm {

// Marks an error: a device, a port or an address is not there at present, as where a cable is out, and the
// config may be right all the same.
[[nodiscard]] absl::Status NotThere(absl::Status status);

// As OpenNodeTransport, which errors name the path that they are of. A path of which something is not there
// (NotThere) is left out, if another can be opened, and a notice says so.
[[nodiscard]] absl::StatusOr<std::unique_ptr<NodeTransport>> OpenPaths(const Config& config,
                                                                       const NodeTransportOptions& options,
                                                                       transport::shm::IdLock lock);

// As DescribeDevice: of each path. One that is not there is a warning, if another is.
[[nodiscard]] absl::StatusOr<DeviceDescription> DescribePaths(const Config& config, const DpdkSupport* dpdk);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_NODE_PATHS_H_

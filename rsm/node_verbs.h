#ifndef GAIOS_RSM_NODE_VERBS_H_
#define GAIOS_RSM_NODE_VERBS_H_

// The transport of a node over RDMA. For node_transport.cc and node_paths.cc alone.

#include <cstddef>
#include <memory>
#include <optional>

#include <absl/status/statusor.h>

#include "gaios/rsm/node_transport.h"

namespace gaios::rsm {

// As OpenNodeTransport. No lock: somebody else keeps it. In builds without verbs always FailedPrecondition.
[[nodiscard]] absl::StatusOr<std::unique_ptr<NodeTransport>> OpenVerbs(
    const Config& config, const NodeTransportOptions& options, std::optional<transport::shm::IdLock> lock);

// What a log takes that RDMA shares with other paths: its words stand behind the ring.
[[nodiscard]] std::size_t SharedLogBytes(const Config& config);

// As DescribeDevice.
[[nodiscard]] absl::StatusOr<std::string> DescribeVerbs(const Config& config);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_NODE_VERBS_H_

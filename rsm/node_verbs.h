#ifndef GAIOS_RSM_NODE_VERBS_H_
#define GAIOS_RSM_NODE_VERBS_H_

// The transport of a node over RDMA. For node_transport.cc alone.

#include <memory>

#include <absl/status/statusor.h>

#include "gaios/rsm/node_transport.h"

namespace gaios::rsm {

// As OpenNodeTransport. In builds without verbs always FailedPrecondition.
[[nodiscard]] absl::StatusOr<std::unique_ptr<NodeTransport>> OpenVerbs(const Config& config,
                                                                       const NodeTransportOptions& options,
                                                                       transport::shm::IdLock lock);

// As DescribeDevice.
[[nodiscard]] absl::StatusOr<std::string> DescribeVerbs(const Config& config);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_NODE_VERBS_H_

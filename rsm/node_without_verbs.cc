#include "gaios/rsm/node_verbs.h"

// In place of node_verbs.cc in builds without verbs.

namespace gaios::rsm {

namespace {

absl::Status Without() {
  return absl::FailedPreconditionError(
      "the config names \"verbs\", and this build is without it: install libibverbs-dev and build "
      "again, or use \"shm\" for replicas on one host");
}

}  // namespace

absl::StatusOr<std::unique_ptr<NodeTransport>> OpenVerbs(const Config& /*config*/,
                                                         const NodeTransportOptions& /*options*/,
                                                         std::optional<transport::shm::IdLock> /*lock*/) {
  return Without();
}

std::size_t SharedLogBytes(const Config& config) {
  return config.capacity_bytes;
}

absl::StatusOr<std::string> DescribeVerbs(const Config& /*config*/) {
  return Without();
}

std::vector<DeviceDescription> DescribeRdmaDevices() {
  return {};
}

bool BuiltWith(TransportKind kind) {
  return kind != TransportKind::kVerbs;
}

}  // namespace gaios::rsm

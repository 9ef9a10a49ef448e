#ifndef GAIOS_TRANSPORT_VERBS_FENCING_H_
#define GAIOS_TRANSPORT_VERBS_FENCING_H_

// How an acceptor takes away the write access that it has granted, by kind of device. Pure functions; any
// thread. docs/verbs.md has the reasons.

#include <cstdint>
#include <optional>
#include <string_view>

#include <absl/status/statusor.h>

#include "gaios/transport/verbs/device.h"

namespace gaios::transport::verbs {

enum class FenceStrategy : std::uint8_t {
  kQueuePair,       // the writer's queue pair goes into error and is destroyed
  kDeregistration,  // that, and the registration of the log is given up: the next grant has another key
  kAccessFlags,     // remote write is taken from the queue pair. Tried by rdma-probe, never used
  kMemoryWindow,    // a type-2 window is invalidated. Tried by rdma-probe, never used
};
inline constexpr int kFenceStrategies = 4;

// As in configs and reports: "qp_error", "mr_deregistration", "access_flags", "mw_invalidation".
[[nodiscard]] std::string_view FenceName(FenceStrategy strategy);

// The strategy for a device. FailedPrecondition, with the reason, where none is known to hold.
[[nodiscard]] absl::StatusOr<FenceStrategy> ChooseFence(const DeviceFacts& facts);

// The same, with what a config asks for. FailedPrecondition also when that is not known to hold there.
[[nodiscard]] absl::StatusOr<FenceStrategy> FenceFor(const DeviceFacts& facts,
                                                     std::optional<FenceStrategy> wanted);

// Whether a driver that answers of a device which is lost that something is destroyed has made sure of it.
[[nodiscard]] bool DestroysWhenLost(const DeviceFacts& facts);

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TRANSPORT_VERBS_FENCING_H_

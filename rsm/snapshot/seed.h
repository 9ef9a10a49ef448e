#ifndef GAIOS_RSM_SNAPSHOT_SEED_H_
#define GAIOS_RSM_SNAPSHOT_SEED_H_

// A new group that begins with the state of another, of which there is a snapshot: its seed. The state
// machine is taken over, with its count of commands and its time; sessions are not, since their clients
// belong to the other group. The log begins anew.
//
// The seed is kept beside the group file as `group.seed`, and the group file names it. Every replica of the
// group begins with it, in each of its lives: on several hosts each needs a copy. Calls block on the disk.
// Stateless; any thread.

#include <memory>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/rsm/config.h"
#include "gaios/rsm/snapshot/file.h"

namespace gaios::rsm {

inline constexpr const char* kSeedFile = "group.seed";

// Makes the group of `config` (marker.h) from the snapshot at `path`, which is verified first.
// InvalidArgument when it is none; DataLoss when it is damaged; FailedPrecondition when it is of another
// state machine or version, or of the same group in this epoch or a later one; AlreadyExists when there is a
// group.
[[nodiscard]] absl::Status BootstrapFrom(const Config& config, const std::string& path);

// The seed of the group that was bootstrapped in the config's directory, verified and not yet read; null when
// it began with nothing. FailedPrecondition when the seed there is not the one that the group file names;
// NotFound when it is missing, or when there is no group.
[[nodiscard]] absl::StatusOr<std::unique_ptr<SnapshotReader>> OpenSeed(const Config& config);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_SNAPSHOT_SEED_H_

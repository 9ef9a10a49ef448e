#ifndef GAIOS_RSM_MARKER_H_
#define GAIOS_RSM_MARKER_H_

// The bootstrap marker of a replica: a small file in the group's directory that says the replica was there
// when the group was made, and how often it has been started since.
//
// In memory mode a process that starts again has forgotten what it promised, so only the first start after
// the one bootstrap of the group votes (P7). The marker is what makes "first" true: the count is on disk
// before the start that it counts goes on. A replica without a readable marker cannot know what it promised
// and is a learner: its incarnation is drawn at random from the upper half of the range and kept in a new
// marker, so that later starts are still larger.
//
// All calls block on the disk and are made once, at start. Not thread-safe; one process per replica id is the
// transport's care.

#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/paxos/types.h"
#include "gaios/rsm/config.h"

namespace gaios::rsm {

// Starts that a marker counts are below this; incarnations of replicas that lost theirs are not.
inline constexpr std::uint32_t kFirstLearnerIncarnation = 1U << 23;

struct Start {
  paxos::Incarnation incarnation;  // 1 is the voter that the bootstrap made; any other is a learner
  bool first_start = false;
  std::string notice;  // a sentence for the user when it does not vote, else empty
};

[[nodiscard]] std::string MarkerPath(const Config& config, paxos::ReplicaId id);

// Makes the group: its directory if need be, and a marker for each of its replicas. Once in the life of a
// group, by its operator. AlreadyExists when any marker is there.
[[nodiscard]] absl::Status Bootstrap(const Config& config);

// Counts a start of replica `id` and says as what it starts. FailedPrecondition when the marker is of another
// group, epoch, replica or version; Unavailable when it cannot be read or written for the system's reasons.
[[nodiscard]] absl::StatusOr<Start> TakeIncarnation(const Config& config, paxos::ReplicaId id);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_MARKER_H_

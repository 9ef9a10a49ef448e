#ifndef GAIOS_RSM_MARKER_H_
#define GAIOS_RSM_MARKER_H_

// The bootstrap marker of a replica: a small file in the group's directory that says the replica was there
// when the group was made, by which bootstrap (group_identity.h), and how often it has been started since.
//
// In memory mode a process that starts again has forgotten what it promised, so only the first start after
// the one bootstrap of the group votes (P7). The marker is what makes "first" true: the count is on disk
// before the start that it counts may promise anything. A replica without a readable marker cannot know what
// it promised and is a learner: its incarnation is drawn at random from the upper half of the range and kept
// in a new marker, so that later starts are still larger.
//
// A start is looked into first and counted last, so that one which fails for another reason (no memory, a
// socket that cannot be had) has not cost the replica its vote.
//
// All calls block on the disk and are made once, at start. Not thread-safe; who plans and counts a start
// holds the lock of the replica's id (transport/shm/id_lock.h) throughout. Bootstrap needs no lock: of
// several at once, one makes the group.

#include <optional>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/paxos/types.h"
#include "gaios/rsm/config.h"
#include "gaios/rsm/group_identity.h"

namespace gaios::rsm {

// Starts that a marker counts are below this; incarnations of replicas that lost theirs are not.
inline constexpr std::uint32_t kFirstLearnerIncarnation = 1U << 23;

struct Start {
  GroupUuid uuid;                  // of the group
  paxos::Incarnation incarnation;  // 1 is the voter that the bootstrap made; any other is a learner
  bool first_start = false;
  std::string notice;  // a sentence for the user when it does not vote, else empty

  // For CountStart: what the marker's file held, whether that was no marker at all, and what it is to hold.
  std::optional<std::string> found;
  bool unreadable = false;
  std::string counted;
};

[[nodiscard]] std::string MarkerPath(const Config& config, paxos::ReplicaId id);

// Makes the group: its directory if need be, a marker for each of its replicas, and the group file. Once in
// the life of a group, by its operator. AlreadyExists, and nothing is changed, when any of them is there.
// `seed` names the snapshot that the group begins with (snapshot/seed.h); empty for none.
[[nodiscard]] absl::Status Bootstrap(const Config& config, const std::string& seed = "");

// For a replica that comes to the group later, or to another host: a marker by which its next start is later
// than the life `latest`, the latest of it that is known to others (none: none is), and than any life that
// its former place may have had since, as far as chance goes. AlreadyExists when it has a marker;
// FailedPrecondition when its lives are used up.
[[nodiscard]] absl::Status CreateMarker(const Config& config, const GroupUuid& uuid, paxos::ReplicaId id,
                                        paxos::Incarnation latest);

// Says as what replica `id` would start now, and changes nothing. FailedPrecondition when the marker is of
// another group, epoch, bootstrap, replica or version; NotFound when the group has not been bootstrapped;
// Unavailable when a file cannot be read for the system's reasons.
[[nodiscard]] absl::StatusOr<Start> PlanStart(const Config& config, paxos::ReplicaId id);

// Counts a planned start: the marker says so on disk when this returns well. To be called when nothing else
// can fail any more, before the replica may promise. Aborted when the marker is no longer what it was.
[[nodiscard]] absl::Status CountStart(const Config& config, paxos::ReplicaId id, const Start& start);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_MARKER_H_

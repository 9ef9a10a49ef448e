#ifndef GAIOS_RSM_SNAPSHOT_JOINING_H_
#define GAIOS_RSM_SNAPSHOT_JOINING_H_

// How a host comes to know of which group it is to run a replica: from a replica that runs, over the
// authenticated channel. What it gets is no secret, and no vote: the group file, the snapshot that the group
// began with if it did, and the latest life that is known of the replica that is to run there.
//
//   who joins                  replica
//                   <------    GroupAnswer, then the text of the group file
//   and when the group began with a snapshot:
//   TransferRequest ------>    as in transfer.h
//                   <------    the snapshot
//
// The struct is little-endian. Calls block on disk and stream. One thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/paxos/types.h"
#include "gaios/rsm/config.h"
#include "gaios/rsm/snapshot/transfer_stream.h"
#include "gaios/transport/bootstrap/options.h"

namespace gaios::rsm {

inline constexpr std::uint64_t kGroupAnswerMagic = 0x50554f5247534947U;
inline constexpr std::uint32_t kGroupAnswerVersion = 1;
inline constexpr std::size_t kMaxGroupFileBytes = 4096;

struct GroupAnswer {
  std::uint64_t magic = kGroupAnswerMagic;
  std::uint32_t version = kGroupAnswerVersion;
  std::uint32_t text_bytes = 0;
  std::uint32_t latest_life = 0;  // incarnation; 0: none is known
  std::uint32_t has_seed = 0;     // 0 or 1
};
static_assert(sizeof(GroupAnswer) == 24 && std::has_unique_object_representations_v<GroupAnswer>);

// To who joins: the files are those of `group_directory`.
[[nodiscard]] absl::Status SendGroup(TransferStream& stream, const std::string& group_directory,
                                     std::uint32_t latest_life);

// Makes the directory of `config` one in which replica `self` can be started: it asks the other replicas of
// the config, one after the other, with `credentials`. AlreadyExists: there is a group in it, or a marker of
// `self`; Unavailable: no other replica could be asked, with what each has said; FailedPrecondition: replicas
// share a directory, or the group is another one than the config says; InvalidArgument: the config does not
// say where `self` is.
[[nodiscard]] absl::Status JoinGroup(const Config& config, paxos::ReplicaId self,
                                     const transport::bootstrap::Credentials& credentials);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_SNAPSHOT_JOINING_H_

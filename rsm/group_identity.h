#ifndef GAIOS_RSM_GROUP_IDENTITY_H_
#define GAIOS_RSM_GROUP_IDENTITY_H_

// Which group it is that runs under a name. A config says a name and an epoch, and both may be used again:
// after a directory was cleared and bootstrapped anew, processes of the old group may still run. So every
// bootstrap draws a uuid, and the group id that replicas, entries, messages and clients carry depends on it.
//
// The uuid stands in the group file of the directory, `group.id`, the last thing that a bootstrap makes: as
// long as it is not there nobody starts, so a bootstrap that was cut short has made no group. Replicas read
// it when they start, clients when they are opened; a client keeps the id for its life, and what it holds a
// session of is that group and no other.
//
// Reading blocks on the disk. Stateless and thread-safe.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "gaios/paxos/types.h"
#include "gaios/rsm/config.h"

namespace gaios::rsm {

struct GroupUuid {
  std::array<std::uint8_t, 16> bytes = {};
  friend bool operator==(const GroupUuid&, const GroupUuid&) = default;
};
[[nodiscard]] absl::StatusOr<GroupUuid> DrawGroupUuid();
[[nodiscard]] std::string GroupUuidText(const GroupUuid& uuid);  // 32 hexadecimal digits
[[nodiscard]] std::optional<GroupUuid> ParseGroupUuid(std::string_view text);

// Differs for any other name, epoch or bootstrap.
[[nodiscard]] paxos::GroupId GroupIdOf(const Config& config, const GroupUuid& uuid);
// The group as messages to users name it: its bootstrap, by the start of the uuid, and its name.
[[nodiscard]] std::string GroupName(const Config& config, const GroupUuid& uuid);

inline constexpr const char* kGroupFile = "group.id";
// `seed` is empty when the group begins with nothing.
[[nodiscard]] std::string GroupFileText(const Config& config, const GroupUuid& uuid,
                                        const std::string& seed = "");

// The uuid of the group that was bootstrapped in the config's directory. NotFound: none was.
// FailedPrecondition: the group file is of another group or epoch, or unreadable, or there are markers
// without it.
[[nodiscard]] absl::StatusOr<GroupUuid> FindGroupUuid(const Config& config);
// The uuid that stands in the text of a group file, which is `from` somewhere. FailedPrecondition as above.
[[nodiscard]] absl::StatusOr<GroupUuid> GroupUuidOf(const Config& config, const std::string& text,
                                                    const std::string& from);
// The snapshot that it begins with (snapshot/seed.h); empty for none. Errors as above.
[[nodiscard]] absl::StatusOr<std::string> FindGroupSeed(const Config& config);
// With how many replicas it began, 0 to that less one, each of them a voter. Nothing when it was bootstrapped
// by a release that did not write that down: then it is as many as its config says, and must stay so. Errors
// as above.
[[nodiscard]] absl::StatusOr<std::optional<std::size_t>> FindGroupReplicas(const Config& config);
// Its id, for ClientOptions::group. Errors as above.
[[nodiscard]] absl::StatusOr<paxos::GroupId> FindGroup(const Config& config);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_GROUP_IDENTITY_H_

#ifndef GAIOS_RSM_SNAPSHOT_ORIGIN_H_
#define GAIOS_RSM_SNAPSHOT_ORIGIN_H_

// Whose snapshots are those of a group. Pure; any thread.

#include <string>

#include "gaios/paxos/types.h"
#include "gaios/rsm/config.h"
#include "gaios/rsm/snapshot/facts.h"

namespace gaios::rsm {

// `group` is the id of the group that was bootstrapped by `config` (group_identity.h).
[[nodiscard]] inline SnapshotOrigin OriginOf(const Config& config, paxos::GroupId group) {
  return {group, config.group, config.epoch, std::string(StateMachineKindName(config.state_machine))};
}

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_SNAPSHOT_ORIGIN_H_

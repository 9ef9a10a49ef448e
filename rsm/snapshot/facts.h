#ifndef GAIOS_RSM_SNAPSHOT_FACTS_H_
#define GAIOS_RSM_SNAPSHOT_FACTS_H_

// What a snapshot is a snapshot of. Plain values; any thread.

#include <cstdint>
#include <string>

#include "gaios/paxos/configuration.h"
#include "gaios/paxos/entry.h"
#include "gaios/paxos/types.h"

namespace gaios::rsm {

// Whose it is: a snapshot is installed only where all of these are the same.
struct SnapshotOrigin {
  paxos::GroupId group;
  std::string group_name;     // at most kMaxGroupNameBytes, as in the config
  std::uint32_t epoch = 0;    // of the group
  std::string state_machine;  // at most kMaxStateMachineNameBytes, as in the config
  friend bool operator==(const SnapshotOrigin&, const SnapshotOrigin&) = default;
};
inline constexpr std::size_t kMaxGroupNameBytes = 63;
inline constexpr std::size_t kMaxStateMachineNameBytes = 31;

// The state of a replica at one place in the log, but for what the state machine and the sessions hold.
struct SnapshotFacts {
  SnapshotOrigin origin;
  paxos::Cursor cursor;                // end of what was applied
  std::uint64_t applied_commands = 0;  // by the state machine, since the group was made
  std::uint64_t time_ns = 0;           // of the last command applied, ns since 1970
  std::uint64_t state_hash = 0;        // of the state machine
  std::uint64_t sessions_bytes = 0;    // the content begins with so many bytes of sessions
  paxos::Configuration configuration;  // as it was known there
  paxos::Ballot promised;              // there: see paxos::SnapshotPoint
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_SNAPSHOT_FACTS_H_

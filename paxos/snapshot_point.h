#ifndef GAIOS_PAXOS_SNAPSHOT_POINT_H_
#define GAIOS_PAXOS_SNAPSHOT_POINT_H_

// What the protocol has to know of a snapshot: where in the log it was taken. A plain value.

#include "gaios/paxos/configuration.h"
#include "gaios/paxos/entry.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

struct SnapshotPoint {
  Cursor cursor;                // end of what had been applied; chosen
  Configuration configuration;  // as it was known where the snapshot was taken
  // What its replica had promised, or more: everything up to the cursor is in the log of each ballot from
  // this one on (P4).
  Ballot promised;
  friend bool operator==(const SnapshotPoint&, const SnapshotPoint&) = default;
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_SNAPSHOT_POINT_H_

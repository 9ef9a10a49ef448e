#ifndef GAIOS_PAXOS_RANGE_WRITE_H_
#define GAIOS_PAXOS_RANGE_WRITE_H_

// What a leader wants done most often, and the one thing that it wants done to several peers at once. Plain
// values, safe to use from any thread.

#include <cstdint>

#include "gaios/paxos/types.h"

namespace gaios::paxos {

// Copy `range` of the own log to the same positions of the log of `peer`.
struct RangeWrite {
  ReplicaId peer;
  Incarnation acceptor;  // incarnation of the peer that the grant was given by
  Grant grant;           // that the write is under
  Range range;
  std::uint64_t token = 0;  // comes back with the completion
};

// Whom a range of the own log is written to, and under what.
struct WriteTarget {
  ReplicaId peer;
  Incarnation acceptor;  // incarnation of the peer that the grant was given by
  Grant grant;
  std::uint64_t token = 0;  // of the next write to it
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_RANGE_WRITE_H_

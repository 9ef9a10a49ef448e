#ifndef GAIOS_TRANSPORT_SHM_OPTIONS_H_
#define GAIOS_TRANSPORT_SHM_OPTIONS_H_

// What a ShmTransport is opened with, and what it counts. Plain values.

#include <cstddef>
#include <cstdint>
#include <string>

#include "gaios/base/clock.h"
#include "gaios/transport/transport.h"

namespace gaios::transport::shm {

// Where a writer can be held by a test. The transport calls Reached at these places when
// ShmOptions::pause_points is set; whoever implements it may block, as the scheduler may at any instruction.
enum class PausePoint : std::uint8_t {
  kBeforeStore,  // in Write: the path has been looked up and found good, nothing is stored yet
  kBeforeCheck,  // in Poll: everything posted is stored, the fence and the look at the promise are still to
                 // come
};

class PausePoints {
 public:
  virtual ~PausePoints() = default;
  // Whether the next one is of interest. Where none is, writes may be done without a point in between.
  [[nodiscard]] virtual bool Watches() const { return true; }
  virtual void Reached(PausePoint point) = 0;
};

struct ShmOptions {
  // Directory of the replicas' sockets (replica-<id>.sock) and control files; the same for all replicas of
  // the group, existing, private to the user, best on a tmpfs: a page of it that is written back to a disk
  // may stall a store.
  std::string directory;
  ReplicaId self;
  // Larger than in every earlier life of this replica; at least 1.
  Incarnation incarnation;
  paxos::GroupId group_id;
  // How the group is called where a peer of another one is refused. Its id when left empty.
  std::string group_name;
  // Bytes of the ring, a power of two, the same on all replicas. Memory reserved is about capacity *
  // (replicas + 1): the log, a spare for each peer and one for grants to oneself; and once more for each peer
  // that comes later.
  std::size_t capacity = std::size_t{16} << 20;
  // Replicas that the group begins with, ids from 0. All replicas must say the same. Spares for these are
  // made at the start.
  std::size_t replicas = 3;
  // Ids that may come later are below this; a spare for one of them is made when it has been heard of. 0:
  // none, there are `replicas`.
  std::size_t max_replicas = 0;
  // Must outlive the transport.
  const base::Clock* clock = nullptr;
  // How often sockets are looked at when nothing rings: the bound on how long the death of a peer goes
  // unnoticed. One system call each time. Zero looks in every Poll that finds nothing else to do.
  std::uint64_t poll_interval_ns = 500'000;
  // The same while packets have come within the last 10 ms or a grant is being given.
  std::uint64_t busy_poll_interval_ns = 20'000;
  // For tests; null in production. Must outlive the transport.
  PausePoints* pause_points = nullptr;
};

// What happened off the fast path since the transport was opened. Each only grows.
struct ShmCounters {
  std::uint64_t messages_sent = 0;
  std::uint64_t packets_through_memory = 0;  // sent; the others went by sockets
  std::uint64_t messages_dropped = 0;        // no link, or the peer's socket buffer was full
  // Garbage, short, oversized, of unknown type or out of order, by the socket or the inbox. The connection is
  // closed.
  std::uint64_t packets_malformed = 0;
  std::uint64_t connections_refused = 0;  // by us: wrong user, group, version, capacity, id or incarnation
  std::uint64_t refusals_received = 0;    // by a peer, for such a reason
  std::uint64_t links_up = 0;
  std::uint64_t links_down = 0;
  std::uint64_t grants_from_spare = 0;  // fast: the memory was ready and mapped by the peer
  std::uint64_t grants_slow = 0;        // the memory had to be made while granting
  std::uint64_t regions_failed = 0;     // memory that the system would not give; tried again
};

}  // namespace gaios::transport::shm

#endif  // GAIOS_TRANSPORT_SHM_OPTIONS_H_

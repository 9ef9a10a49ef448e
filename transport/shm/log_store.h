#ifndef GAIOS_TRANSPORT_SHM_LOG_STORE_H_
#define GAIOS_TRANSPORT_SHM_LOG_STORE_H_

// The memory of a replica's own log: the one in use and a spare for each grant that may come next.
//
// Fencing rests on one rule that this class keeps: a memory that has been passed to a process is never used
// for anything but one grant to that process. So a spare passed to a peer serves the next grant to that peer,
// or is thrown away; the memory in use is thrown away when the next grant is given; and only a memory that
// was never passed may be used again. What is thrown away is unmapped here and keeps its bytes for whoever
// still maps it. Not thread-safe.

#include <array>
#include <cstddef>
#include <cstdint>

#include <absl/status/statusor.h>

#include "gaios/paxos/limits.h"
#include "gaios/paxos/replica_set.h"
#include "gaios/transport/shm/layout.h"
#include "gaios/transport/shm/region.h"
#include "gaios/transport/shm/retired_regions.h"

namespace gaios::transport::shm {

struct LogMemory {
  Region region;
  std::uint64_t id = 0;  // unique within the life of this replica; how packets name it
  bool passed = false;   // some other process has (had) its descriptor
};

class LogStore {
 public:
  // Makes the log and all spares, present in memory. The replica's own slot holds the spare for grants to
  // itself.
  static absl::StatusOr<LogStore> Create(std::size_t capacity, std::size_t replicas, ReplicaId self);
  // From now on there is to be a spare for `peer`, or need not be. Made by Maintain.
  void Expect(ReplicaId peer, bool expected);

  [[nodiscard]] std::byte* log() const { return active_.region.data(); }
  [[nodiscard]] LogWords& words() const { return WordsOf(active_.region, capacity_); }
  [[nodiscard]] LogMemory& active() { return active_; }
  [[nodiscard]] LogMemory& spare(ReplicaId to) { return spares_[to.value()]; }
  // What is mapped at most, spares included.
  [[nodiscard]] std::size_t reserved_bytes() const {
    return (expected_.size() + 1) * LogRegionBytes(capacity_);
  }

  // Makes sure that there is memory for a grant to `to`, present or not.
  absl::Status EnsureSpare(ReplicaId to);
  // Copies the live bytes into the spare of `to`, zeroes its words, and makes it the log.
  void SwitchTo(ReplicaId to, Range live);
  // The process that the spare of `peer` was passed to is gone, or cut off: it must not serve its successor.
  void DropPassedSpare(ReplicaId peer);
  // What was left waits to be unmapped, and is soon too much to wait.
  [[nodiscard]] bool pressing() const { return retired_.HalfFull(); }
  // One slice of work that may wait: spares are made, memory that was left is unmapped.
  absl::Status Maintain();

  static LogWords& WordsOf(const Region& region, std::size_t capacity) {
    return *reinterpret_cast<LogWords*>(region.data() + capacity);
  }

 private:
  explicit LogStore(std::size_t capacity) : capacity_(capacity) {}
  absl::StatusOr<LogMemory> Make();

  std::size_t capacity_;
  paxos::ReplicaSet expected_;  // for whom there is to be a spare
  std::uint64_t next_id_ = 1;
  LogMemory active_;
  std::array<LogMemory, paxos::kMaxReplicas> spares_;
  RetiredRegions retired_;
};

}  // namespace gaios::transport::shm

#endif  // GAIOS_TRANSPORT_SHM_LOG_STORE_H_

#ifndef GAIOS_TESTS_SIM_FAULT_KIND_H_
#define GAIOS_TESTS_SIM_FAULT_KIND_H_

// Everything that can go wrong in a run, and how often it did. Counted when it happens to somebody, not when
// it is planned.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gaios::sim {

enum class FaultKind : std::uint8_t {
  kCrashAmnesia,        // a process dies with its memory, and is started again as a learner
  kCrashForGood,        // the same, and nobody starts it again
  kCrashHostAlive,      // a process dies; its memory takes stores for a while, then its links go down
  kPause,               // a process stands still
  kPauseBeforeWrite,    // a leader stands still between its check and its write, which lands later
  kZombieLeader,        // a leader stands still until its successor has committed, and wakes
  kPartitionSymmetric,  // two sides do not hear each other
  kPartitionOneWay,     // one side does not hear the other
  kPartitionLeader,     // the leader alone is cut off
  kMessageDropped,
  kMessageDuplicated,
  kMessageDelayed,  // held for longer than any delay
  kMessageReordered,
  kWriteDelayed,         // held for longer than any delay
  kWriteTorn,            // seen in part before the rest was there
  kWriteReordered,       // a later part was seen before an earlier one
  kWriteCompletedEarly,  // completed before it could be seen
  kWriteCompletedLate,   // completed long after it could be seen
  kWriteAtOnce,          // no fault: done by the time that the call returned
  kWriteToAll,           // no fault: posted to all in one call
  kWriteLost,            // or a part of it, with its path or its acceptor
  kWriteStray,           // landed after its path was given up
  kWriteFenced,          // of a leader that had been replaced
  kFenceSlow,            // took time to take effect
  kPathSwitch,           // a leader goes on under the next grant number
  kLinkFlap,             // a link goes down and comes back
  kClockRate,            // a replica's clock is fast or slow by a percent or more
  kBurst,                // of load
  kRingWrap,             // the ring begins again
  kSlowFollower,         // takes its turns seldom
  kFollowerPassedBy,     // the ring has gone past what a follower has
  kClientCut,            // a client does not reach a replica
  kClientMessageLost,
  kClientMessageDuplicated,
  kCommandRetried,         // and found to have been run before
  kSnapshotInstalled,      // of another replica, by one that the ring has passed by
  kHandOver,               // planned, begun while other things go wrong
  kReadmitted,             // a replica that had forgotten everything votes again, or one that was added does
  kMemberAdded,            // to the group, as one that is to vote
  kLearnerAdded,           // or that never does
  kMemberRemoved,          // voter or learner
  kLeaderRemoved,          // voter, and it leads
  kMemberMoved,            // to another address
  kDrained,                // taken out of leading
  kPathChanged,            // the writes from one replica to another go by another path
  kWriteTooLate,           // of a path that was given up, and the next grant kept it out
  kSnapshotAcrossLeaders,  // installed when another led than when it was taken
};

inline constexpr std::size_t kFaultKinds = 47;
static_assert(static_cast<std::size_t>(FaultKind::kSnapshotAcrossLeaders) + 1 == kFaultKinds);
// Those from here on happen in one profile alone, if not by chance: `membership`, the last but three in
// `preferences`, the two before the last in `paths`, and the last in `snapshots`.
inline constexpr std::size_t kFaultKindsOfAnyProfile = static_cast<std::size_t>(FaultKind::kMemberAdded);

[[nodiscard]] std::string_view FaultName(FaultKind kind);

class FaultCounts {
 public:
  void Add(FaultKind kind, std::uint64_t times = 1) { counts_[static_cast<std::size_t>(kind)] += times; }
  void Add(const FaultCounts& other) {
    for (std::size_t i = 0; i < kFaultKinds; ++i) {
      counts_[i] += other.counts_[i];
    }
  }
  [[nodiscard]] std::uint64_t operator[](FaultKind kind) const {
    return counts_[static_cast<std::size_t>(kind)];
  }
  // How many kinds have happened.
  [[nodiscard]] std::size_t kinds() const {
    std::size_t kinds = 0;
    for (const std::uint64_t count : counts_) {
      kinds += count > 0 ? 1U : 0U;
    }
    return kinds;
  }

 private:
  std::array<std::uint64_t, kFaultKinds> counts_ = {};
};

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_FAULT_KIND_H_

#ifndef GAIOS_TESTS_SIM_DEED_H_
#define GAIOS_TESTS_SIM_DEED_H_

// What a run does to its group on purpose, at times of its own choosing. What chance does to each message and
// each write comes on top (WorldOptions).

#include <cstddef>
#include <cstdint>

namespace gaios::sim {

enum class Deed : std::uint8_t {
  kCrash,
  kCrashHostAlive,
  kPause,
  kPauseBeforeWrite,
  kZombie,
  kPartition,
  kPartitionOneWay,
  kPartitionLeader,
  kHoldMessages,
  kHoldWrites,
  kSlowLink,
  kBreakPath,
  kFlap,
  kSlowReplica,
  kLeaveBehind,  // a follower stands still until the ring has passed it by
  kHandOver,     // planned, of a leader that works
  kBurst,
  kCutClient,
  kChangeMembership,    // somebody is added, removed, moved, or made another kind of learner
  kDrain,               // a replica is taken out of leading, or let in again
  kReplaceMidSnapshot,  // the leader is replaced while a snapshot is on its way; where none is, one becomes
                        // needed
};

inline constexpr std::size_t kDeeds = 21;
static_assert(static_cast<std::size_t>(Deed::kReplaceMidSnapshot) + 1 == kDeeds);

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_DEED_H_

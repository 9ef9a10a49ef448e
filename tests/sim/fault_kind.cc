#include "tests/sim/fault_kind.h"

namespace gaios::sim {

std::string_view FaultName(FaultKind kind) {
  switch (kind) {
    case FaultKind::kCrashAmnesia:
      return "crash_amnesia";
    case FaultKind::kCrashForGood:
      return "crash_for_good";
    case FaultKind::kCrashHostAlive:
      return "crash_host_alive";
    case FaultKind::kPause:
      return "pause";
    case FaultKind::kPauseBeforeWrite:
      return "pause_before_write";
    case FaultKind::kZombieLeader:
      return "zombie_leader";
    case FaultKind::kPartitionSymmetric:
      return "partition_symmetric";
    case FaultKind::kPartitionOneWay:
      return "partition_one_way";
    case FaultKind::kPartitionLeader:
      return "partition_leader";
    case FaultKind::kMessageDropped:
      return "message_dropped";
    case FaultKind::kMessageDuplicated:
      return "message_duplicated";
    case FaultKind::kMessageDelayed:
      return "message_delayed";
    case FaultKind::kMessageReordered:
      return "message_reordered";
    case FaultKind::kWriteDelayed:
      return "write_delayed";
    case FaultKind::kWriteTorn:
      return "write_torn";
    case FaultKind::kWriteReordered:
      return "write_reordered";
    case FaultKind::kWriteCompletedEarly:
      return "write_completed_early";
    case FaultKind::kWriteCompletedLate:
      return "write_completed_late";
    case FaultKind::kWriteAtOnce:
      return "write_at_once";
    case FaultKind::kWriteLost:
      return "write_lost";
    case FaultKind::kWriteStray:
      return "write_stray";
    case FaultKind::kWriteFenced:
      return "write_fenced";
    case FaultKind::kFenceSlow:
      return "fence_slow";
    case FaultKind::kPathSwitch:
      return "path_switch";
    case FaultKind::kLinkFlap:
      return "link_flap";
    case FaultKind::kClockRate:
      return "clock_rate";
    case FaultKind::kBurst:
      return "burst";
    case FaultKind::kRingWrap:
      return "ring_wrap";
    case FaultKind::kSlowFollower:
      return "slow_follower";
    case FaultKind::kFollowerPassedBy:
      return "follower_passed_by";
    case FaultKind::kClientCut:
      return "client_cut";
    case FaultKind::kClientMessageLost:
      return "client_message_lost";
    case FaultKind::kClientMessageDuplicated:
      return "client_message_duplicated";
    case FaultKind::kCommandRetried:
      return "command_retried";
    case FaultKind::kSnapshotInstalled:
      return "snapshot_installed";
    case FaultKind::kHandOver:
      return "hand_over";
    case FaultKind::kReadmitted:
      return "readmitted";
    case FaultKind::kMemberAdded:
      return "member_added";
    case FaultKind::kLearnerAdded:
      return "learner_added";
    case FaultKind::kMemberRemoved:
      return "member_removed";
    case FaultKind::kLeaderRemoved:
      return "leader_removed";
    case FaultKind::kMemberMoved:
      return "member_moved";
    case FaultKind::kDrained:
      return "drained";
  }
  return "unknown";
}

}  // namespace gaios::sim

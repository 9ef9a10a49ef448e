#ifndef GAIOS_RSM_SNAPSHOT_SNAPSHOTS_H_
#define GAIOS_RSM_SNAPSHOT_SNAPSHOTS_H_

// Everything that one replica does with snapshots, driven from its loop: takes them, by itself every so many
// commands and whenever somebody asks; gives them (donor.h); and when the leader's log has passed this
// replica by, fetches one (fetcher.h) and installs it.
//
// One thread, the replica's. Poll costs a comparison but once a millisecond, and never waits for disk,
// sockets or other threads; what takes time in it is the fork of a snapshot that is taken, and the Restore
// of one that is installed.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/paxos/types.h"
#include "gaios/rsm/replica.h"
#include "gaios/rsm/snapshot/capture.h"
#include "gaios/rsm/snapshot/donor.h"
#include "gaios/rsm/snapshot/facts.h"
#include "gaios/rsm/snapshot/fetcher.h"
#include "gaios/transport/notices.h"

namespace gaios::rsm {

struct SnapshotsOptions {
  std::string group_directory;     // of the donor's socket
  std::string snapshot_directory;  // of the kept snapshot and the one that arrives; exists
  paxos::ReplicaId self;
  SnapshotOrigin origin;
  // A follower takes one by itself after so many commands; 0 for never. A group of one takes them as leader.
  std::uint64_t interval_commands = 0;
  // Given to others, at most so much; 0 for no bound.
  std::uint64_t fill_bytes_per_second = 0;
  // Who comes for one from other hosts; must outlive the Snapshots. Null: nobody.
  VisitorQueue* visitors = nullptr;
};

// Each only grows, but for the last two.
struct SnapshotsCounters {
  std::uint64_t taken = 0;
  std::uint64_t failed = 0;  // to take one
  std::uint64_t installed = 0;
  std::uint64_t last_position = 0;  // of the last one taken
  std::uint64_t last_pause_ns = 0;  // how long the replica stood still for it
};

// What an operator made a replica end with. No replica of its group is ever given it: not all of it need have
// been chosen.
[[nodiscard]] std::string LastSnapshotPath(const std::string& snapshot_directory, paxos::ReplicaId id);
// Where the latest snapshot of a replica is kept.
[[nodiscard]] std::string KeptSnapshotPath(const std::string& snapshot_directory, paxos::ReplicaId id);

class Snapshots {
 public:
  // `route` is how the donors of other replicas are reached.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Snapshots>> Open(const SnapshotsOptions& options,
                                                                       std::unique_ptr<DonorRoute> route);
  Snapshots(const Snapshots&) = delete;
  Snapshots& operator=(const Snapshots&) = delete;

  // After each turn of `replica`, which is always the same. Returns whether it has done anything.
  bool Poll(Replica& replica) {
    if (replica.now_ns() < next_look_ns_ && !last_.has_value()) [[likely]] {
      return false;
    }
    return Look(replica);
  }

  // An operator has ended this replica (TakeLast in snapshots.cc): it is not to be polled any more, but for
  // this; and once he has what it held, or has gone with that on disk, not for this either.
  [[nodiscard]] bool ending() const { return last_.has_value(); }
  [[nodiscard]] bool ended() const { return last_saved_ && Served() != served_before_; }

  // Sentences for the user since the last call.
  [[nodiscard]] std::vector<std::string> TakeNotices() { return notices_.Take(); }
  [[nodiscard]] const SnapshotsCounters& counters() const { return counters_; }
  [[nodiscard]] DonorCounters donor_counters() const { return donor_->counters(); }

 private:
  // What is told of itself, each once until it has gone well again.
  enum class Cause : std::uint8_t { kTake, kInstall, kInstalled };

  explicit Snapshots(const SnapshotsOptions& options);
  bool Look(Replica& replica);
  void TellLives(const Replica& replica);
  bool FinishCapture();
  bool StartCapture(Replica& replica);
  void LookForMajority(const Replica& replica);
  [[nodiscard]] absl::Status MayEnd(const Replica& replica) const;
  [[nodiscard]] absl::Status TakeLast(Replica& replica);
  [[nodiscard]] std::uint64_t Served() const;
  [[nodiscard]] absl::Status MayTake(const Replica& replica) const;
  bool FinishFetch(Replica& replica);
  bool StartFetch(const Replica& replica);
  [[nodiscard]] absl::Status Install(Replica& replica);
  void Tell(paxos::ReplicaId about, Cause cause, std::string text) {
    notices_.Add(about.value(), cause, std::move(text));
  }

  const SnapshotsOptions options_;
  const std::string kept_path_;
  std::unique_ptr<Donor> donor_;
  std::unique_ptr<Fetcher> fetcher_;
  std::unique_ptr<Capture> capture_;
  std::uint64_t capture_answers_ = 0;  // so many of those who asked
  std::uint64_t answered_ = 0;
  std::uint64_t taken_at_commands_ = 0;
  std::uint64_t next_look_ns_ = 0;
  std::uint64_t next_fetch_ns_ = 0;
  std::uint64_t alone_since_ns_ = 0;   // no majority has been reached since; 0: one is
  std::optional<SnapshotFacts> last_;  // of what this replica held when an operator ended it
  bool last_saved_ = false;
  std::uint64_t served_before_ = 0;  // takers, when it was asked for
  transport::Notices notices_;
  SnapshotsCounters counters_;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_SNAPSHOT_SNAPSHOTS_H_

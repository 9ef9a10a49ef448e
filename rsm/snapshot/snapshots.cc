#include "gaios/rsm/snapshot/snapshots.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/paxos/limits.h"
#include "gaios/paxos/replica_set.h"
#include "gaios/rsm/snapshot/file.h"

namespace gaios::rsm {
namespace {

using paxos::ReplicaId;

constexpr std::uint64_t kLookIntervalNs = 1'000'000;
// How long no majority must have been reached before an operator may end a replica.
constexpr std::uint64_t kAloneForNs = 3'000'000'000;
constexpr std::uint64_t kFetchIntervalNs = 1'000'000'000;  // after one in which no source was of help

std::string IncomingPath(const std::string& directory, ReplicaId id) {
  return absl::StrCat(directory, "/replica-", id.value(), ".incoming");
}

}  // namespace

std::string KeptSnapshotPath(const std::string& snapshot_directory, ReplicaId id) {
  return absl::StrCat(snapshot_directory, "/replica-", id.value(), ".snapshot");
}

std::string LastSnapshotPath(const std::string& snapshot_directory, ReplicaId id) {
  return absl::StrCat(snapshot_directory, "/replica-", id.value(), ".last");
}

Snapshots::Snapshots(const SnapshotsOptions& options)
    : options_(options), kept_path_(KeptSnapshotPath(options.snapshot_directory, options.self)) {}

absl::StatusOr<std::unique_ptr<Snapshots>> Snapshots::Open(const SnapshotsOptions& options,
                                                           std::unique_ptr<DonorRoute> route) {
  std::unique_ptr<Snapshots> snapshots(new Snapshots(options));
  DonorOptions donor;
  donor.group_directory = options.group_directory;
  donor.socket_path = DonorPath(options.group_directory, options.self);
  donor.snapshot_path = snapshots->kept_path_;
  donor.last_path = LastSnapshotPath(options.snapshot_directory, options.self);
  donor.origin = options.origin;
  donor.bytes_per_second = options.fill_bytes_per_second;
  donor.visitors = options.visitors;
  absl::StatusOr<std::unique_ptr<Donor>> opened = Donor::Open(donor);
  if (!opened.ok()) {
    return opened.status();
  }
  snapshots->donor_ = *std::move(opened);
  absl::StatusOr<std::unique_ptr<Fetcher>> fetcher = Fetcher::Create(
      IncomingPath(options.snapshot_directory, options.self), options.origin, std::move(route));
  if (!fetcher.ok()) {
    return fetcher.status();
  }
  snapshots->fetcher_ = *std::move(fetcher);
  return snapshots;
}

bool Snapshots::Look(Replica& replica) {
  next_look_ns_ = replica.now_ns() + kLookIntervalNs;
  if (last_.has_value()) {
    return StartCapture(replica);
  }
  TellLives(replica);
  LookForMajority(replica);
  bool worked = FinishCapture();
  worked = StartCapture(replica) || worked;
  worked = FinishFetch(replica) || worked;
  return StartFetch(replica) || worked;
}

// For who comes to run a replica at another place: it has to be a later one.
void Snapshots::TellLives(const Replica& replica) {
  const paxos::Configuration& configuration = replica.core().configuration();
  for (std::size_t i = 0; options_.visitors != nullptr && i < paxos::kMaxReplicas; ++i) {
    const ReplicaId id(static_cast<std::uint8_t>(i));
    const paxos::Incarnation met =
        id == options_.self ? replica.core().self().incarnation : replica.core().peer(id).incarnation;
    donor_->SetLife(id, std::max({configuration.IncarnationOf(id), configuration.GoneAs(id), met}));
  }
}

// ---- taking
// ---------------------------------------------------------------------------------------------------------

bool Snapshots::FinishCapture() {
  if (capture_ == nullptr) {
    return false;
  }
  const std::optional<absl::Status> outcome = capture_->Poll();
  if (!outcome.has_value()) {
    return false;
  }
  if (outcome->ok()) {
    ++counters_.taken;
    counters_.last_position = capture_->facts().cursor.position.value();
    counters_.last_pause_ns = capture_->pause_ns();
    notices_.Forget(options_.self.value());
  } else {
    ++counters_.failed;
    Tell(options_.self, Cause::kTake, absl::StrCat("no snapshot could be taken: ", outcome->message()));
  }
  capture_.reset();
  // Who asked meanwhile is served too, if it will do. In this order: then the position is of that number or
  // a later one.
  const std::uint64_t asked = donor_->asked();
  if (outcome->ok() && donor_->at_least() <= counters_.last_position) {
    capture_answers_ = asked;
  }
  if (capture_answers_ > answered_) {
    answered_ = capture_answers_;
    donor_->Answer(answered_, *outcome);
  }
  return true;
}

absl::Status Snapshots::MayTake(const Replica& replica) const {
  if (last_.has_value()) {
    return absl::FailedPreconditionError("an operator has ended this replica; ask another");
  }
  const std::uint64_t at_least = donor_->at_least();
  const std::uint64_t applied = replica.core().applied().value();
  if (IsPosition(at_least) && applied < at_least) {
    return absl::FailedPreconditionError(absl::StrCat("this replica has itself applied no further than ",
                                                      applied, ", a snapshot of ", at_least,
                                                      " or later is asked for; ask another"));
  }
  return absl::OkStatus();
}

bool Snapshots::StartCapture(Replica& replica) {
  if (capture_ != nullptr) {
    return false;
  }
  const std::uint64_t asked = donor_->asked();
  const std::uint64_t commands = replica.applied_commands();
  const bool may_by_itself = !replica.leading() || replica.core().configuration().size() == 1;
  const bool due = options_.interval_commands != 0 && may_by_itself && !last_.has_value() &&
                   commands >= taken_at_commands_ + options_.interval_commands;
  if (asked == answered_ && !due) {
    return false;
  }
  const bool last = asked != answered_ && donor_->at_least() == kLastSnapshot;
  absl::Status status = last ? TakeLast(replica) : asked == answered_ ? absl::OkStatus() : MayTake(replica);
  if (status.ok() && !last) {
    taken_at_commands_ = commands;
    absl::StatusOr<std::unique_ptr<Capture>> capture = Capture::Start(kept_path_, options_.origin, replica);
    if (capture.ok()) {
      capture_ = *std::move(capture);
      capture_answers_ = asked;
      return true;
    }
    ++counters_.failed;
    status = capture.status();
    Tell(options_.self, Cause::kTake, absl::StrCat("no snapshot could be taken: ", status.message()));
  }
  if (asked != answered_) {
    answered_ = asked;
    donor_->Answer(asked, status);
  }
  return true;
}

// ---- the last one
// -----------------------------------------------------------------------------------------------------

// Whether those who are reached, this replica among them, are a majority.
void Snapshots::LookForMajority(const Replica& replica) {
  const paxos::Replica& core = replica.core();
  paxos::ReplicaSet reached;
  for (std::size_t i = 0; i < paxos::kMaxReplicas; ++i) {
    const ReplicaId id(static_cast<std::uint8_t>(i));
    const paxos::PeerView& peer = core.peer(id);
    // One that has started again has forgotten its vote.
    const bool votes = id == options_.self
                           ? core.voter()
                           : peer.link_up && (core.configuration().IsVoter({id, peer.incarnation}) ||
                                              core.next_configuration().IsVoter({id, peer.incarnation}));
    if (votes) {
      reached.Add(id);
    }
  }
  // While a change is under way either side of it may be what is left.
  const bool majority =
      core.configuration().HasMajority(reached) || core.next_configuration().HasMajority(reached);
  alone_since_ns_ = majority ? 0 : alone_since_ns_ == 0 ? replica.now_ns() : alone_since_ns_;
}

absl::Status Snapshots::MayEnd(const Replica& replica) const {
  const std::string self = absl::StrCat("replica ", options_.self.value());
  if (replica.divergence().has_value()) {
    return absl::FailedPreconditionError(absl::StrCat(self, " has diverged from the group: name another"));
  }
  if (!replica.core().voter()) {
    return absl::FailedPreconditionError(
        absl::StrCat(self,
                     " does not vote: it has started again and may lack much; name another, or use the "
                     "last backup"));
  }
  if (alone_since_ns_ == 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        self, " reaches a majority of the group, which lives: nothing is to be forced; see `gaios status`"));
  }
  if (const std::uint64_t alone_ns = replica.now_ns() - alone_since_ns_; alone_ns < kAloneForNs) {
    return absl::FailedPreconditionError(
        absl::StrCat(self, " has reached no majority for ", alone_ns / 1'000'000, " ms only, and must for ",
                     kAloneForNs / 1'000'000, ": others may be about to come back; try again then"));
  }
  return absl::OkStatus();
}

// For a group that has lost its majority for good: what this replica holds, all of its log included, becomes
// another group, and this replica ends, so that the old one never has a majority again.
absl::Status Snapshots::TakeLast(Replica& replica) {
  // Before it is looked whether he waits: who breaks off after that has broken off with it on disk.
  served_before_ = Served();
  // It ends the replica on an operator's word: one who has gone, perhaps while another snapshot was being
  // taken, has taken that back.
  if (!donor_->OperatorWaits()) {
    return absl::CancelledError("whoever asked for the last snapshot has gone");
  }
  if (!last_.has_value()) {
    if (absl::Status status = MayEnd(replica); !status.ok()) {
      return status;
    }
    const SnapshotFacts held = replica.ApplyAllThatIsHeld();
    if (replica.divergence().has_value()) {
      return absl::DataLossError(
          "what this replica holds behind its commit has shown that its state is not the one that the leader "
          "had: "
          "name another replica, or begin anew from the last backup");
    }
    last_ = held;
    last_->origin = options_.origin;
  }
  // Asked for again when it could not be written.
  const absl::StatusOr<std::unique_ptr<SnapshotWriter>> writer =
      SnapshotWriter::Create(LastSnapshotPath(options_.snapshot_directory, options_.self), *last_);
  if (!writer.ok()) {
    return writer.status();
  }
  if (absl::Status status = replica.SaveSnapshot(**writer); !status.ok()) {
    return status;
  }
  absl::Status finished = (*writer)->Finish();
  last_saved_ = finished.ok();
  return finished;
}

std::uint64_t Snapshots::Served() const {
  const DonorCounters counters = donor_->counters();
  return counters.given + counters.cut_off;
}

// ---- fetching
// -------------------------------------------------------------------------------------------------------

bool Snapshots::StartFetch(const Replica& replica) {
  if (fetcher_->busy() || replica.now_ns() < next_fetch_ns_) {
    return false;
  }
  const std::optional<paxos::Position> wanted = replica.SnapshotWanted();
  if (!wanted.has_value()) {
    return false;
  }
  const std::optional<ReplicaId> leader = replica.leader();
  std::vector<ReplicaId> sources;
  const auto add = [&](ReplicaId id) {
    if (replica.core().peer(id).link_up) {
      sources.push_back(id);
    }
  };
  // The leader has better things to do than to fork.
  for (std::size_t i = 0; i < paxos::kMaxReplicas; ++i) {
    const ReplicaId id(static_cast<std::uint8_t>(i));
    if (id != options_.self && id != leader) {
      add(id);
    }
  }
  if (leader.has_value() && *leader != options_.self) {
    add(*leader);
  }
  fetcher_->Start(std::move(sources), wanted->value());
  return true;
}

bool Snapshots::FinishFetch(Replica& replica) {
  const std::optional<Fetcher::Result> result = fetcher_->Poll();
  if (!result.has_value()) {
    return false;
  }
  for (const Fetcher::Failure& failure : result->failures) {
    // By what went wrong: the same is told of a source once.
    notices_.Add(failure.replica.value(), static_cast<std::uint32_t>(failure.status.raw_code()),
                 absl::StrCat("no snapshot could be had from replica ", failure.replica.value(), ": ",
                              failure.status.message()));
  }
  if (!result->fetched) {
    next_fetch_ns_ = replica.now_ns() + kFetchIntervalNs;
    return true;
  }
  if (const absl::Status status = Install(replica); !status.ok()) {
    ::unlink(fetcher_->path().c_str());
    // What is not needed any more, or not now, is no failure.
    if (!absl::IsUnavailable(status) && replica.SnapshotWanted().has_value()) {
      Tell(options_.self, Cause::kInstall,
           absl::StrCat("a snapshot could not be installed: ", status.message()));
      next_fetch_ns_ = replica.now_ns() + kFetchIntervalNs;
    }
    return true;
  }
  ++counters_.installed;
  for (std::size_t i = 0; i < paxos::kMaxReplicas; ++i) {
    notices_.Forget(i);
  }
  Tell(options_.self, Cause::kInstalled,
       absl::StrCat("the leader's log had passed this replica by: it goes on from a snapshot, after ",
                    replica.applied_commands(), " commands"));
  notices_.Forget(options_.self.value());
  return true;
}

absl::Status Snapshots::Install(Replica& replica) {
  const absl::StatusOr<std::unique_ptr<SnapshotReader>> reader = SnapshotReader::Open(fetcher_->path());
  if (!reader.ok()) {
    return reader.status();
  }
  // It was checked as it came, chunk by chunk and in whole; the reader does so again as it gives it out.
  if (absl::Status status = replica.InstallSnapshot((*reader)->facts(), **reader); !status.ok()) {
    return status;
  }
  // It may be of use to others.
  if (capture_ == nullptr) {
    static_cast<void>(std::rename(fetcher_->path().c_str(), kept_path_.c_str()));
  } else {
    ::unlink(fetcher_->path().c_str());
  }
  return absl::OkStatus();
}

}  // namespace gaios::rsm

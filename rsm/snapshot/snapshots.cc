#include "gaios/rsm/snapshot/snapshots.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/rsm/snapshot/file.h"

namespace gaios::rsm {
namespace {

using paxos::ReplicaId;

constexpr std::uint64_t kLookIntervalNs = 1'000'000;
constexpr std::uint64_t kFetchIntervalNs = 1'000'000'000;  // after one in which no source was of help

std::string IncomingPath(const std::string& directory, ReplicaId id) {
  return absl::StrCat(directory, "/replica-", id.value(), ".incoming");
}

}  // namespace

std::string DonorPath(const std::string& group_directory, ReplicaId id) {
  return absl::StrCat(group_directory, "/replica-", id.value(), ".donor");
}

std::string KeptSnapshotPath(const std::string& snapshot_directory, ReplicaId id) {
  return absl::StrCat(snapshot_directory, "/replica-", id.value(), ".snapshot");
}

Snapshots::Snapshots(const SnapshotsOptions& options)
    : options_(options), kept_path_(KeptSnapshotPath(options.snapshot_directory, options.self)) {}

absl::StatusOr<std::unique_ptr<Snapshots>> Snapshots::Open(const SnapshotsOptions& options) {
  std::unique_ptr<Snapshots> snapshots(new Snapshots(options));
  DonorOptions donor;
  donor.socket_path = DonorPath(options.group_directory, options.self);
  donor.snapshot_path = snapshots->kept_path_;
  donor.origin = options.origin;
  donor.bytes_per_second = options.fill_bytes_per_second;
  absl::StatusOr<std::unique_ptr<Donor>> opened = Donor::Open(donor);
  if (!opened.ok()) {
    return opened.status();
  }
  snapshots->donor_ = *std::move(opened);
  absl::StatusOr<std::unique_ptr<Fetcher>> fetcher =
      Fetcher::Create(IncomingPath(options.snapshot_directory, options.self), options.origin);
  if (!fetcher.ok()) {
    return fetcher.status();
  }
  snapshots->fetcher_ = *std::move(fetcher);
  return snapshots;
}

bool Snapshots::Look(Replica& replica) {
  next_look_ns_ = replica.now_ns() + kLookIntervalNs;
  bool worked = FinishCapture();
  worked = StartCapture(replica) || worked;
  worked = FinishFetch(replica) || worked;
  return StartFetch(replica) || worked;
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
  const std::uint64_t at_least = donor_->at_least();
  const std::uint64_t applied = replica.core().applied().value();
  if (at_least != kFreshSnapshot && applied < at_least) {
    return absl::FailedPreconditionError(absl::StrCat("this replica has itself applied no further than ",
                                                      applied, ", a snapshot of ", at_least,
                                                      " or later is asked for; ask another"));
  }
  return absl::OkStatus();
}

bool Snapshots::StartCapture(const Replica& replica) {
  if (capture_ != nullptr) {
    return false;
  }
  const std::uint64_t asked = donor_->asked();
  const std::uint64_t commands = replica.applied_commands();
  const bool may_by_itself = !replica.leading() || replica.core().configuration().size() == 1;
  const bool due = options_.interval_commands != 0 && may_by_itself &&
                   commands >= taken_at_commands_ + options_.interval_commands;
  if (asked == answered_ && !due) {
    return false;
  }
  absl::Status status = asked == answered_ ? absl::OkStatus() : MayTake(replica);
  if (status.ok()) {
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
  std::vector<FetchSource> sources;
  const auto add = [&](ReplicaId id) {
    if (replica.core().peer(id).link_up) {
      sources.push_back({id, DonorPath(options_.group_directory, id)});
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

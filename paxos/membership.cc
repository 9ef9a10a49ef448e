#include "gaios/paxos/membership.h"

#include "gaios/base/check.h"
#include "gaios/paxos/configuration_change.h"
#include "gaios/paxos/readmission.h"

namespace gaios::paxos {
namespace {

// `configuration` after the change that `entry` holds. False, and nothing is changed, when that makes no
// difference: by the log alone, so it is the same on any replica.
bool Follow(const Entry& entry, Configuration& configuration, std::optional<ReplicaId>& replaced) {
  if (entry.kind() == EntryKind::kConfigurationChange) {
    const std::optional<ConfigurationChange> change = DecodeConfigurationChange(entry.payload);
    GAIOS_CHECK(change.has_value(), "a valid entry holds what its kind says");
    replaced.reset();
    return Apply(*change, configuration);
  }
  const std::optional<Readmission> readmission = DecodeReadmission(entry.payload);
  GAIOS_CHECK(readmission.has_value(), "a valid entry holds what its kind says");
  if (configuration.IncarnationOf(readmission->replica) != readmission->old) {
    return false;  // a later one has overtaken it
  }
  if (readmission->old.value() != 0) {
    configuration.Readmit(readmission->replica, readmission->fresh);
    replaced = readmission->replica;
    return true;
  }
  if (configuration.StandingOf(readmission->replica) != Standing::kJoining ||
      readmission->fresh <= configuration.GoneAs(readmission->replica)) {
    return false;
  }
  configuration.Add({readmission->replica, readmission->fresh});
  replaced.reset();
  return true;
}

}  // namespace

void Membership::OnEntry(const Entry& entry) {
  if (undecided_) {
    Decide();  // the leader knew it to be committed when it appended the next
  }
  next_ = configuration_;
  undecided_ = Follow(entry, next_, replaced_);
  last_end_ = entry.range.to;
}

void Membership::OnCommit(const Entry& entry) {
  std::optional<ReplicaId> replaced;
  static_cast<void>(Follow(entry, committed_, replaced));
  committed_end_ = entry.range.to;
  if (undecided_ && entry.range.to == last_end_) {
    Decide();
  }
}

void Membership::ForgetBehindCommit() {
  undecided_ = false;
  last_end_ = committed_end_;
  if (configuration_ != committed_) {
    configuration_ = committed_;
    ++changes_;
  }
}

void Membership::OnApply(const Entry& entry) {
  std::optional<ReplicaId> replaced;
  static_cast<void>(Follow(entry, applied_, replaced));
}

void Membership::Decide() {
  configuration_ = next_;
  undecided_ = false;
  ++changes_;
}

void Membership::Reset(const Configuration& configuration, Position commit) {
  committed_ = configuration;
  applied_ = configuration;
  committed_end_ = commit;
  ForgetBehindCommit();
}

}  // namespace gaios::paxos

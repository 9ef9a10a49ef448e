#include "gaios/paxos/membership.h"

#include "gaios/base/check.h"

namespace gaios::paxos {

void Membership::OnReadmission(const Entry& entry) {
  if (undecided_.has_value()) {
    Decide();  // the leader knew it to be committed when it appended the next
  }
  const std::optional<Readmission> readmission = DecodeReadmission(entry.payload);
  GAIOS_CHECK(readmission.has_value(), "a valid entry holds what its kind says");
  // One that a later one has overtaken changes nothing, on any replica.
  if (configuration_.IncarnationOf(readmission->replica) == readmission->old) {
    undecided_ = readmission;
    undecided_end_ = entry.range.to;
  }
}

void Membership::Decide() {
  configuration_.Readmit(undecided_->replica, undecided_->fresh);
  undecided_.reset();
  ++changes_;
}

void Membership::Reset(const Configuration& configuration) {
  undecided_.reset();
  if (configuration_ != configuration) {
    configuration_ = configuration;
    ++changes_;
  }
}

}  // namespace gaios::paxos

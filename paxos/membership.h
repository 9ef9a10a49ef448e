#ifndef GAIOS_PAXOS_MEMBERSHIP_H_
#define GAIOS_PAXOS_MEMBERSHIP_H_

// Whose votes and acceptances count, by what stands in one replica's log.
//
// A readmission R replaces (replica, old) by (replica, fresh). From the moment R stands in a log until it is
// known to be chosen, whoever counts by that log counts neither: so every quorum of that time is a quorum of
// the configuration before and of the one after, and meets the quorums of both. From then on the fresh
// incarnation counts. Majorities are over all replicas of the configuration, as ever. A leader appends R only
// when the one before it is committed: so of several that stand in a log only the last can be undecided.
//
// One thread.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "gaios/paxos/configuration.h"
#include "gaios/paxos/log.h"
#include "gaios/paxos/readmission.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

class Membership {
 public:
  explicit Membership(const Configuration& configuration) : configuration_(configuration) {}

  // With every readmission that is known to be chosen.
  [[nodiscard]] const Configuration& configuration() const { return configuration_; }
  [[nodiscard]] std::span<const Member> voters() const { return configuration_.voters(); }
  [[nodiscard]] std::size_t size() const { return configuration_.size(); }
  [[nodiscard]] std::size_t majority() const { return configuration_.majority(); }

  // Whether the votes and acceptances of `member` count now (P7).
  [[nodiscard]] bool Counts(Member member) const {
    return configuration_.IsVoter(member) && !(undecided_.has_value() && undecided_->replica == member.id);
  }
  // Whether `member` is a voter, or may become one: what it says is worth listening to.
  [[nodiscard]] bool MayCount(Member member) const {
    const Incarnation votes_as = configuration_.IncarnationOf(member.id);
    return votes_as.value() != 0 && member.incarnation >= votes_as;
  }

  // A readmission stands in the log and is not known to be chosen.
  [[nodiscard]] bool undecided() const { return undecided_.has_value(); }
  // The log is known to be chosen up to `commit`. Returns whether the configuration has changed.
  bool OnCommit(Position commit) {
    if (!undecided_.has_value() || commit < undecided_end_) [[likely]] {
      return false;
    }
    Decide();
    return true;
  }

  // `entry`, a readmission, stands in the log behind all that were told before.
  void OnReadmission(const Entry& entry);
  // What continues the commit may be something else now: to be told again.
  void ForgetUndecided() { undecided_.reset(); }
  // The state of the log at a commit, from a snapshot.
  void Reset(const Configuration& configuration);

  // Grows with each change of the configuration.
  [[nodiscard]] std::uint64_t changes() const { return changes_; }

 private:
  void Decide();

  Configuration configuration_;
  std::optional<Readmission> undecided_;
  Position undecided_end_;
  std::uint64_t changes_ = 0;
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_MEMBERSHIP_H_

#ifndef GAIOS_PAXOS_MEMBERSHIP_H_
#define GAIOS_PAXOS_MEMBERSHIP_H_

// Whose votes and acceptances count, by what stands in one replica's log: the initial configuration, and what
// each change makes of it. A change is a readmission, which replaces (replica, old) by (replica, fresh) or
// admits a learner; or a configuration change, by which an operator adds, removes or moves a replica.
//
// From the moment a change stands in a log until it is known to be chosen, whoever counts by that log wants a
// majority of the configuration before and one of that after. Of a replica that is replaced neither
// incarnation counts meanwhile. So every quorum of that time meets the quorums of both. From then on the
// configuration after it counts alone. A leader appends a change only when the one before it is committed: so
// of several that stand in a log only the last can be undecided.
//
// All of it is a function of the log up to its end, and of its commit.
//
// One thread.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "gaios/paxos/configuration.h"
#include "gaios/paxos/log.h"
#include "gaios/paxos/replica_set.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

class Membership {
 public:
  explicit Membership(const Configuration& configuration)
      : configuration_(configuration), committed_(configuration), applied_(configuration) {}

  // Whether an entry changes who is in the group.
  [[nodiscard]] static constexpr bool IsChange(EntryKind kind) { return kind >= EntryKind::kReadmission; }

  // With every change that is known to be chosen.
  [[nodiscard]] const Configuration& configuration() const { return configuration_; }
  // With the undecided one too.
  [[nodiscard]] const Configuration& next() const { return undecided_ ? next_ : configuration_; }
  // With those that the state machine has come to.
  [[nodiscard]] const Configuration& applied() const { return applied_; }

  // Whether the votes and acceptances of `member` count now (P7).
  [[nodiscard]] bool Counts(Member member) const {
    return (configuration_.IsVoter(member) || (undecided_ && next_.IsVoter(member))) &&
           !(undecided_ && replaced_ == member.id);
  }
  // Whether these decide, each of somebody who counts.
  [[nodiscard]] bool Decides(ReplicaSet votes) const {
    return configuration_.HasMajority(votes) && (!undecided_ || next_.HasMajority(votes));
  }
  // Whether `member` votes, or may vote by a log that goes on from this one: what it says is worth listening
  // to. Not that of an incarnation that has been replaced or removed.
  [[nodiscard]] bool MayCount(Member member) const {
    const Incarnation votes_as = configuration_.IncarnationOf(member.id);
    return votes_as.value() != 0 ? member.incarnation >= votes_as
                                 : member.incarnation > configuration_.GoneAs(member.id);
  }
  // Those whose votes may decide.
  [[nodiscard]] ReplicaSet voting() const { return configuration_.voting() | next().voting(); }
  [[nodiscard]] ReplicaSet everybody() const { return configuration_.everybody() | next().everybody(); }

  // A change stands in the log and is not known to be chosen.
  [[nodiscard]] bool undecided() const { return undecided_; }
  // Where the last change ends that stands in the log, or later, up to the commit.
  [[nodiscard]] Position last_end() const { return last_end_; }

  // `entry`, a change, stands in the log behind all that were told before.
  void OnEntry(const Entry& entry);
  // `entry`, a change that OnEntry was told of, is known to be chosen. In the order of the log.
  void OnCommit(const Entry& entry);
  // The state machine has come to `entry`, a change.
  void OnApply(const Entry& entry);
  // What continues the commit may be something else now: to be told again.
  void ForgetBehindCommit();
  // The state of the log at a commit, from a snapshot.
  void Reset(const Configuration& configuration, Position commit);

  // Grows with each change of the configuration.
  [[nodiscard]] std::uint64_t changes() const { return changes_; }

 private:
  void Decide();

  bool undecided_ = false;
  std::uint64_t changes_ = 0;
  Position last_end_;
  Position committed_end_;  // of the last change that is committed, or later
  Configuration configuration_;
  Configuration next_;                 // once the undecided change is chosen
  std::optional<ReplicaId> replaced_;  // by the undecided change
  Configuration committed_;            // as of the commit: what the rest follows from, by the log behind it
  Configuration applied_;
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_MEMBERSHIP_H_

#ifndef GAIOS_PAXOS_INVARIANTS_H_
#define GAIOS_PAXOS_INVARIANTS_H_

// The independent checker of P1-P8: watches the changes of state of every replica of a group at once, keeps
// its own account of what was promised, proposed, accepted and chosen, and compares. It shares no code with
// the protocol but the nouns, and decides for itself what is chosen. For tests and the simulator: it
// allocates, and is told of all replicas by one thread.

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gaios/paxos/configuration.h"
#include "gaios/paxos/configuration_change.h"
#include "gaios/paxos/observer.h"
#include "gaios/paxos/readmission.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

class Invariants final : public Observer {
 public:
  explicit Invariants(const Configuration& configuration);

  void OnPromise(Member acceptor, Grant grant) override;
  void OnLead(Member leader, Ballot ballot, std::span<const Member> voters, const Cursor& end) override;
  void OnAppend(Member leader, Ballot ballot, const Entry& entry) override;
  void OnAccept(Member leader, Ballot ballot, Member acceptor, Position position) override;
  void OnCommit(Member replica, const Cursor& commit) override;
  void OnApply(Member replica, const Entry& entry) override;
  void OnInstall(Member replica, const Cursor& cursor) override;
  void OnReuse(Member leader, Position limit, std::span<const Member> in_sync) override;

  // Told by a simulated transport, which alone can see it: bytes of `owner`'s log have changed by a write
  // under `grant` while `effective` was the grant that owner had last made effective (P2), ...
  void OnRemoteWrite(Member owner, Grant grant, Grant effective);
  // ... `leader` counts `acceptor` up to `position`, but the chain in its memory does not reach that far
  // (P5), ...
  void OnAcceptedBytesMissing(Member leader, Member acceptor, Position position);
  // ... and bytes that a posted write still reads have changed at the poster (P8).
  void OnPostedBytesChanged(Member poster, Range range);

  // Breaks of invariants so far, in words; each begins with its name. Empty is good.
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  [[nodiscard]] std::uint64_t chosen_entries() const { return chosen_.size(); }
  [[nodiscard]] std::uint64_t checks() const { return checks_; }

 private:
  // An entry as far as it matters here: its bytes are told apart by their checksum, which covers position and
  // prefix.
  struct Value {
    Position from;
    Position to;
    std::uint64_t checksum = 0;
    Ballot ballot;
    friend bool operator==(const Value&, const Value&) = default;
  };
  // Who is in the group, as far as it matters here.
  struct Group {
    std::map<ReplicaId, Incarnation> votes_as;
    std::set<ReplicaId> joining;  // learners that are to vote
    std::set<ReplicaId> learners;
    std::map<ReplicaId, Incarnation> gone;  // as what it was removed
  };
  using Change = std::variant<Readmission, ConfigurationChange>;
  // Those of whom a majority is needed.
  struct Electorate {
    std::set<Member> counts;
    std::size_t majority = 0;
  };
  using Electorates = std::vector<Electorate>;

  // The log of one ballot as its leader has it: what it started from, and what it appended.
  struct BallotLog {
    Member leader;
    Cursor start;
    std::map<Slot, Value> appended;
    std::map<Member, Position> accepted;
    Position record_end;
    std::vector<std::uint64_t> changes;  // checksums of those that stand in it, in order
    std::size_t changes_at_start = 0;    // how many of them stood in what it started from
    Electorates electorates;  // by `changes`, when so many changes were chosen: else to be found again
    std::size_t changes_counted = 0;
    std::size_t chosen_counted = 0;
  };

  void Fail(const char* invariant, const std::string& what);
  void Choose(Ballot ballot, BallotLog& log);
  [[nodiscard]] bool ChooseOnce(Ballot ballot, BallotLog& log);
  void AppendChange(Member leader, Ballot ballot, BallotLog& log, const Entry& entry);
  // What `change` makes of `group`; false, and nothing, when that makes no difference.
  [[nodiscard]] static bool Follow(const Change& change, Group& group);
  // Who must agree by a log with these changes: those that are chosen have taken place; of one that is not, a
  // majority before and one after it must, and an incarnation that is replaced, or replaces, is in neither.
  // `known`: how many of them whoever counts knows to be chosen, if it does not know of all.
  [[nodiscard]] Electorates WhoCounts(std::span<const std::uint64_t> changes, std::size_t known) const;
  [[nodiscard]] const Electorates& WhoCounts(BallotLog& log) const;
  [[nodiscard]] static bool Decide(std::span<const Member> members, const Electorates& electorates);
  [[nodiscard]] std::vector<std::uint64_t> ChangesBefore(const Cursor& end) const;
  // The last slot that was chosen under a ballot below `ballot`, 0 when there is none.
  [[nodiscard]] Slot ChosenBelow(Ballot ballot) const;

  Group initial_;
  std::map<Member, Grant> promised_;
  std::map<Ballot, BallotLog> ballots_;
  std::map<std::uint64_t, Value> by_checksum_;  // every entry ever proposed
  std::map<std::uint64_t, std::pair<Slot, std::uint64_t>>
      previous_;                             // checksum -> (slot, checksum of the one before)
  std::map<std::uint64_t, Change> changes_;  // by checksum
  std::set<std::uint64_t> chosen_changes_;   // checksums of those that are chosen
  std::map<Slot, Value> chosen_;
  std::map<Ballot, Slot>
      chosen_under_;  // the last slot that a majority is known to have accepted under the ballot
  Slot chosen_to_;    // every slot up to here is chosen
  std::map<Member, Position> committed_;
  std::map<Member, std::pair<Slot, Position>> applied_;
  std::map<Slot, std::uint64_t> applied_checksum_;
  std::vector<std::string> violations_;
  std::uint64_t checks_ = 0;
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_INVARIANTS_H_

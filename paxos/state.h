#ifndef GAIOS_PAXOS_STATE_H_
#define GAIOS_PAXOS_STATE_H_

// What the parts of one replica share: its log and the cursors into it, what it has promised, what it knows
// of its peers, and where its outputs go. Owned by Replica; the parts (acceptor, election, recovery, leader,
// learner) hold a reference. One thread.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "gaios/paxos/actions.h"
#include "gaios/paxos/log.h"
#include "gaios/paxos/membership.h"
#include "gaios/paxos/observer.h"
#include "gaios/paxos/options.h"
#include "gaios/paxos/quorum.h"
#include "gaios/paxos/snapshot_point.h"
#include "gaios/paxos/trail.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

enum class Role : std::uint8_t {
  kLearner,    // this incarnation is not a voter: it is filled by the leader, and counts nowhere (P7)
  kFollower,   // promises, and learns from whoever it granted its log to
  kCandidate,  // gathers promises, or the log it adopts
  kLeader,     // its ballot record is in its log; it may not be committed yet
};

[[nodiscard]] std::string_view RoleName(Role role);

// What is known of another replica, whatever its role. Learned from its link and its control region.
struct PeerView {
  bool link_up = false;
  Incarnation incarnation;  // of its process, as the link said
  Position commit;          // as last read
  Position applied;         // as last read
  Position retained;        // as last read
  Ballot heartbeat_ballot;  // as last read
  std::uint64_t heartbeat_counter = 0;
  bool seen = false;  // its control region has been read in this incarnation
  // As last read: it is drained, or has withdrawn, and is not to be handed over to.
  bool stands_aside = false;
};

// What one read of another replica's control region has found: each word whole, not all of one moment.
struct ControlWords {
  Incarnation incarnation;
  Grant promised;
  Position commit;
  Position applied;
  Position retained;
  Ballot heartbeat_ballot;
  std::uint64_t heartbeat_counter = 0;
};

// In the place of beats, of a replica that does not lead: it stands aside. An earlier release takes it for
// beats of nobody.
inline constexpr std::uint64_t kStandsAsideCounter = std::uint64_t{1} << 63;

// How many reads of one replica's control region were posted, by whichever part, and how many of these
// answered. They are answered in posting order: so the counts tell which read an answer belongs to.
struct ControlReads {
  std::uint64_t posted = 0;
  std::uint64_t answered = 0;
};

// When the steps of the last failover that this replica won happened. Zero: has not happened.
struct FailoverTimes {
  TimeNs leader_last_alive_ns = 0;
  TimeNs suspected_ns = 0;
  TimeNs agreed_ns = 0;        // a majority suspects it too, or nobody is asked: the campaign begins
  TimeNs prepared_ns = 0;      // own log fenced; the others are asked before, or now
  TimeNs promised_ns = 0;      // a majority has promised
  TimeNs leading_ns = 0;       // log adopted, ballot record appended
  TimeNs first_commit_ns = 0;  // ballot record committed
};

// How often this replica has tried to lead, in this life. What was begun and not won was lost, or given up.
struct ElectionCounts {
  std::uint64_t asked = 0;  // pre-votes; more than were begun: no majority agreed that the leader was gone
  std::uint64_t begun = 0;  // phase 1, hand-overs and take-backs included
  std::uint64_t won = 0;
};

// When a replica was last handed the leadership unasked, and how often in a row it has not kept it.
struct HandOverTry {
  TimeNs at_ns = 0;
  std::uint32_t count = 0;
};

struct State {
  State(const Options& replica_options, std::byte* memory, Observer* state_observer);

  const Options options;
  const Member self;
  Log log;
  Membership membership;  // as of this log: the changes up to the commit, and one behind it
  Cursor commit;          // end of the prefix known to be chosen
  Cursor end;             // end of the valid log; for a leader, where the next entry goes
  Position applied;       // end of what the state machine has applied; at most commit
  Trail trail;            // where the commit has been
  Position kept_from;     // bytes from here to the commit are known to be whole; below, nothing is
  Role role;
  ReplicaId leader;  // valid when has_leader
  bool has_leader = false;
  bool withdrawn = false;                                      // campaigns no more
  std::array<HandOverTry, kMaxReplicas> hand_over_tries = {};  // by id; outlives a leadership
  bool drained = false;             // leads only when nobody else does: its operator's word
  std::uint32_t highest_round = 0;  // of any ballot seen
  TimeNs now = 0;
  TimeNs ticked_ns = 0;        // the tick before this one
  TimeNs own_pause_ns = 0;     // how much longer than a heartbeat this replica did not run before this tick
  TimeNs leader_alive_ns = 0;  // when a leader last gave a sign of life
  std::uint64_t leadership_epoch = 1;  // grows when proposals that are under way become unknown
  std::uint64_t heartbeat_counter = 0;
  Ballot heartbeat_ballot;
  std::uint64_t dropped_messages = 0;  // noise: from no voter, or out of place
  std::array<PeerView, kMaxReplicas> peers;
  std::array<ControlReads, kMaxReplicas> control_reads;
  FailoverTimes failover;
  ElectionCounts elections;
  // Of the last planned hand-over from here: from the first refusal to the word that the successor campaign.
  TimeNs hand_over_drain_ns = 0;
  TimeNs hand_over_refused_ns = 0;  // when that first refusal could have been
  std::uint64_t hand_overs = 0;     // in which it came to that word
  Actions actions;
  Observer* const observer;  // may be null

  // The ballot has been seen somewhere: a campaign must go above it.
  void Saw(Ballot ballot) { highest_round = std::max(highest_round, ballot.round()); }

  // Reads the control region of `peer`.
  void ReadControl(ReplicaId peer) {
    ++control_reads[peer.value()].posted;
    static_cast<void>(actions.Add(ActionKind::kReadControl, peer));
  }

  // Moves the own commit forward along the chain to the last entry that ends at or before `target` (P5).
  void AdvanceCommit(Position target) {
    // Most often the commit reaches the end, whose cursor is at hand.
    if (observer == nullptr) [[likely]] {
      AdvanceCommitUnseen(target);
    } else {
      AdvanceCommitAlongChain(target);
    }
  }
  // The same where there is no observer.
  [[gnu::always_inline]] void AdvanceCommitUnseen(Position target) {
    if (target == end.position && commit.position < target) [[likely]] {
      AdvanceCommitToEnd();
    } else {
      AdvanceCommitAlongChain(target);
    }
  }
  // The same to the end of the log, where that is above the commit, whose cursor is at hand.
  [[gnu::always_inline]] void AdvanceCommitToEnd() {
    if (membership.last_end() <= commit.position) [[likely]] {
      commit = end;
      trail.Note(commit);
    } else {
      AdvanceCommitAlongChain(end.position);
    }
  }

  // Follows the chain from the commit to where it ends, or to `limit`: what stands there now, whatever stood
  // there before.
  void FollowChain(Position limit);
  // The log goes on from `point`, which is chosen and lies behind the commit. What stands here behind it and
  // continues it stays: it may have been accepted.
  void InstallSnapshot(const SnapshotPoint& point);
  // `entry` stands at the end of the log now.
  void NoteEntry(const Entry& entry) {
    if (Membership::IsChange(entry.kind())) [[unlikely]] {
      membership.OnEntry(entry);
      JoinIfReadmitted();
    }
  }

  // Leads only when nobody else does.
  [[nodiscard]] bool last_resort() const { return drained || options.priorities.at(self.id.value()) == 0; }

  // This incarnation votes.
  [[nodiscard]] bool voter() const { return membership.configuration().IsVoter(self); }

  // The log has been fenced: nobody writes it now. Follows the chain to find the valid end, and how far back
  // the log is whole, as far as any peer that can still be filled may lack it.
  void Examine();

  // Whether the chain of this log, which is whole from `from` on, passes through `cursor`: then whoever has a
  // valid log that ends there has the same bytes up to there, by the checksums. Walks along the chain: for
  // rare cases.
  [[nodiscard]] bool Contains(const Cursor& cursor, Position from) const;

  // Oldest position from which the log is known to be whole. For a follower that is as of the last grant: its
  // leader may since have overwritten what is applied.
  [[nodiscard]] Position Retained() const;

  // Deterministic chance: a number below `bound`.
  [[nodiscard]] std::uint64_t Random(std::uint64_t bound);

 private:
  void AdvanceCommitAlongChain(Position target);
  // A learner whose readmission is chosen is a follower; whoever has been replaced is a learner.
  void JoinIfReadmitted();

  std::uint64_t random_;
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_STATE_H_

#ifndef GAIOS_PAXOS_REPLICA_H_
#define GAIOS_PAXOS_REPLICA_H_

// One replica of the protocol as a pure state machine: events and the time go in, actions come out. No I/O,
// no clock, no threads, no allocation after construction.
//
// The caller joins it to a transport (rsm/engine does): it feeds in what the transport reports, then carries
// out actions() in order and clears them, each time before the next call. It publishes commit(), applied()
// and heartbeat_ballot() in the control region before it carries the actions out, so that a leader's commit
// is visible before anything that rests on it; retained() and heartbeat_counter() with each Tick. One thread.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "gaios/base/check.h"
#include "gaios/paxos/acceptor.h"
#include "gaios/paxos/actions.h"
#include "gaios/paxos/election.h"
#include "gaios/paxos/follower_reads.h"
#include "gaios/paxos/leader.h"
#include "gaios/paxos/learner.h"
#include "gaios/paxos/message.h"
#include "gaios/paxos/observer.h"
#include "gaios/paxos/options.h"
#include "gaios/paxos/recovery.h"
#include "gaios/paxos/snapshot_point.h"
#include "gaios/paxos/state.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

class Replica {
 public:
  // `memory` is the log as the transport has it now, zeroed. `observer` may be null and must outlive the
  // replica.
  Replica(const Options& options, std::byte* memory, Observer* observer);
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  // ---- time: monotonic, ns
  // ----------------------------------------------------------------------------------------

  void SetTime(TimeNs now) { state_.now = now; }
  // Timers; to be called at least every heartbeat interval, several times as often for quick failover.
  void Tick();

  // From now on this replica does not campaign, and leads no longer if it does: its state machine cannot
  // answer. It goes on to promise and to accept, for its log is as good as any.
  void Withdraw();

  // ---- events of the transport
  // --------------------------------------------------------------------------------------

  void OnMessage(ReplicaId from, Incarnation incarnation, std::span<const std::byte> bytes);
  void OnGranted(Grant grant, std::byte* memory);
  // A write or word that the leader had posted has completed; when done, all that was posted to that peer
  // before it has too.
  void OnWritten(ReplicaId peer, bool done, bool fenced, std::uint64_t token) {
    if (state_.role == Role::kLeader && !leader_.OnCompletion(peer, done, fenced, token)) [[unlikely]] {
      StepDown();
    }
  }
  // The same for what is done, in the usual case, which causes no actions. False in any other: then nothing
  // has changed, and OnWritten is to be told.
  [[nodiscard, gnu::always_inline]] bool TryWritten(ReplicaId peer, std::uint64_t token) {
    return state_.role == Role::kLeader && leader_.TryComplete(peer, token);
  }
  // The same of all that are written to together. False: each is to be told of by itself.
  [[nodiscard, gnu::always_inline]] bool TryWrittenToAll(std::uint64_t formation,
                                                         std::span<const WriteTarget> written) {
    return state_.role == Role::kLeader && leader_.TryCompleteAll(formation, written);
  }
  void OnLogRead(bool done, std::uint64_t token);
  // Every read of a control region is answered, in posting order: with what was found, or as failed. Of those
  // that could not even be posted the core is told at once, before the next call.
  void OnControl(ReplicaId peer, const ControlWords& words);
  void OnControlFailed(ReplicaId peer);
  void OnControlNotPosted(ReplicaId peer);
  void OnLinkUp(ReplicaId peer, Incarnation incarnation);
  void OnLinkDown(ReplicaId peer);
  // All that had come has been told. True when that causes actions.
  [[nodiscard]] bool OnAllHeard() {
    if (state_.role != Role::kFollower || !election_.won()) [[likely]] {
      return false;
    }
    election_.Calm();
    Campaign();
    return true;
  }
  // Leader: hands the leadership over to `to`, as planned: nothing that was taken is lost or unknown, and
  // what comes when all stand by is refused as full. False, and nothing happens, unless this replica leads
  // and `to` could.
  [[nodiscard]] bool HandOver(ReplicaId to) {
    return state_.role == Role::kLeader && !leader_.handing_over() && leader_.HandOver(to);
  }
  // Something is under way that takes no longer than an answer does, or than a moment after a leader was
  // found gone: an election, a grant, a hand-over, the proof of a new leader. Whoever runs this replica
  // should not sleep on it now.
  [[nodiscard]] bool awaiting() const {
    switch (state_.role) {
      case Role::kCandidate:
        return true;
      case Role::kLeader:
        return leader_.handing_over() || !leader_.record_committed();
      case Role::kLearner:
      case Role::kFollower:
        return acceptor_.awaiting() || election_.awaiting() || state_.now < stands_by_until_ns_;
    }
    return false;
  }
  [[nodiscard]] bool handing_over() const { return state_.role == Role::kLeader && leader_.handing_over(); }
  // Its operator takes this replica out of leading, or lets it in again: drained, it hands over when it
  // leads, and leads only when nobody else does. False, and nothing happens, when it leads and nobody could
  // take over now.
  [[nodiscard]] bool Drain(bool drained);
  [[nodiscard]] bool drained() const { return state_.drained; }
  // Leader: puts a change of who is in the group into the log. See Leader::ChangeMembership.
  [[nodiscard]] ChangeRefusal ChangeMembership(const ConfigurationChange& change) {
    return state_.role == Role::kLeader ? leader_.ChangeMembership(change) : ChangeRefusal::kNotLeader;
  }

  // The state machine has been restored from a snapshot that another replica took at `point`, and goes on
  // from there. Entries behind it that are here already stay. False, and nothing is changed, when it tells
  // nothing new, or while this replica campaigns or leads.
  [[nodiscard]] bool InstallSnapshot(const SnapshotPoint& point);
  // Where a snapshot of the state machine as it is now belongs.
  [[nodiscard]] SnapshotPoint snapshot_point() const {
    return {apply_, state_.membership.applied(), std::max(acceptor_.promised().ballot, acceptor_.floor())};
  }
  // The bytes that a grant under way must carry over to new memory; `memory` is the log that is being fenced.
  [[nodiscard]] Range LiveRange(const std::byte* memory);

  // ---- the fast path
  // ------------------------------------------------------------------------------------------------

  // Leader: space for a command at the end of the log, and the command made part of it. See Leader.
  [[nodiscard, gnu::always_inline]] bool TryAppend(std::uint64_t bytes, std::uint64_t time_ns,
                                                   Proposal& proposal, std::byte*& command) {
    return leader_.TryAppend(bytes, time_ns, proposal, command);
  }
  [[nodiscard]] Refusal Reserve(std::uint64_t bytes, std::uint64_t time_ns) {
    return state_.role == Role::kLeader ? leader_.Reserve(bytes, time_ns) : Refusal::kNotLeader;
  }
  // Room for many commands in the batch that is open, and what was placed there made part of the log.
  [[nodiscard]] BatchRoom Room() const { return leader_.Room(); }
  void Add(const BatchRoom& room) { leader_.Add(room); }
  [[nodiscard]] std::span<std::byte> Claim(std::uint32_t bytes, std::uint64_t time_ns, Refusal& refusal) {
    if (state_.role != Role::kLeader) [[unlikely]] {
      refusal = Refusal::kNotLeader;
      return {};
    }
    return leader_.Claim(bytes, time_ns, refusal);
  }
  [[nodiscard]] Proposal Publish() { return leader_.Publish(); }
  // Leader: posts what has gathered.
  void Flush() {
    leader_.Flush();
    GoOnHandingOver();
  }
  // Leader, after turns without a Flush, once in some microseconds.
  void GoOnHandingOver() {
    if (leader_.handing_over()) [[unlikely]] {
      leader_.GoOnHandingOver();
    }
  }
  // It has refused proposals since all stand by.
  [[nodiscard]] bool refuses_proposals() const { return leader_.refuses_proposals(); }
  // Leader, instead of Flush, where the transport knows at once what has become of a write: see Leader.
  template <typename Checksum>
  [[nodiscard, gnu::always_inline]] bool GatherForAll(Checksum checksum, Range& gathered) {
    return leader_.GatherForAll(checksum, gathered);
  }
  [[nodiscard]] std::span<const WriteTarget> targets() const { return leader_.targets(); }
  [[nodiscard]] std::uint64_t formation() const { return leader_.formation(); }
  [[gnu::always_inline]] void WrittenToAll(Range gathered) { leader_.WrittenToAll(gathered); }
  // Leader, instead of Flush, where the transport posts to many in one call: see Leader.
  template <typename Checksum>
  [[nodiscard, gnu::always_inline]] bool GatherToPost(Checksum checksum, Range& gathered) {
    return !leader_.refuses_proposals() && leader_.GatherToPost(checksum, gathered);
  }
  void PostedToAll(Position end) { leader_.PostedToAll(end); }
  // Leader, in a turn in which it has written to all at once: see Leader.
  void FillBeside() { leader_.FillBeside(); }
  // Anybody else: learns what has landed, up to the leader's `commit_word`, and posts what reads wait for.
  // Returns whether anything was new.
  bool Learn(Position commit_word) {
    if (follower_reads_.wants_round()) [[unlikely]] {
      follower_reads_.Begin();
    }
    return !acceptor_.granting() && learner_.Learn(acceptor_.granted().ballot, commit_word);
  }

  // Whether a committed entry waits to be applied, and the next one; call Applied() when the state machine
  // has it.
  [[nodiscard]] bool HasNextToApply() const { return apply_.position < state_.commit.position; }
  [[nodiscard]] Entry NextToApply() const { return state_.log.Known(apply_); }
  [[gnu::always_inline]] void Applied(const Entry& entry) {
    GAIOS_CHECK(entry.range.from == apply_.position && entry.range.to <= state_.commit.position,
                "P6: entries are applied in order, and only committed ones");
    if (Membership::IsChange(entry.kind()) || state_.observer != nullptr) [[unlikely]] {
      TellApplied();
    }
    apply_ = Log::After(entry);
    state_.applied = apply_.position;
  }
  // Whether it is the last that is committed.
  [[nodiscard]] bool NextIsLast() const { return apply_.slot.value() + 1 == state_.commit.slot.value(); }
  // Whether it is a batch of one command.
  [[nodiscard]] bool NextIsOfOne() const { return state_.log.IsBatchOfOne(apply_); }
  // The same as Applied() of a batch, which is the last that is committed.
  [[gnu::always_inline]] void AppliedLast() {
    GAIOS_CHECK(NextIsLast(), "P6: entries are applied in order, and only committed ones");
    if (state_.observer != nullptr) [[unlikely]] {
      TellApplied();
    }
    apply_ = state_.commit;
    state_.applied = apply_.position;
  }

  // A linearizable read, at a leader (see Leader::StartRead) or a follower (see FollowerReads). Nothing
  // unless the leader's ballot record is known here to be committed. What it takes is posted by the next
  // Flush or Learn.
  struct Read {
    Position index;           // leader: known from the start
    std::uint64_t round = 0;  // of those that are confirmed in order
    std::uint64_t epoch = 0;
  };
  [[nodiscard]] std::optional<Read> StartRead();
  // The read may be answered from any state that has been applied up to here. Nothing while that is not
  // known.
  [[nodiscard]] std::optional<Position> ReadIndex(const Read& read) const;
  // It never will be: the leadership was lost, or this follower's promise has changed, or nobody confirms it.
  [[nodiscard]] bool ReadLost(const Read& read) const { return read.epoch != ReadEpoch(); }

  // ---- state
  // --------------------------------------------------------------------------------------------------------

  [[nodiscard]] Actions& actions() { return state_.actions; }
  [[nodiscard]] const Actions& actions() const { return state_.actions; }
  [[nodiscard]] Role role() const { return state_.role; }
  [[nodiscard]] Member self() const { return state_.self; }
  // Who votes, as far as the log is known here to be committed; and whether this replica does.
  [[nodiscard]] const Configuration& configuration() const { return state_.membership.configuration(); }
  [[nodiscard]] bool voter() const { return state_.voter(); }
  // Leader: may change the group. See Leader::change_settled.
  [[nodiscard]] bool change_settled() const {
    return state_.role == Role::kLeader && leader_.change_settled();
  }
  // A change of that stands in its log and is not known here to be chosen; and who is in the group after it.
  [[nodiscard]] bool change_undecided() const { return state_.membership.undecided(); }
  [[nodiscard]] const Configuration& next_configuration() const { return state_.membership.next(); }
  [[nodiscard]] const Options& options() const { return state_.options; }
  [[nodiscard]] Position commit() const { return state_.commit.position; }
  [[nodiscard]] Slot commit_slot() const { return state_.commit.slot; }
  [[nodiscard]] const Cursor& commit_cursor() const { return state_.commit; }
  [[nodiscard]] const Cursor& end_cursor() const { return state_.end; }
  [[nodiscard]] Position applied() const { return state_.applied; }
  [[nodiscard]] Slot applied_slot() const { return apply_.slot; }
  [[nodiscard]] const Cursor& applied_cursor() const { return apply_; }
  [[nodiscard]] Position retained() const { return state_.Retained(); }
  [[nodiscard]] Grant promised() const { return acceptor_.promised(); }
  [[nodiscard]] Ballot heartbeat_ballot() const { return state_.heartbeat_ballot; }
  [[nodiscard]] std::uint64_t heartbeat_counter() const {
    const bool stands_aside = (state_.drained || state_.withdrawn) && state_.heartbeat_ballot.none();
    return stands_aside ? kStandsAsideCounter : state_.heartbeat_counter;
  }
  // Who leads, as far as this replica knows; itself when it does.
  [[nodiscard]] std::optional<ReplicaId> leader() const;
  // Grows whenever proposals of this replica that were under way have become unknown.
  [[nodiscard]] std::uint64_t leadership_epoch() const { return state_.leadership_epoch; }
  // Leader: a majority acknowledges.
  [[nodiscard]] bool has_quorum() const { return state_.role == Role::kLeader && leader_.has_quorum(); }
  // Leader: its ballot record is committed, so everything before it is too.
  [[nodiscard]] bool established() const {
    return state_.role == Role::kLeader && leader_.record_committed();
  }
  [[nodiscard]] const FollowerLink* follower(ReplicaId id) const {
    return state_.role == Role::kLeader ? leader_.follower(id) : nullptr;
  }
  [[nodiscard]] const PeerView& peer(ReplicaId id) const { return state_.peers[id.value()]; }
  [[nodiscard]] const FailoverTimes& failover() const { return state_.failover; }
  [[nodiscard]] const ElectionCounts& elections() const { return state_.elections; }
  // Silence after which this replica suspects its leader, as of now, ns.
  [[nodiscard]] TimeNs silence_limit() const { return election_.silence_limit(); }
  // Planned hand-overs from here that came to the point where the other took over; of the last one, how long
  // proposals had been refused by then.
  [[nodiscard]] std::uint64_t hand_overs() const { return state_.hand_overs; }
  [[nodiscard]] TimeNs hand_over_drain_ns() const { return state_.hand_over_drain_ns; }
  // Since when the last one, or the one under way, had proposals refused, ns.
  [[nodiscard]] TimeNs hand_over_refused_ns() const { return state_.hand_over_refused_ns; }
  [[nodiscard]] std::uint64_t dropped_messages() const { return state_.dropped_messages; }
  [[nodiscard]] const Log& log() const { return state_.log; }

 private:
  void Campaign();
  void StepDown();
  void After(Recovery::Progress progress);
  void TellApplied();
  // All only grow. Votes were counted by a configuration: when it changes, the reads under way are asked for
  // again.
  [[nodiscard]] std::uint64_t ReadEpoch() const {
    return state_.leadership_epoch + follower_reads_.epoch() + state_.membership.changes();
  }

  State state_;
  Acceptor acceptor_{state_};
  Election election_{state_};
  Recovery recovery_{state_};
  Leader leader_{state_};
  Learner learner_{state_};
  FollowerReads follower_reads_{state_};
  Cursor apply_;                   // end of what the state machine has applied
  bool taking_back_ = false;       // this campaign is a leader's own, for a higher ballot
  TimeNs stands_by_until_ns_ = 0;  // its leader is about to hand over
  bool handed_over_ = false;       // this campaign was asked for by the leader that had been granted our log
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_REPLICA_H_

#ifndef GAIOS_PAXOS_LEADER_H_
#define GAIOS_PAXOS_LEADER_H_

// Phase 2 of the stable leader: commands are batched in place at the end of the own ring, ranges of it are
// written to every follower that has granted its log, and what a majority has completed past the ballot
// record is committed. Also what keeps that going: matching of followers' logs, the in-sync set and ring
// reuse, heartbeats, probes for linearizable reads, and knowing when the leadership is lost.
//
// Files: leader.cc (beginning, end, time, reads), leader_followers.cc (grants, the in-sync set, ring space),
// leader_membership.cc (who is in the group), leader_preference.cc (who is to lead instead),
// leader_datapath.h and .cc (everything between Claim and the commit).

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>

#include "gaios/base/check.h"
#include "gaios/paxos/configuration_change.h"
#include "gaios/paxos/follower_link.h"
#include "gaios/paxos/follower_set.h"
#include "gaios/paxos/limits.h"
#include "gaios/paxos/message.h"
#include "gaios/paxos/recovery.h"
#include "gaios/paxos/replica_set.h"
#include "gaios/paxos/state.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

// Why a proposal was not taken. Nothing of it is in the log.
enum class Refusal : std::uint8_t {
  kNone,
  kNotLeader,
  kFull,      // the ring has no space that every in-sync replica has applied, or writers are too far ahead
  kTooLarge,  // larger than an entry may be
};

// Why a configuration change was not taken. Nothing of it is in the log.
enum class ChangeRefusal : std::uint8_t {
  kNone,
  kNotLeader,   // or not yet: the ballot record is not committed
  kUnderWay,    // another change is not settled, or the leadership is being handed over: try again
  kNoQuorum,    // no majority answers now: nothing could be committed
  kNoSuchId,    // ids are below kMaxReplicas
  kNoMember,    // the replica is not in the group
  kAlreadySo,   // it would change nothing
  kLastVoter,   // a group has a voter
  kTooFewLeft,  // of those that would be left to vote no majority keeps up: commits would stop
  kFull,        // the ring has no room: try again
  kFixed,       // this group cannot change: see Options::fixed_members
};

// Where a proposal stands in the log. Committed when the slot is, unless the leadership epoch has changed
// before.
struct Proposal {
  Slot slot;
  std::uint32_t index = 0;  // within the slot's batch
};

// Commands stand at multiples of so many bytes.
inline constexpr std::uint32_t kCommandAlignment = 8;

// The room that is left in the batch that is open, for commands to be written there one after another. Good
// until the next call of anything else; what was placed becomes part of the batch by Leader::Add.
class BatchRoom {
 public:
  BatchRoom() = default;
  BatchRoom(std::byte* at, std::uint32_t room_bytes, Proposal next)
      : at_(at), room_bytes_(room_bytes), next_(next) {}

  // Where a command of `bytes` goes, for the caller to write. Null when there is no room for it.
  [[nodiscard]] std::byte* TryPlace(std::uint64_t bytes);
  // What stands at the place of the next command.
  [[nodiscard]] const Proposal& next() const { return next_; }
  [[nodiscard]] const std::byte* end() const { return at_; }

 private:
  std::byte* at_ = nullptr;
  std::uint64_t room_bytes_ = 0;
  Proposal next_;
};

class Leader {
 public:
  explicit Leader(State& state)
      : state_(state),
        reserved_bytes_(std::max(kLeastReservedBytes, state.log.capacity() / 64)),
        max_batch_bytes_(std::min(state.options.max_batch_bytes, state.log.MaxPayloadBytes())),
        much_bytes_(std::min(kMuchBytes, state.log.capacity() / 4)),
        fill_piece_bytes_(FillPieceBytes(state.options.fill_bytes_per_second, state.log.capacity())),
        fill_interval_ns_(FillIntervalNs(state.options.fill_bytes_per_second, fill_piece_bytes_)),
        pipeline_depth_(std::min(state.options.pipeline_depth, kMaxPostedPerLink)),
        straggler_depth_(std::min(2 * pipeline_depth_, kMaxPostedPerLink)) {}

  // Phase 1 is won: starts writing the adopted log. The ballot record is appended when a majority has
  // completed a probe posted behind that: those who win elections and cannot write do not fill their logs
  // with records. But at once where the last who led by this log could write, for its record is known to be
  // chosen, or it has handed over: then a log has at most one such record for each leader that could. False
  // when the ring has no room for the record, or no majority of the promises can be in sync: then this
  // replica must not lead now.
  [[nodiscard]] bool Start(const Recovery& recovery, bool handed_over);

  // Makes an entry of what has been published, so that it outlives a change of ballot.
  void Seal() {
    if (open_.commands > 0) {
      SealBatch();
    }
  }
  // The leadership is over: gives up every path, so that nothing reads our ring any more.
  void Stop();

  // ---- fast path
  // ------------------------------------------------------------------------------------------------

  // Adds a command of `bytes`, at least one, to the batch that is open, or begins one where there is known to
  // be room behind the last, and says where it goes, for the caller to write before anything else. False
  // otherwise: then Reserve, and try again. `time_ns` is for a batch that it begins.
  [[nodiscard]] bool TryAppend(std::uint64_t bytes, std::uint64_t time_ns, Proposal& proposal,
                               std::byte*& command);
  // Makes sure that TryAppend takes a command of `bytes`. A batch carries the time of its first command.
  [[nodiscard]] Refusal Reserve(std::uint64_t bytes, std::uint64_t time_ns);
  // Room for more commands than one, none unless a batch has begun, which gives it its time; and what was
  // placed there made part of the batch.
  [[nodiscard]] BatchRoom Room() const;
  void Add(const BatchRoom& room);
  // Space for one command of `bytes`, at least one, at the end of the open batch; kept until Publish, or
  // given up by the next Claim or Reserve.
  [[nodiscard]] std::span<std::byte> Claim(std::uint32_t bytes, std::uint64_t time_ns, Refusal& refusal);
  // The claimed command is complete and becomes part of the log.
  [[nodiscard]] Proposal Publish();
  // Seals what has gathered and posts what can be posted.
  void Flush();
  // For a transport that knows at once what has become of a write. Instead of Flush, in the usual case: seals
  // the batch that is open and says where it stands: all of `targets()` lack nothing but that, nobody else
  // is written to, and they decide. When it has been written to all of them, so is to be said. False in any
  // other case, which is Flush's: perhaps the batch is sealed. `checksum` does what EntryChecksum does.
  template <typename Checksum>
  [[nodiscard]] bool GatherForAll(Checksum checksum, Range& gathered);
  [[nodiscard]] std::span<const WriteTarget> targets() const { return followers_.together().targets(); }
  // Changes when targets() do. Never 0.
  [[nodiscard]] std::uint64_t formation() const { return formation_; }
  void WrittenToAll(Range gathered);
  // For a transport that posts one range to many in one call. Instead of Flush, in the usual case: all that
  // are written to lack the same, each has at most writes under way, and they decide. Seals the batch that is
  // open, and `gathered` is what all of `targets()` are to be sent; nothing while nothing is to be posted.
  // When it has been posted to all, so is to be said. False in any other case, for Flush: perhaps the batch
  // is sealed. `checksum` does what EntryChecksum does.
  template <typename Checksum>
  [[nodiscard]] bool GatherToPost(Checksum checksum, Range& gathered);
  void PostedToAll(Position end);
  // Posts what is due to whoever is filled while the others are written to at once: Flush, which does that
  // otherwise, is not called then.
  void FillBeside() {
    if (state_.now >= fill_due_ns_) [[unlikely]] {
      FillThoseDue();
    }
  }
  // Each of these has completed its writes up to its token, as by OnCompletion for each. False, and nothing
  // has changed: so is to be told, one by one.
  [[nodiscard]] bool TryCompleteAll(std::uint64_t formation, std::span<const WriteTarget> written);
  // When done, everything posted to the peer before it is, too. Returns false when the leadership is lost by
  // it.
  [[nodiscard]] bool OnCompletion(ReplicaId peer, bool done, bool fenced, std::uint64_t token);
  // The same in the usual case: all that is under way to the peer is done, and is writes. False in any other;
  // nothing has changed.
  [[nodiscard]] bool TryComplete(ReplicaId peer, std::uint64_t token);

  // ---- the rest
  // -------------------------------------------------------------------------------------------------

  void OnPromise(ReplicaId from, const Message& promise);
  void OnReject(ReplicaId from, const Message& reject);
  void OnControl(ReplicaId peer, Incarnation incarnation, Position commit, Position applied);
  // A replica that has come back as another incarnation is filled, and readmitted when it has caught up.
  void OnLinkUp(ReplicaId peer, Incarnation incarnation);
  void OnLinkDown(ReplicaId peer);
  // Returns false when the leadership is lost: no majority has answered for the suspect timeout.
  [[nodiscard]] bool Tick();

  // A linearizable read asked for now may be answered from the state at `index` once ReadConfirmed() has
  // reached `round`. Nothing before the ballot record is committed.
  struct Read {
    Position index;
    std::uint64_t round = 0;
  };
  [[nodiscard]] std::optional<Read> StartRead();
  [[nodiscard]] std::uint64_t ReadConfirmed() const;

  // Planned hand-over: has all stand by, takes no more proposals (kFull) when they do, and when all that was
  // taken is committed and `to` holds it, tells `to` to campaign. Taken up again when `to` is lost, or after
  // the suspect timeout. False, and nothing happens, when `to` does not count, is not written to or in sync,
  // or stands aside, or before the ballot record is committed.
  [[nodiscard]] bool HandOver(ReplicaId to);
  [[nodiscard]] bool handing_over() const { return hand_over_.has_value(); }
  [[nodiscard]] bool refuses_proposals() const { return hand_over_.has_value() && hand_over_->refuses; }
  // Who has been told to take over, and has yet to.
  [[nodiscard]] std::optional<ReplicaId> successor() const {
    return hand_over_.has_value() && hand_over_->told ? std::optional(hand_over_->to) : std::nullopt;
  }
  // To be called at each turn while handing over, or now and then where every turn writes.
  void GoOnHandingOver();
  void OnStandingBy(ReplicaId from, const Message& answer);
  // Hands over to one that is to lead rather than this replica, when its time has come. With each beat, and
  // when this replica is drained.
  void PreferAnother();
  // Somebody who does not stand aside could take over now.
  [[nodiscard]] bool CanBeReplaced() const;

  [[nodiscard]] Ballot ballot() const { return ballot_; }
  // It has shown that it can write: a majority has completed something that was written under this ballot.
  [[nodiscard]] bool proven() const { return proven_ || record_committed(); }
  [[nodiscard]] bool record_committed() const { return state_.commit.position >= record_end_; }
  // A majority has acknowledged something within the last quarter of the suspect timeout.
  [[nodiscard]] bool has_quorum() const;
  // A follower was fenced by a higher ballot that did not win: a campaign with a higher one takes it back.
  [[nodiscard]] bool wants_takeback() const;
  // Not one that has been removed.
  [[nodiscard]] const FollowerLink* follower(ReplicaId id) const {
    const FollowerLink* const link = followers_.Find(id);
    return link == nullptr || link->leaving ? nullptr : link;
  }

  // Puts the change into the log. From there on quorums are majorities both before and after it, and once it
  // is committed after it alone. A leader that is removed leads until that is committed, and then hands over.
  [[nodiscard]] ChangeRefusal ChangeMembership(const ConfigurationChange& change);
  // No change is undecided, and a majority of those that vote now is known to know it: they can go on by
  // themselves, without the leader and without whom the last change has removed.
  [[nodiscard]] bool change_settled() const;

 private:
  struct PlannedHandOver {
    PlannedHandOver(ReplicaId successor, TimeNs begun_ns) : to(successor), since_ns(begun_ns) {}
    ReplicaId to;
    TimeNs since_ns;
    ReplicaSet awaited;      // who was asked to stand by and has not answered
    TimeNs answered_ns = 0;  // when the last one did
    bool refuses = false;    // proposals, since `since_ns`; before that all stand by
    bool told = false;
  };
  struct OpenBatch {
    std::byte* payload = nullptr;
    std::uint32_t payload_bytes = 0;
    // How far the payload may grow. Not above what it has: it is not known that it may, or nobody leads.
    std::int64_t limit_bytes = 0;
    std::uint16_t commands = 0;
    std::uint32_t claimed_bytes = 0;  // of the command being written
    // While there is one nothing else fits in. Then this is how far the payload may grow after it.
    std::int64_t limit_after_claim_bytes = 0;
    std::uint64_t time_ns = 0;
  };

  // So much more goes into the open batch, as far as is known.
  [[nodiscard]] bool Fits(std::uint64_t bytes) const {
    return static_cast<std::int64_t>(open_.payload_bytes + bytes) <= open_.limit_bytes;
  }
  void Append(EntryKind kind, std::uint32_t length, std::uint16_t commands, std::uint64_t time_ns);
  template <typename Checksum>
  void AppendHere(const Cursor& before, std::byte* place, EntryKind kind, std::uint32_t length,
                  std::uint16_t commands, std::uint64_t time_ns, Checksum checksum);
  template <typename Checksum>
  Position SealHere(Checksum checksum);
  template <typename Checksum>
  [[nodiscard]] bool SealForAll(Checksum checksum, Range& sealed);
  [[nodiscard]] Range FormUpAndSeal();
  void SealBatch();
  void FillToEndOfRing();
  [[nodiscard]] bool MakeRoom(std::uint64_t entry_bytes);
  [[nodiscard]] Position ReuseLimit() const;
  // The open batch, and those that follow it, grow no further before they have looked at the new limit (P8).
  void LimitReuse(Position limit) {
    if (state_.observer != nullptr && limit > reuse_limit_) [[unlikely]] {
      NoteInSync();
    }
    reuse_limit_ = limit;
    payload_end_ = Position();
    LimitBatch(open_.payload_bytes);
  }
  void LimitBatch(std::int64_t bytes) {
    (open_.claimed_bytes != 0 ? open_.limit_after_claim_bytes : open_.limit_bytes) = bytes;
  }
  // Nothing is claimed any more.
  void EndClaim() {
    open_.claimed_bytes = 0;
    open_.limit_bytes = open_.limit_after_claim_bytes;
  }
  // End of the furthest claim: a capacity below it, the ring has been written over.
  [[nodiscard]] Position Reach() const {
    const std::uint64_t open_bytes = std::uint64_t{open_.payload_bytes} + open_.claimed_bytes;
    return std::max(reach_,
                    open_bytes == 0 ? state_.end.position : state_.end.position + EntryBytes(open_bytes));
  }
  // What was claimed and not published may have been written to.
  void GiveUpClaim() {
    if (open_.claimed_bytes != 0) [[unlikely]] {
      reach_ = Reach();
      EndClaim();
    }
  }
  // Oldest position that the ring still holds, claims included.
  [[nodiscard]] Position Holds() const {
    const std::uint64_t capacity = state_.log.capacity();
    const std::uint64_t reach = Reach().value();
    return std::max(state_.kept_from, Position(reach > capacity ? reach - capacity : 0));
  }

  // leader_datapath.h and .cc
  void PostRange(FollowerLink& follower, Position holds, Position end);
  void PostTo(FollowerLink& follower, Position end);
  void Fill(FollowerLink& follower);
  void FillThoseDue();
  [[nodiscard]] bool EnoughWithout(const FollowerLink& follower) const;
  [[nodiscard]] bool LacksMuch(const FollowerLink& follower) const {
    return state_.options.fill_bytes_per_second != 0 && state_.end.position - follower.posted > much_bytes_;
  }
  void PostWord(FollowerLink& follower);
  void PostProbes();
  // But what is posted already.
  [[nodiscard]] bool LacksNothing(const FollowerLink& follower) const {
    return follower.posted == state_.end.position;
  }
  // Somebody is written to apart from the others, or is another, or counts otherwise.
  void Disturb() { abreast_at_ = kNowhere; }
  // Somebody waits for a round of probes, which Flush posts.
  void AskForRound() {
    read_asked_ = true;
    Disturb();
  }
  // What is asked of links that are written to together: whether writes may be under way.
  enum class Abreast : std::uint8_t { kCompleted, kPosted };
  [[nodiscard]] bool FormUp(Abreast abreast);
  [[nodiscard]] bool IsAbreast(const FollowerLink& follower, Abreast abreast, Position at) const;
  [[nodiscard]] Position CompleteAllAndShow(std::span<const WriteTarget> written);
  void ShowWrittenToAll(Position end) const;
  [[nodiscard]] Action& AddWrite(ActionKind kind, const FollowerLink& follower);
  [[nodiscard]] std::byte* PlaceAtEnd(std::uint64_t aligned) const;
  [[nodiscard]] bool TryOpen(std::uint64_t aligned);
  [[nodiscard]] Refusal OpenSlowly(std::uint64_t aligned);
  void Extend(std::uint64_t aligned);
  void OpenBehind(Position end, std::byte* place);
  void FindRoom();
  void FlushRest();
  void OnDone(FollowerLink& follower, FollowerLink::Posted posted, std::uint64_t token);
  [[nodiscard]] bool MayPost() const;
  void ShowReuse(Position to) const;
  void NoteInSync();
  void ShowAppend(const Cursor& before) const;
  void AdvanceCommit();
  void CommitTo(Position reached);
  // A follower that counts and the leader itself are a quorum.
  [[nodiscard]] bool OneDecides() const { return one_decides_; }
  // Nothing counts as accepted under our ballot before the ballot record itself is.
  [[nodiscard]] bool AcceptsRecord(Position reached) const { return reached >= record_end_; }
  void CompleteWrites(FollowerLink& follower);
  void CompleteAndShow(FollowerLink& follower);

  // leader_followers.cc
  [[nodiscard]] bool OnFailure(FollowerLink& follower, bool fenced);
  void Activate(FollowerLink& follower, const Message& promise);
  void Ask(FollowerLink& follower);
  void Leave(FollowerLink& follower, FollowerLink::Stage stage);
  void PassBy(FollowerLink& follower, Position reach);
  void WaitOrKeepUp(FollowerLink& follower, Position has);
  [[nodiscard]] bool HasCaughtUp(const FollowerLink& follower) const;
  void DropLaggards();
  [[nodiscard]] ReplicaSet InSync() const;

  // leader_preference.cc
  [[nodiscard]] bool MayTakeOver(const FollowerLink& follower) const;
  [[nodiscard]] bool KeepsUp(const FollowerLink& follower) const;
  [[nodiscard]] bool IsPreferred(const FollowerLink& follower) const;
  [[nodiscard]] TimeNs WaitsFor(const FollowerLink& follower) const;
  [[nodiscard]] TimeNs Wait(std::uint32_t tries) const;

  // leader_membership.cc
  FollowerLink& AddFollower(ReplicaId id);
  [[nodiscard]] ChangeRefusal Judge(const ConfigurationChange& change) const;
  [[nodiscard]] bool AppendChange(EntryKind kind, std::span<const std::byte> payload);
  void Readmit();
  void Recount();
  void CountAgain();
  void PartFromRemoved();
  void Retire();
  // Its own removal is committed.
  [[nodiscard]] bool retired() const { return retired_since_ns_ != 0; }

  // leader.cc
  void AppendRecord();
  void AskToStandBy();
  [[nodiscard]] bool AllStandBy() const;
  void RefuseProposals();
  [[nodiscard]] TimeNs MajorityHeardNs() const;
  void LeaveOutOwnPause();
  [[nodiscard]] bool HearsMajority() const;
  [[nodiscard]] bool CanStillReachMajority() const;
  // Whether the followers that count and satisfy `predicate`, and the leader as far as it counts, decide.
  template <typename Predicate>
  [[nodiscard]] bool Decide(Predicate predicate) const {
    return state_.membership.Decides(WithSelf(followers_.Where(predicate)));
  }
  [[nodiscard]] ReplicaSet WithSelf(ReplicaSet followers) const {
    if (state_.membership.Counts(state_.self)) {
      followers.Add(state_.self.id);
    }
    return followers;
  }
  // The largest value that a quorum has reached.
  template <typename Value, typename Function>
  [[nodiscard]] Value Reached(Value own, Function value) const {
    const Value reached =
        followers_.ReachedBy<Value>(state_.membership.configuration(), state_.self, own, value);
    return !state_.membership.undecided()
               ? reached
               : std::min(reached,
                          followers_.ReachedBy<Value>(state_.membership.next(), state_.self, own, value));
  }

  static_assert(kMaxEntryPayloadBytes / kCommandAlignment <= std::numeric_limits<std::uint16_t>::max(),
                "a batch is full before its number of commands does not fit into the header");

  // Ring bytes that proposals leave to ballot records: a leader needs room for its own before anything of its
  // predecessors is applied.
  static constexpr std::uint64_t kLeastReservedBytes = 16 * kEntryAlignment;
  static_assert(kLeastReservedBytes <= kMinCapacityBytes / 4);

  // From here on a follower that lacks so much is sent it piece by piece.
  static constexpr std::uint64_t kMuchBytes = 16384;
  // Of such pieces, but for what was appended meanwhile: so many a second, as long as they are of a datagram
  // or so at least, and of no more than a copy of a microsecond. Small and often: a commit waits behind each.
  static constexpr std::uint64_t kFillPiecesPerSecond = std::uint64_t{1} << 15;
  static constexpr std::uint64_t kLeastFillPieceBytes = 1024;
  static constexpr std::uint64_t kMostFillPieceBytes = 8192;
  [[nodiscard]] static constexpr std::uint64_t FillPieceBytes(std::uint64_t bytes_per_second,
                                                              std::uint64_t capacity) {
    const std::uint64_t bytes = bytes_per_second / kFillPiecesPerSecond / kEntryAlignment * kEntryAlignment;
    return std::min(std::clamp(bytes, kLeastFillPieceBytes, kMostFillPieceBytes), capacity / 8);
  }
  [[nodiscard]] static constexpr TimeNs FillIntervalNs(std::uint64_t bytes_per_second,
                                                       std::uint64_t piece_bytes) {
    return bytes_per_second == 0 ? 0 : piece_bytes * 1'000'000'000 / bytes_per_second;
  }

  // What no log ends at, and a time that does not come.
  static constexpr Position kNowhere{~std::uint64_t{0}};
  static constexpr TimeNs kNever = ~TimeNs{0};

  // A replica is readmitted when what it lacks is so small a part of the ring.
  static constexpr std::uint64_t kCaughtUpFraction = 16;

  State& state_;
  const std::uint64_t reserved_bytes_;
  const std::uint32_t max_batch_bytes_;  // of payload
  const std::uint64_t much_bytes_;
  const std::uint64_t fill_piece_bytes_;
  const TimeNs fill_interval_ns_;
  const std::size_t pipeline_depth_;
  // Written to together with others, a follower may have so much under way before it is left to itself.
  const std::size_t straggler_depth_;
  Ballot ballot_;
  Position record_end_;
  Position reuse_limit_;  // cached: positions below may be written
  // Cached: payloads of batches may reach up to here as the limit is, in this lap; none: not known.
  Position payload_end_;
  // For the observer: who was in sync, and counted, when the limit was last raised.
  std::array<Member, kMaxReplicas> in_sync_then_;
  std::size_t in_sync_then_size_ = 0;
  OpenBatch open_;
  Position reach_;  // end of the furthest claim that was given up
  FollowerSet followers_;
  // Where the log ended when every link that is written to was found to have completed all of it, or to have
  // been posted all of it where that is enough, and to decide together with the leader; and since then has
  // been written to with all the others. kNowhere: that is not known.
  Position abreast_at_ = kNowhere;
  Position abreast_limit_;  // these links have room up to here
  // When the next piece may be posted of those that are filled beside them.
  TimeNs fill_due_ns_ = kNever;
  std::uint64_t formation_ = 0;   // how often these links have been found
  std::uint64_t read_round_ = 0;  // latest probe round posted
  bool read_asked_ = false;       // somebody waits for the next round
  TimeNs next_beat_ns_ = 0;
  TimeNs heard_before_ns_ = 0;  // when a majority had been heard, after a pause, ...
  TimeNs own_pause_ns_ = 0;     // ... and how long this replica has not run since
  TimeNs fenced_since_ns_ = 0;
  TimeNs last_applied_read_ns_ = 0;
  Refusal closed_ = Refusal::kNone;  // why no proposals are taken
  std::optional<PlannedHandOver> hand_over_;
  bool proving_ = false;  // the ballot record waits for the probes of proof_round_
  bool proven_ = false;   // by them
  std::uint64_t proof_round_ = 0;
  std::uint64_t membership_changes_ = 0;  // that `counts` of every follower rests on
  bool one_decides_ = false;
  bool alone_ = false;               // the leader itself is a quorum
  TimeNs retired_since_ns_ = 0;      // 0: it is not
  std::uint64_t refused_bytes_ = 0;  // what a claim needed that was refused and would be still; 0: none
};

}  // namespace gaios::paxos

#include "gaios/paxos/leader_datapath.h"  // IWYU pragma: export

#endif  // GAIOS_PAXOS_LEADER_H_

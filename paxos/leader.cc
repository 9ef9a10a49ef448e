#include "gaios/paxos/leader.h"

#include <algorithm>
#include <array>

#include "gaios/base/check.h"

namespace gaios::paxos {
namespace {

// After the last answer, for whoever shares a processor with others to have done with its own.
constexpr TimeNs kSettleNs = 10'000;

}  // namespace

bool Leader::Start(const Recovery& recovery, bool handed_over) {
  ballot_ = recovery.ballot();
  followers_.Clear();
  Disturb();
  open_ = {};
  read_asked_ = false;
  refused_bytes_ = 0;
  proving_ = false;
  proven_ = false;
  next_beat_ns_ = state_.now;
  own_pause_ns_ = 0;
  fenced_since_ns_ = 0;
  record_end_ = state_.end.position + EntryBytes(0);
  reach_ = record_end_;

  std::array<Member, kMaxReplicas> promised;
  std::size_t promised_size = 0;
  reuse_limit_ = Position();
  membership_changes_ = state_.membership.changes();
  retired_since_ns_ = 0;
  GAIOS_CHECK(state_.membership.Counts(state_.self), "P7: a leader counts itself");
  for (const ReplicaId id : recovery.promisers()) {
    const Member promiser{id, recovery.promised_as(id)};
    if (state_.membership.Counts(promiser)) {
      promised[promised_size++] = promiser;
    }
    if (!state_.membership.everybody().Contains(id)) {
      static_cast<void>(state_.actions.Add(ActionKind::kAbandon, id));  // it has been removed
    }
  }
  for (const ReplicaId id : state_.membership.everybody()) {
    if (id == state_.self.id) {
      continue;
    }
    const Member promiser{id, recovery.promised_as(id)};
    const PeerView& peer = state_.peers[id.value()];
    FollowerLink& follower = AddFollower(id);
    follower.stage = FollowerLink::Stage::kAsked;
    follower.asked_ns = state_.now;
    if (promiser.incarnation.value() != 0) {
      if (!peer.link_up || promiser.incarnation != follower.member.incarnation ||
          peer.incarnation != follower.member.incarnation) {
        // It has died since. Its promise holds: the dead promise nobody else. But there is nobody to write
        // to.
        follower.stage = FollowerLink::Stage::kAbsent;
        continue;
      }
      Activate(follower, recovery.promise(id));
      follower.in_sync = follower.stage == FollowerLink::Stage::kActive &&
                         follower.applied + state_.log.capacity() >= record_end_;
    }
  }
  CountAgain();
  LimitReuse(ReuseLimit());
  if (!state_.membership.Decides(InSync()) || record_end_ > reuse_limit_) {
    Stop();
    return false;
  }
  if (state_.observer != nullptr) {
    NoteInSync();
    state_.observer->OnLead(state_.self, ballot_, {promised.data(), promised_size}, state_.end);
  }
  state_.heartbeat_ballot = ballot_;
  // Known to be chosen, its record, or what came behind it.
  const bool last_could_write = !state_.end.ballot.none() && state_.commit.ballot == state_.end.ballot;
  if (alone_ || handed_over || last_could_write) {
    AppendRecord();
    AdvanceCommit();
    return true;
  }
  // The probes are posted behind what the followers lack of the adopted log, and complete behind it.
  proving_ = true;
  closed_ = Refusal::kNotLeader;
  AskForRound();
  proof_round_ = read_round_ + 1;
  return true;
}

void Leader::AppendRecord() {
  proving_ = false;
  closed_ = Refusal::kNone;
  Append(EntryKind::kBallotRecord, 0, 0, 0);
  GAIOS_CHECK(state_.end.position == record_end_, "the ballot record ends where it was planned to");
  state_.failover.leading_ns = state_.now;
}

void Leader::Stop() {
  state_.kept_from = Holds();
  for (FollowerLink& follower : followers_.all()) {
    if (follower.stage == FollowerLink::Stage::kActive) {
      Leave(follower, FollowerLink::Stage::kAbsent);
    }
  }
  followers_.Clear();
  Disturb();
  open_ = {};
  proving_ = false;
  closed_ = Refusal::kNone;
  hand_over_.reset();
  retired_since_ns_ = 0;
  ballot_ = Ballot();
  state_.heartbeat_ballot = Ballot();
}

// ---- planned hand-over
// ------------------------------------------------------------------------------------------------

bool Leader::HandOver(ReplicaId to) {
  const FollowerLink* const follower = followers_.Find(to);
  if (!record_committed() || follower == nullptr || !MayTakeOver(*follower)) {
    return false;
  }
  hand_over_ = PlannedHandOver(to, state_.now);
  AskToStandBy();
  GoOnHandingOver();
  return true;
}

void Leader::AskToStandBy() {
  GAIOS_CHECK(hand_over_.has_value(), "it has begun");
  if (state_.options.stand_by_ns == 0) {
    return;
  }
  Message message;
  message.kind = MessageKind::kStandBy;
  for (const FollowerLink& follower : followers_.all()) {
    if (follower.counts && follower.stage == FollowerLink::Stage::kActive) {
      message.grant = follower.grant;
      state_.actions.PushMessage(follower.member.id, message);
      hand_over_->awaited.Add(follower.member.id);
    }
  }
  static_cast<void>(state_.actions.Add(ActionKind::kStandBy, state_.self.id));
}

void Leader::OnStandingBy(ReplicaId from, const Message& answer) {
  const FollowerLink* const follower = followers_.Find(from);
  if (!hand_over_.has_value() || follower == nullptr || answer.grant != follower->grant) {
    return;
  }
  hand_over_->awaited.Remove(from);
  hand_over_->answered_ns = state_.now;
}

// Or have been waited for long enough.
bool Leader::AllStandBy() const {
  GAIOS_CHECK(hand_over_.has_value(), "it has begun");
  const bool answered = hand_over_->awaited.empty() && state_.now - hand_over_->answered_ns >= kSettleNs;
  return answered || state_.now - hand_over_->since_ns >= state_.options.stand_by_ns;
}

void Leader::RefuseProposals() {
  GAIOS_CHECK(hand_over_.has_value(), "it has begun");
  Seal();
  GiveUpClaim();
  open_ = {};
  closed_ = Refusal::kFull;
  hand_over_->refuses = true;
  hand_over_->since_ns = state_.now;
  state_.hand_over_refused_ns = state_.now;
}

void Leader::GoOnHandingOver() {
  GAIOS_CHECK(hand_over_.has_value(), "it has begun");
  const FollowerLink* const follower = followers_.Find(hand_over_->to);
  // Once told, it fences us when it begins: that is no reason to take what we would lose with the leadership.
  const bool lost = hand_over_->told ? !state_.peers[follower->member.id.value()].link_up
                                     : follower->stage != FollowerLink::Stage::kActive;
  if (!follower->counts || lost || state_.now - hand_over_->since_ns > state_.options.suspect_timeout_ns) {
    hand_over_.reset();
    closed_ = retired() ? Refusal::kFull : Refusal::kNone;
    return;
  }
  if (!hand_over_->refuses) {
    if (!AllStandBy()) {
      return;
    }
    if (!retired() && !MayTakeOver(*follower)) {
      hand_over_.reset();  // it was drained meanwhile, or left behind: nothing has been refused
      return;
    }
    RefuseProposals();
  }
  const Position end = state_.end.position;
  // What is committed and not applied here could be answered no more. But a state machine that stands still
  // holds its replica in the leadership no longer than that.
  const bool answered =
      state_.applied == end || state_.now - hand_over_->since_ns > state_.options.suspect_timeout_ns / 2;
  if (!hand_over_->told && state_.commit.position == end && follower->acked == end && answered) {
    hand_over_->told = true;
    state_.hand_over_drain_ns = state_.now - hand_over_->since_ns;
    ++state_.hand_overs;
    Message message;
    message.kind = MessageKind::kTakeOver;
    message.grant = follower->grant;
    message.commit = end;  // void when the log has gone on
    state_.actions.PushMessage(follower->member.id, message);
  }
}

// ---- time
// -----------------------------------------------------------------------------------------------------------

TimeNs Leader::MajorityHeardNs() const {
  return Reached<TimeNs>(state_.now, [](const FollowerLink& follower) { return follower.acked_ns; });
}

// One that did not run could not hear: as in Election, that time does not count.
void Leader::LeaveOutOwnPause() {
  if (state_.own_pause_ns == 0) [[likely]] {
    return;
  }
  if (const TimeNs heard = MajorityHeardNs(); heard != heard_before_ns_) {
    heard_before_ns_ = heard;
    own_pause_ns_ = 0;
  }
  own_pause_ns_ += state_.own_pause_ns;
}

bool Leader::HearsMajority() const {
  const TimeNs heard = MajorityHeardNs();
  const TimeNs own_pause = heard == heard_before_ns_ ? own_pause_ns_ : 0;
  return state_.now - heard <= state_.options.suspect_timeout_ns + own_pause;
}

bool Leader::has_quorum() const {
  return Decide(
             [](const FollowerLink& follower) { return follower.stage == FollowerLink::Stage::kActive; }) &&
         state_.now - MajorityHeardNs() <= state_.options.suspect_timeout_ns / 4;
}

bool Leader::CanStillReachMajority() const {
  return Decide([](const FollowerLink& follower) { return follower.stage != FollowerLink::Stage::kFenced; });
}

bool Leader::wants_takeback() const {
  if (!record_committed() || retired() || handing_over() || !has_quorum() ||
      state_.now - fenced_since_ns_ < state_.options.suspect_timeout_ns) {
    return false;
  }
  return std::ranges::any_of(followers_.all(), [this](const FollowerLink& follower) {
    return follower.stage == FollowerLink::Stage::kFenced && !follower.leaving &&
           state_.peers[follower.member.id.value()].link_up;
  });
}

bool Leader::Tick() {
  LeaveOutOwnPause();
  if (state_.now >= next_beat_ns_) {
    next_beat_ns_ = state_.now + state_.options.heartbeat_interval_ns;
    for (FollowerLink& follower : followers_.all()) {
      const PeerView& peer = state_.peers[follower.member.id.value()];
      if (!peer.link_up || peer.incarnation != follower.member.incarnation) {
        continue;
      }
      if (follower.stage == FollowerLink::Stage::kActive && follower.under_way() == 0) {
        if (follower.probed < read_round_) {
          AskForRound();  // it could not be asked with the others, or that was before a take-back
        }
        PostWord(follower);  // its completion says that the grant still holds
      }
      const bool ask = !follower.leaving && (follower.stage == FollowerLink::Stage::kAsked ||
                                             follower.stage == FollowerLink::Stage::kAbsent);
      // One that was dropped may hang again: it is tried now and then, until it is seen to apply.
      const TimeNs pause_ns =
          follower.stalled ? 5 * state_.options.drop_timeout_ns : 2 * state_.options.heartbeat_interval_ns;
      if (ask && state_.now - follower.asked_ns > pause_ns) {
        Ask(follower);
      }
    }
    PreferAnother();
    if (has_quorum()) {
      ++state_.heartbeat_counter;
      state_.leader_alive_ns = state_.now;
    }
  }
  // Applied positions are what the ring is waiting for; a read is cheap beside a refused proposal.
  const bool short_of_space = state_.end.position + state_.log.capacity() / 2 > reuse_limit_;
  if (short_of_space || state_.now - last_applied_read_ns_ > state_.options.heartbeat_interval_ns) {
    last_applied_read_ns_ = state_.now;
    for (const FollowerLink& follower : followers_.all()) {
      if (state_.peers[follower.member.id.value()].link_up) {
        state_.ReadControl(follower.member.id);
      }
    }
  }
  DropLaggards();
  PartFromRemoved();
  Readmit();
  if (retired() && !handing_over()) {
    if (state_.now - retired_since_ns_ > state_.options.suspect_timeout_ns) {
      return false;
    }
    Retire();
  }
  return HearsMajority() && CanStillReachMajority();
}

std::optional<Leader::Read> Leader::StartRead() {
  if (!record_committed()) {
    return std::nullopt;
  }
  AskForRound();
  return Read{state_.commit.position, read_round_ + 1};
}

std::uint64_t Leader::ReadConfirmed() const {
  return Reached<std::uint64_t>(read_round_, [](const FollowerLink& follower) { return follower.probed; });
}

}  // namespace gaios::paxos

#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>

#include "gaios/base/check.h"
#include "gaios/paxos/leader.h"
#include "gaios/paxos/readmission.h"

// What a leader does about who is in the group: it admits learners that have caught up, puts what an operator
// changes into the log, writes to whoever is there by now, and hands over when it has been removed itself.

namespace gaios::paxos {

// One at a time: so that a log that holds a change shows that the one before it was committed.
void Leader::Readmit() {
  if (!record_committed() || state_.membership.undecided() || retired() || handing_over() || !has_quorum()) {
    return;
  }
  const Configuration& configuration = state_.membership.configuration();
  for (const FollowerLink& follower : followers_.all()) {
    const Member fresh = follower.member;
    const Incarnation old = configuration.IncarnationOf(fresh.id);
    const bool to_vote = old.value() != 0 || (configuration.StandingOf(fresh.id) == Standing::kJoining &&
                                              fresh.incarnation > configuration.GoneAs(fresh.id));
    if (!to_vote || follower.counts || !HasCaughtUp(follower)) {
      continue;
    }
    std::array<std::byte, kReadmissionBytes> payload;
    EncodeReadmission({fresh.id, old, fresh.incarnation}, payload);
    static_cast<void>(AppendChange(EntryKind::kReadmission, payload));  // when there is room, at another tick
    return;
  }
}

ChangeRefusal Leader::Judge(const ConfigurationChange& change) const {
  if (!record_committed()) {
    return ChangeRefusal::kNotLeader;
  }
  if (state_.options.fixed_members) {
    return ChangeRefusal::kFixed;
  }
  if (!has_quorum()) {
    return ChangeRefusal::kNoQuorum;
  }
  if (!change_settled() || handing_over() || retired()) {
    return ChangeRefusal::kUnderWay;
  }
  if (change.replica.value() >= kMaxReplicas) {
    return ChangeRefusal::kNoSuchId;
  }
  Configuration after = state_.membership.configuration();
  const Standing before = after.StandingOf(change.replica);
  const bool takes_vote = change.kind == ConfigurationChange::Kind::kRemove && before == Standing::kVoter;
  if (takes_vote && after.size() == 1) {
    return ChangeRefusal::kLastVoter;
  }
  if (!Apply(change, after)) {
    return before == Standing::kNone ? ChangeRefusal::kNoMember : ChangeRefusal::kAlreadySo;
  }
  const ReplicaSet keep_up = WithSelf(followers_.Where([](const FollowerLink& follower) {
    return follower.in_sync && follower.stage == FollowerLink::Stage::kActive;
  }));
  return takes_vote && !after.HasMajority(keep_up) ? ChangeRefusal::kTooFewLeft : ChangeRefusal::kNone;
}

ChangeRefusal Leader::ChangeMembership(const ConfigurationChange& change) {
  if (const ChangeRefusal refusal = Judge(change); refusal != ChangeRefusal::kNone) {
    return refusal;
  }
  std::array<std::byte, kConfigurationChangeBytes> payload;
  EncodeConfigurationChange(change, payload);
  return AppendChange(EntryKind::kConfigurationChange, payload) ? ChangeRefusal::kNone : ChangeRefusal::kFull;
}

bool Leader::change_settled() const {
  const Position end = state_.membership.last_end();
  return !state_.membership.undecided() && Decide([this, end](const FollowerLink& follower) {
    return state_.peers[follower.member.id.value()].commit >= end;
  });
}

bool Leader::AppendChange(EntryKind kind, std::span<const std::byte> payload) {
  Seal();
  GiveUpClaim();
  const std::uint64_t bytes = EntryBytes(payload.size());
  const std::uint64_t to_end = state_.log.BytesToEnd(state_.end.position);
  const bool wraps = bytes > to_end;
  if (!MakeRoom(wraps ? to_end + bytes : bytes)) {
    return false;
  }
  open_ = {};
  if (wraps) {
    FillToEndOfRing();
  }
  std::ranges::copy(payload, state_.log.At(state_.end.position) + sizeof(EntryHeader));
  Append(kind, static_cast<std::uint32_t>(payload.size()), 0, 0);
  Recount();
  return true;
}

// A change is committed, or has been appended: who counts is another, and perhaps who is there.
void Leader::Recount() {
  membership_changes_ = state_.membership.changes();
  const ReplicaSet everybody = state_.membership.everybody();
  for (const ReplicaId id : everybody) {
    if (id == state_.self.id) {
      continue;
    }
    if (FollowerLink* const follower = followers_.Find(id); follower != nullptr) {
      follower->leaving = false;
    } else {
      AddFollower(id);
    }
  }
  for (FollowerLink& follower : followers_.all()) {
    if (!everybody.Contains(follower.member.id) && !follower.leaving) {
      follower.leaving = true;
      follower.leaves_at = state_.commit.position;
      follower.leaving_since_ns = state_.now;
      follower.in_sync = false;
      follower.waited_for = false;
    }
  }
  CountAgain();
  LimitReuse(ReuseLimit());
  if (!state_.membership.Counts(state_.self) && !retired()) {
    retired_since_ns_ = state_.now;
    Retire();
  }
}

void Leader::CountAgain() {
  Disturb();
  const Membership& membership = state_.membership;
  for (FollowerLink& follower : followers_.all()) {
    follower.counts = membership.Counts(follower.member);
  }
  one_decides_ =
      !membership.undecided() && membership.configuration().majority() == 2 && membership.Counts(state_.self);
  alone_ = membership.Decides(WithSelf({}));
}

FollowerLink& Leader::AddFollower(ReplicaId id) {
  const Incarnation votes_as = std::max(state_.membership.configuration().IncarnationOf(id),
                                        state_.membership.next().IncarnationOf(id));
  FollowerLink& follower = followers_.Add({id, std::max(votes_as, state_.peers[id.value()].incarnation)});
  follower.counts = state_.membership.Counts(follower.member);
  follower.grant = {ballot_, 1};
  follower.NumberFrom(static_cast<std::uint64_t>(ballot_.round()) << 32);
  return follower;
}

// One that was removed is written to until it knows, so that it does not ask who leads.
void Leader::PartFromRemoved() {
  for (FollowerLink& follower : followers_.all()) {
    const bool knows = state_.peers[follower.member.id.value()].commit >= follower.leaves_at;
    if (follower.leaving && follower.stage != FollowerLink::Stage::kAbsent &&
        (knows || follower.stage != FollowerLink::Stage::kActive ||
         state_.now - follower.leaving_since_ns > state_.options.suspect_timeout_ns)) {
      Leave(follower, FollowerLink::Stage::kAbsent);
    }
  }
}

// Takes nothing more, and hands over to the voter that has accepted most. Until then commits go on, without
// this replica's own vote.
void Leader::Retire() {
  Seal();
  GiveUpClaim();
  open_ = {};
  closed_ = Refusal::kFull;
  const auto rank = [this](const FollowerLink& follower) {
    return std::tuple(!state_.peers[follower.member.id.value()].stands_aside, follower.in_sync,
                      follower.acked);
  };
  const FollowerLink* best = nullptr;
  for (const FollowerLink& follower : followers_.all()) {
    if (follower.counts && follower.stage == FollowerLink::Stage::kActive &&
        (best == nullptr || rank(follower) > rank(*best))) {
      best = &follower;
    }
  }
  if (best != nullptr) {
    hand_over_ = PlannedHandOver(best->member.id, state_.now);
  }
}

}  // namespace gaios::paxos

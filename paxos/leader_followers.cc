#include <algorithm>

#include "gaios/base/check.h"
#include "gaios/paxos/leader.h"

// What a leader learns of its followers: promises and refusals, links that come and go, how far they have
// applied. And what follows from it: who is written to, who is in sync, and which space of the ring may be
// used again.

namespace gaios::paxos {
// ---- ring space
// -----------------------------------------------------------------------------------------------------

Position Leader::ReuseLimit() const {
  Position lowest = state_.applied;
  // When one that was in sync has lost its memory, those left may be less than a majority: until another has
  // caught up, nothing more is given up.
  if (reuse_limit_ != Position() && !state_.membership.Decides(InSync())) {
    lowest = std::min(lowest, Position(reuse_limit_.value() - state_.log.capacity()));
  }
  for (const FollowerLink& follower : followers_.all()) {
    if (follower.in_sync) {
      lowest = std::min(lowest, follower.applied);
    }
    if (follower.waited_for) {
      lowest = std::min(lowest, follower.kept_from);
    }
    lowest = std::min(lowest, follower.LowestPosted(lowest));
  }
  return lowest + state_.log.capacity();
}

// ---- grants
// ---------------------------------------------------------------------------------------------------------

bool Leader::OnFailure(FollowerLink& follower, bool fenced) {
  Leave(follower, fenced ? FollowerLink::Stage::kFenced : FollowerLink::Stage::kAbsent);
  if (fenced) {
    fenced_since_ns_ = state_.now;
    Ask(follower);  // the refusal tells which ballot it has promised
  }
  return CanStillReachMajority();
}

void Leader::OnPromise(ReplicaId from, const Message& promise) {
  FollowerLink* const follower = followers_.Find(from);
  if (follower == nullptr || promise.grant != follower->grant ||
      follower->stage != FollowerLink::Stage::kAsked) {
    return;  // late or doubled
  }
  Activate(*follower, promise);
}

void Leader::Activate(FollowerLink& follower, const Message& promise) {
  GAIOS_CHECK(promise.commit <= state_.end.position, "P4: a follower has committed what our log lacks");
  follower.applied = std::max(follower.applied, promise.applied);
  follower.acked_ns = state_.now;
  // From its own commit, never from its end: what it holds beyond may be another leader's. The bytes between
  // are written again; where they are equal already that changes nothing. Only where we no longer hold them
  // are they compared, by the checksum of the chain.
  Position from = promise.commit;
  if (from < Holds() && state_.Contains(promise.valid_end, Holds())) {
    from = promise.valid_end.position;
  }
  if (from < Holds()) {
    PassBy(follower, std::max(promise.commit, promise.valid_end.position));
    return;
  }
  Disturb();
  follower.stage = FollowerLink::Stage::kActive;
  follower.posted = from;
  follower.acked = from;
  follower.word_posted = Position();
  follower.filling = LacksMuch(follower);
  follower.filled_beside = state_.end.position;
  follower.next_piece_ns = state_.now;
  if (!follower.waited_for) {
    follower.full_since_ns = 0;
  }
  follower.stalled = false;
  if (proving_) {
    AskForRound();
  }
  WaitOrKeepUp(follower, from);
  LimitReuse(ReuseLimit());
}

// Our ring no longer holds what it lacks. `reach`: as far as it gets by what it has been written.
void Leader::PassBy(FollowerLink& follower, Position reach) {
  Leave(follower, FollowerLink::Stage::kBehind);
  follower.CountPass(reach);
}

// One that has been passed by can do nothing against that happening again, where a snapshot takes longer to
// be taken, loaded and gone on from than the log takes to go round the ring. After some rounds of it what it
// needs is kept, and what does not fit is refused as `full`: until it has caught up, or has had its time,
// which is the drop timeout. P8 asks for less: whoever is in sync holds back the reuse of space all the same.
// `has`: up to there it needs nothing of us.
void Leader::WaitOrKeepUp(FollowerLink& follower, Position has) {
  const Position end = state_.end.position;
  const std::uint64_t capacity = state_.log.capacity();
  if (follower.stage == FollowerLink::Stage::kActive && end - follower.applied <= capacity / 2) {
    follower.in_sync = true;
    follower.passed_by = 0;
    return;
  }
  if (follower.in_sync || follower.leaving || follower.waited_for ||
      follower.passed_by < follower.passes_until_wait) {
    return;
  }
  const Position holds = Holds();
  if (has >= holds) {
    follower.BeginWait(std::max(holds, std::min(follower.applied, has)));
    return;
  }
  // It needs another snapshot, which is yet to be taken, by one that has applied as much as those in sync.
  const Position applied_by_all(ReuseLimit().value() - capacity);
  follower.BeginWait(std::max(holds, std::min(applied_by_all, Position(end.value() - capacity / 2))));
}

bool Leader::HasCaughtUp(const FollowerLink& follower) const {
  const std::uint64_t slack = state_.log.capacity() / kCaughtUpFraction;
  return follower.stage == FollowerLink::Stage::kActive && state_.end.position - follower.acked <= slack &&
         state_.end.position - follower.applied <= slack;
}

// Whether a majority keeps up with the log without this one: then it is not waited for.
bool Leader::EnoughWithout(const FollowerLink& follower) const {
  return Decide([&follower](const FollowerLink& other) {
    return other.takes_all() && other.member.id != follower.member.id;
  });
}

// One piece of what a follower lacks, when it is time for it.
void Leader::Fill(FollowerLink& follower) {
  // Nobody's commits are held up by it while what is proposed is refused for its sake.
  const bool refused_for_it = follower.waited_for && refused_bytes_ != 0;
  if (!LacksMuch(follower) || !EnoughWithout(follower) || refused_for_it) {
    follower.filling = false;
    return;
  }
  if (state_.now < follower.next_piece_ns || follower.under_way() >= pipeline_depth_) {
    return;
  }
  const std::uint64_t appended = state_.end.position - std::max(follower.filled_beside, follower.posted);
  follower.filled_beside = state_.end.position;
  // Where much is appended, what is sent is long however small the piece is, and better seldom: the commits
  // that wait behind it are then few among many.
  // What has come due while there was no turn, or no room in the pipeline, is sent together too: it is late,
  // not lost.
  const std::uint64_t most = kMostFillPieceBytes / fill_piece_bytes_;
  const std::uint64_t due =
      1 + (state_.now - follower.next_piece_ns) / std::max<TimeNs>(fill_interval_ns_, 1);
  const std::uint64_t pieces = appended > kMostFillPieceBytes ? most : std::min(due, most);
  follower.next_piece_ns = std::max(follower.next_piece_ns + pieces * fill_interval_ns_, state_.now);
  PostTo(follower,
         std::min(state_.end.position,
                  follower.posted + std::min(pieces * fill_piece_bytes_ + appended, kMaxWriteBytes)));
  follower.filling = LacksMuch(follower);
}

void Leader::FillThoseDue() {
  const Position holds = Holds();
  for (FollowerLink& follower : followers_.all()) {
    if (follower.stage == FollowerLink::Stage::kActive && follower.filling) {
      PostRange(follower, holds, state_.end.position);
    }
  }
}

void Leader::OnReject(ReplicaId from, const Message& reject) {
  state_.Saw(reject.promised);
  FollowerLink* const follower = followers_.Find(from);
  if (follower == nullptr || reject.promised <= ballot_) {
    return;
  }
  if (follower->stage == FollowerLink::Stage::kAsked) {
    follower->stage = FollowerLink::Stage::kFenced;
    follower->waited_for = false;
    fenced_since_ns_ = state_.now;
  }
}

void Leader::OnControl(ReplicaId peer, Incarnation incarnation, Position commit, Position applied) {
  FollowerLink* const follower = followers_.Find(peer);
  if (follower == nullptr || incarnation != follower->member.incarnation) {
    return;
  }
  if (applied > follower->applied) {
    follower->applied = applied;
    if (!follower->waited_for) {  // that is for some time, not for as long as it moves
      follower->full_since_ns = 0;
    }
    follower->stalled = false;
  }
  if (follower->stage == FollowerLink::Stage::kBehind) {
    if (commit >= Holds()) {
      follower->stage = FollowerLink::Stage::kAbsent;
    } else if (commit > follower->reach) {
      follower->CountPass(commit);  // a snapshot has come, too late
    }
    WaitOrKeepUp(*follower, commit);
  } else if (follower->stage == FollowerLink::Stage::kActive && !follower->in_sync && !follower->leaving) {
    WaitOrKeepUp(*follower, follower->acked);
  }
  LimitReuse(ReuseLimit());
}

void Leader::OnLinkUp(ReplicaId peer, Incarnation incarnation) {
  FollowerLink* const follower = followers_.Find(peer);
  if (follower == nullptr || incarnation <= follower->member.incarnation) {
    return;
  }
  // What the former incarnation has accepted counts no more (P7): it is gone. What it has made committed
  // stays so.
  Leave(*follower, FollowerLink::Stage::kAbsent);
  follower->Become(incarnation);
  follower->counts = state_.membership.Counts(follower->member);
  LimitReuse(ReuseLimit());
}

void Leader::OnLinkDown(ReplicaId peer) {
  FollowerLink* const follower = followers_.Find(peer);
  if (follower == nullptr) {
    return;
  }
  follower->acked_ns = 0;
  Leave(*follower, FollowerLink::Stage::kAbsent);
}

void Leader::Leave(FollowerLink& follower, FollowerLink::Stage stage) {
  if (follower.stage == FollowerLink::Stage::kActive || follower.stage == FollowerLink::Stage::kAsked) {
    static_cast<void>(state_.actions.Add(ActionKind::kAbandon, follower.member.id));
    ++follower.grant.number;  // a path that comes back is a new grant
  }
  Disturb();
  follower.Forget();
  follower.stage = stage;
  follower.waited_for = false;
  LimitReuse(ReuseLimit());
}

void Leader::Ask(FollowerLink& follower) {
  follower.asked_ns = state_.now;
  if (follower.stage == FollowerLink::Stage::kAbsent) {
    follower.stage = FollowerLink::Stage::kAsked;
  }
  Message prepare;
  prepare.kind = MessageKind::kPrepare;
  prepare.grant = follower.grant;
  state_.actions.PushMessage(follower.member.id, prepare);
}

// ---- the in-sync set
// -----------------------------------------------------------------------------------------------

ReplicaSet Leader::InSync() const {
  return WithSelf(followers_.Where([](const FollowerLink& follower) { return follower.in_sync; }));
}

void Leader::DropLaggards() {
  bool full = false;
  for (FollowerLink& follower : followers_.all()) {
    if (follower.waited_for && HasCaughtUp(follower)) {
      follower.waited_for = false;
      LimitReuse(ReuseLimit());
    }
    if (follower.in_sync && !follower.waited_for &&
        state_.end.position > follower.kept_from + 2 * state_.log.capacity()) {
      follower.passes_until_wait = FollowerLink::kFewPasses;  // it has kept up since
    }
    const Position kept = follower.waited_for ? follower.kept_from : state_.end.position;
    const Position holds = std::min({follower.in_sync ? follower.applied : state_.end.position, kept,
                                     follower.LowestPosted(state_.end.position)});
    // It is in the way when what was refused does not fit because of it.
    const bool in_the_way = refused_bytes_ != 0 && state_.end.position + (reserved_bytes_ + refused_bytes_) >
                                                       holds + state_.log.capacity();
    if (!in_the_way) {
      follower.full_since_ns = 0;
      continue;
    }
    full = true;
    if (follower.full_since_ns == 0) {
      follower.full_since_ns = state_.now;
    }
    const bool gone = !state_.peers[follower.member.id.value()].link_up;
    if (!gone && state_.now - follower.full_since_ns <= state_.options.drop_timeout_ns) {
      continue;
    }
    if (follower.waited_for) {
      follower.waited_for = false;  // and what holds for all others does for it
      follower.full_since_ns = 0;
      LimitReuse(ReuseLimit());
      continue;
    }
    if (follower.in_sync && follower.counts) {
      ReplicaSet left = InSync();
      left.Remove(follower.member.id);
      if (!state_.membership.Decides(left)) {
        continue;  // the in-sync set never falls below a majority: proposals stay refused as full
      }
    }
    follower.in_sync = false;
    follower.stalled = true;
    follower.asked_ns = state_.now;
    follower.full_since_ns = 0;
    Leave(follower, FollowerLink::Stage::kAbsent);
  }
  // Whoever was refused may try again seldom: the ring is full until it would have been taken.
  if (!full) {
    refused_bytes_ = 0;
  }
}

}  // namespace gaios::paxos

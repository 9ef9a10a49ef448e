#include "gaios/paxos/recovery.h"

#include <algorithm>

#include "gaios/base/check.h"

namespace gaios::paxos {

Ballot Recovery::Start(bool fenced_soon) {
  stage_ = Stage::kFencing;
  ballot_ = Ballot(state_.highest_round + 1, state_.self.id, state_.self.incarnation);
  state_.Saw(ballot_);
  started_ns_ = state_.now;
  promised_as_.fill(Incarnation());
  promisers_.Clear();
  source_ = state_.self.id;
  adopted_own_ = true;
  asked_as_.fill(Incarnation());
  asked_ns_ = state_.now;
  if (fenced_soon) {
    AskForPromises(false);
  }
  return ballot_;
}

Recovery::Progress Recovery::OnSelfGranted() {
  GAIOS_CHECK(stage_ == Stage::kFencing, "a grant to ourselves outside of a campaign");
  stage_ = Stage::kPreparing;
  state_.failover.prepared_ns = state_.now;
  Take(state_.self, OwnPromise());
  if (Enough()) {
    return Choose();
  }
  AskForPromises(false);  // of whom our log tells since it was followed to its end, too
  return Progress::kWaiting;
}

Message Recovery::OwnPromise() const {
  Message own;
  own.kind = MessageKind::kPromise;
  own.grant = {ballot_, 1};
  own.commit = state_.commit.position;
  own.applied = state_.applied;
  own.retained = state_.Retained();
  own.valid_end = state_.end;
  return own;
}

void Recovery::Take(Member acceptor, const Message& promise) {
  promisers_.Add(acceptor.id);
  promised_as_[acceptor.id.value()] = acceptor.incarnation;
  promise_[acceptor.id.value()] = promise;
}

ReplicaSet Recovery::Promised() const {
  ReplicaSet promised;
  for (const ReplicaId id : promisers_) {
    if (state_.membership.Counts({id, promised_as(id)})) {
      promised.Add(id);
    }
  }
  return promised;
}

void Recovery::AskForPromises(bool again) {
  Message prepare;
  prepare.kind = MessageKind::kPrepare;
  prepare.grant = {ballot_, 1};
  for (const ReplicaId id : state_.membership.voting()) {
    const PeerView& peer = state_.peers[id.value()];
    Incarnation& asked_as = asked_as_[id.value()];
    if (id != state_.self.id && peer.link_up && promised_as(id) != peer.incarnation &&
        (again || asked_as != peer.incarnation)) {
      state_.actions.PushMessage(id, prepare);
      asked_as = peer.incarnation;
      asked_ns_ = state_.now;
    }
  }
}

Recovery::Progress Recovery::OnPromise(ReplicaId from, const Message& promise) {
  const bool asks = stage_ == Stage::kFencing || stage_ == Stage::kPreparing;
  if (!asks || promise.grant != Grant{ballot_, 1}) {
    return Progress::kWaiting;
  }
  Take({from, state_.peers[from.value()].incarnation}, promise);
  // Before our own log is fenced a majority decides nothing (P2, P4): what we would go on from may change.
  return stage_ == Stage::kPreparing && Enough() ? Choose() : Progress::kWaiting;
}

Recovery::Progress Recovery::OnReject(const Message& reject) {
  state_.Saw(reject.promised);
  return stage_ != Stage::kIdle && reject.promised > ballot_ ? Progress::kLost : Progress::kWaiting;
}

ReplicaId Recovery::Best() const {
  ReplicaId best = state_.self.id;
  for (const ReplicaId id : promisers_) {
    const Cursor& candidate = promise_[id.value()].valid_end;
    const Cursor& so_far = promise_[best.value()].valid_end;
    if (candidate.ballot > so_far.ballot ||
        (candidate.ballot == so_far.ballot && candidate.position > so_far.position)) {
      best = id;
    }
  }
  return best;
}

bool Recovery::Enough() const {
  const ReplicaSet promised = Promised();
  if (!state_.membership.Decides(promised)) {
    return false;
  }
  // Below this our ring will hold nothing once the ballot record is in it.
  const std::uint64_t reach = promise_[Best().value()].valid_end.position.value() + EntryBytes(0);
  const std::uint64_t capacity = state_.log.capacity();
  const Position floor = std::max(state_.kept_from, Position(reach > capacity ? reach - capacity : 0));
  // One that lacks what is below can follow when it ends on our chain. Of a log that has yet to be read only
  // its owner is known to: its end is the end of what is adopted.
  const ReplicaId best = Best();
  ReplicaSet can_follow;
  for (const ReplicaId id : promised) {
    const Message& promise = promise_[id.value()];
    if (promise.commit >= floor || id == best || id == state_.self.id ||
        (best == state_.self.id && state_.Contains(promise.valid_end, floor))) {
      can_follow.Add(id);
    }
  }
  return state_.membership.Decides(can_follow);
}

Recovery::Progress Recovery::Choose() {
  state_.failover.promised_ns = state_.now;
  source_ = Best();
  if (source_ == state_.self.id) {
    return Finish();
  }
  const Position from = state_.commit.position;
  const Position to = promise_[source_.value()].valid_end.position;
  // Below the other's ring there is nothing left to read; and reading must not overwrite what we have yet to
  // apply.
  GAIOS_CHECK(to >= from, "P4: the log of the highest ballot lacks chosen entries");
  if (promise_[source_.value()].retained > from || to > state_.applied + state_.log.capacity()) {
    return Progress::kLost;
  }
  stage_ = Stage::kReading;
  read_to_ = from;
  if (from == to) {
    return Finish();
  }
  ReadMore();
  return Progress::kWaiting;
}

// The log is read in pieces. Each lands, when its read is done, over a suffix that this replica may have
// accepted; the next may be fenced, and never come. That loses nothing (P4).
//
// What lands was read under our grant, while nothing higher was effective at the source: it is a stretch of
// the very chain whose end the source promised. A read that is fenced or down lands nothing.
//
// Let b be any ballot under which we have accepted, and p the end of whatever has been, or can still be,
// chosen under b with our acceptance. The chain of the source has the same bytes up to p. For its last ballot
// is ours at least, and ours is b at least, since our chain holds b's ballot record. If the source's is b,
// ours is the shorter of two prefixes of one leader's log. If it is higher, the leader of that ballot took
// over what was accepted under b: it had its promises from a majority, and one of them is in every majority
// that accepts.
//
// So up to p our bytes have not changed, wherever a piece ended, and our chain still reaches p, under b or
// higher. That is all that the next candidate must find here. Behind p our chain may now end sooner, or go on
// along the source's. What is cut off there we have accepted, but nobody can have it chosen any more.
void Recovery::ReadMore() {
  const Position to = promise_[source_.value()].valid_end.position;
  Action& action = state_.actions.Add(ActionKind::kReadLog, source_);
  action.acceptor = state_.peers[source_.value()].incarnation;
  action.grant = {ballot_, 1};
  action.range = {read_to_, std::min(to, read_to_ + kMaxWriteBytes)};
  action.token = ++read_token_;
  read_to_ = action.range.to;
}

Recovery::Progress Recovery::OnRead(bool done, std::uint64_t token) {
  if (stage_ != Stage::kReading || token != read_token_) {
    return Progress::kWaiting;
  }
  if (!done) {
    return Progress::kLost;
  }
  if (read_to_ < promise_[source_.value()].valid_end.position) {
    ReadMore();
    return Progress::kWaiting;
  }
  return Finish();
}

Recovery::Progress Recovery::Finish() {
  stage_ = Stage::kIdle;
  const Cursor& adopted = promise_[source_.value()].valid_end;
  state_.FollowChain(adopted.position);
  if (state_.end != adopted) {
    return Progress::kLost;  // not what was promised: a defect of the source, whose log must not be adopted
  }
  for (const ReplicaId id : promisers_) {
    const Position commit = promise(id).commit;
    if (commit > state_.commit.position) {
      GAIOS_CHECK(commit <= state_.end.position, "P4: the adopted log lacks chosen entries");
      state_.AdvanceCommit(commit);
    }
  }
  if (!state_.membership.Counts(state_.self)) {
    return Progress::kLost;  // we are about to be replaced, or have been replaced or removed
  }
  // By the log that is ours now, who counts may be others than before. What was chosen under any lower ballot
  // is in it only if a majority of those has promised.
  Take(state_.self, OwnPromise());
  adopted_own_ = adopted_own_ && source_ == state_.self.id;
  if (state_.membership.Decides(Promised())) {
    return Progress::kAdopted;
  }
  stage_ = Stage::kPreparing;
  AskForPromises(true);
  return Progress::kWaiting;
}

Recovery::Progress Recovery::Tick() {
  if (state_.now - started_ns_ > state_.options.election_timeout_ns) {
    return Progress::kLost;
  }
  if (stage_ == Stage::kPreparing && state_.now - asked_ns_ > state_.options.heartbeat_interval_ns) {
    AskForPromises(true);
  }
  return Progress::kWaiting;
}

}  // namespace gaios::paxos

#include "gaios/paxos/follower_reads.h"

#include <algorithm>

#include "gaios/base/check.h"

namespace gaios::paxos {

std::optional<std::uint64_t> FollowerReads::Start(Ballot promised) {
  if (!state_.voter() || state_.role != Role::kFollower || state_.withdrawn || promised.none() ||
      promised.replica() == state_.self.id || state_.commit.ballot != promised) {
    return std::nullopt;
  }
  const PeerView& leader = state_.peers[promised.replica().value()];
  if (!leader.link_up || leader.incarnation != promised.incarnation()) {
    return std::nullopt;
  }
  if (!waiting()) {
    ballot_ = promised;
    since_ns_ = state_.now;
  }
  GAIOS_CHECK(ballot_ == promised, "reads that wait are lost when the promise changes");
  asked_ = round_ + 1;  // one that is under way has begun before
  return asked_;
}

void FollowerReads::Begin() {
  ++round_;
  under_way_ = true;
  open_.Clear();
  leaders_commit_.reset();
  agree_.Reset();
  agree_.Add(state_.membership, state_.self);  // for as long as something waits
  ReplicaSet asked = state_.membership.voting();
  asked.Add(ballot_.replica());  // it may lead though it has been removed
  for (const ReplicaId id : asked) {
    const PeerView& peer = state_.peers[id.value()];
    if (id == state_.self.id || !peer.link_up ||
        (id != ballot_.replica() && !state_.membership.Counts({id, peer.incarnation}))) {
      continue;
    }
    state_.ReadControl(id);
    awaited_[id.value()] = state_.control_reads[id.value()].posted;
    open_.Add(id);
  }
  Judge();
}

bool FollowerReads::Takes(ReplicaId peer) {
  if (!under_way_ || !open_.Contains(peer) ||
      state_.control_reads[peer.value()].answered < awaited_[peer.value()]) {
    return false;  // of a read that was posted before the round began, or of nobody's
  }
  open_.Remove(peer);
  return true;
}

void FollowerReads::OnControl(ReplicaId peer, const ControlWords& words) {
  if (!Takes(peer)) {
    return;
  }
  if (words.promised.ballot == ballot_) {
    agree_.Add(state_.membership, {peer, words.incarnation});  // P7
  }
  if (peer == ballot_.replica() && words.incarnation == ballot_.incarnation()) {
    leaders_commit_ = words.commit;
  }
  Judge();
}

void FollowerReads::OnControlFailed(ReplicaId peer) {
  if (Takes(peer)) {
    Judge();
  }
}

void FollowerReads::OnControlNotPosted(ReplicaId peer) {
  if (under_way_ && open_.Contains(peer) &&
      awaited_[peer.value()] > state_.control_reads[peer.value()].posted) {
    open_.Remove(peer);
    Judge();
  }
}

void FollowerReads::Judge() {
  if (leaders_commit_.has_value() && agree_.Decides(state_.membership)) {
    under_way_ = false;
    confirmed_ = round_;
    index_ = std::max(*leaders_commit_, state_.commit.position);
    since_ns_ = state_.now;
    return;
  }
  const bool leader_may_answer = leaders_commit_.has_value() || open_.Contains(ballot_.replica());
  if (!leader_may_answer || !state_.membership.Decides(agree_.voted() | open_)) {
    under_way_ = false;
    failed_ = true;
  }
}

void FollowerReads::Tick() {
  failed_ = false;
  if (waiting() && state_.now - since_ns_ > state_.options.suspect_timeout_ns) {
    Lose();
  }
}

void FollowerReads::Lose() {
  ++epoch_;
  under_way_ = false;
  failed_ = false;
  round_ = std::max(round_, asked_);
  asked_ = round_;
  confirmed_ = round_;
}

}  // namespace gaios::paxos

#include <algorithm>

#include "gaios/paxos/leader.h"

// What a leader does about who is to lead rather than itself: it hands over, as planned, to a replica of a
// higher priority that has kept up for a while, and when it has been drained to anybody who is not. No more
// than that: a leader that nobody can take over from leads on.

namespace gaios::paxos {

// It votes, and will, has what an election needs of it, and does not stand aside.
bool Leader::MayTakeOver(const FollowerLink& follower) const {
  return follower.counts && state_.membership.next().voting().Contains(follower.member.id) &&
         follower.stage == FollowerLink::Stage::kActive && follower.in_sync &&
         !state_.peers[follower.member.id.value()].stands_aside;
}

// It acknowledges, and what it lacks is under way: a hand-over to it is a matter of round trips.
bool Leader::KeepsUp(const FollowerLink& follower) const {
  return MayTakeOver(follower) && !follower.leaving && !follower.filling &&
         state_.now - follower.acked_ns <= state_.options.suspect_timeout_ns;
}

bool Leader::IsPreferred(const FollowerLink& follower) const {
  const Priorities& priorities = state_.options.priorities;
  return state_.drained || priorities.at(follower.member.id.value()) > priorities.at(state_.self.id.value());
}

// One that was to take over, and did not or did not last, is waited for twice as long the next time.
TimeNs Leader::WaitsFor(const FollowerLink& follower) const {
  const HandOverTry& last = state_.hand_over_tries[follower.member.id.value()];
  const bool remembered = last.count != 0 && state_.now - last.at_ns <= 2 * Wait(last.count);
  return state_.drained && !remembered ? 0 : Wait(remembered ? last.count : 0);
}

TimeNs Leader::Wait(std::uint32_t tries) const {
  constexpr std::uint32_t kMostDoublings = 6;
  const TimeNs once = state_.drained ? state_.options.suspect_timeout_ns : state_.options.preferred_after_ns;
  return once << std::min(tries, kMostDoublings);
}

bool Leader::CanBeReplaced() const {
  return std::ranges::any_of(followers_.all(),
                             [this](const FollowerLink& follower) { return KeepsUp(follower); });
}

void Leader::PreferAnother() {
  if (!record_committed() || retired() || handing_over()) {
    return;
  }
  FollowerLink* best = nullptr;
  for (FollowerLink& follower : followers_.all()) {
    if (!KeepsUp(follower) || !IsPreferred(follower)) {
      follower.preferred_since_ns = 0;
      continue;
    }
    if (follower.preferred_since_ns == 0) {
      follower.preferred_since_ns = state_.now;
    }
    const bool due = state_.now - follower.preferred_since_ns >= WaitsFor(follower);
    if (due && (best == nullptr || state_.options.GoesFirst(follower.member.id, best->member.id))) {
      best = &follower;
    }
  }
  // While who is in the group changes, it is not also changed who leads.
  if (best != nullptr && change_settled() && has_quorum() && HandOver(best->member.id)) {
    best->preferred_since_ns = 0;
    HandOverTry& last = state_.hand_over_tries[best->member.id.value()];
    last.count = state_.now - last.at_ns <= 2 * Wait(last.count) ? last.count + 1 : 1;
    last.at_ns = state_.now;
  }
}

}  // namespace gaios::paxos

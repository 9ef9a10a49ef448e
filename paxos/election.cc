#include "gaios/paxos/election.h"

#include <algorithm>
#include <utility>

namespace gaios::paxos {
namespace {

// Who asks early and is told no, because the others have not found out yet, asks so often in a jitter.
constexpr TimeNs kEarlyPerJitter = 16;
// A candidate that has been given way to already is given so much of a jitter.
constexpr TimeNs kShortPerJitter = 4;

}  // namespace

TimeNs Election::Jitter() {
  // Staggered by priority, then by id, so that even the first election of a group is seldom split, plus
  // chance.
  const TimeNs stagger = state_.options.election_jitter_ns / (2 * kMaxReplicas) * state_.options.Rank();
  return stagger + state_.Random(std::max<TimeNs>(state_.options.election_jitter_ns / 2, 1));
}

// One that leads only when nobody else does lets the others try first.
TimeNs Election::Wait() {
  return Jitter() + (state_.last_resort() ? state_.options.suspect_timeout_ns : 0);
}

// The link to it has ended. Over shared memory that is its process; over a network it may be the link alone,
// often judged by silence, and then voters that still hear the leader say no.
bool Election::LeaderIsGone() const {
  return state_.has_leader && state_.leader != state_.self.id && !state_.peers[state_.leader.value()].link_up;
}

// What it publishes still says that it leads: it would say no, and one that is only silent says nothing. One
// that has stepped down since, or had only begun to campaign, may well say yes.
bool Election::StillLeads(ReplicaId id) const {
  return state_.has_leader && state_.leader == id && !state_.peers[id.value()].heartbeat_ballot.none();
}

// It goes before all other voters that can be reached, but for the leader that is suspected.
bool Election::IsNext() const {
  if (state_.last_resort()) {
    return false;
  }
  for (const ReplicaId id : state_.membership.voting()) {
    const bool suspected = state_.has_leader && state_.leader == id;
    if (id != state_.self.id && !suspected && state_.peers[id.value()].link_up && !GoesBefore(id)) {
      return false;
    }
  }
  return true;
}

bool Election::Suspects() const {
  if (state_.leader_alive_ns == 0) {
    return true;  // no leader was ever heard of
  }
  if (LeaderIsGone()) {
    return true;
  }
  return state_.now - state_.leader_alive_ns >
         (leader_has_beaten_ ? silence_.limit() : state_.options.suspect_timeout_ns);
}

bool Election::MajorityReachable() const {
  VoteCount reachable;
  reachable.Add(state_.membership, state_.self);
  for (const ReplicaId id : state_.membership.voting()) {
    const PeerView& peer = state_.peers[id.value()];
    if (id != state_.self.id && peer.link_up) {
      reachable.Add(state_.membership, {id, peer.incarnation});
    }
  }
  return reachable.Decides(state_.membership);
}

bool Election::Tick(Ballot promised) {
  if (state_.leader_alive_ns != 0) {
    // One that did not run could not hear: that is nobody's silence.
    state_.leader_alive_ns = std::min(state_.now, state_.leader_alive_ns + state_.own_pause_ns);
  }
  if (state_.now >= next_read_ns_) {
    next_read_ns_ = state_.now + state_.options.heartbeat_interval_ns;
    // Of whoever can be reached: who leads may have come to the group later than this log tells.
    for (std::size_t i = 0; i < kMaxReplicas; ++i) {
      const ReplicaId id(static_cast<std::uint8_t>(i));
      if (id != state_.self.id && state_.peers[i].link_up) {
        state_.ReadControl(id);
      }
    }
  }
  if (state_.withdrawn || state_.role == Role::kLearner || !Suspects() || !MajorityReachable()) {
    Rest();
    return false;
  }
  if (!suspecting_) {
    suspecting_ = true;
    campaign_at_ns_ = std::max({state_.now, favoured_until_ns_, not_before_ns_});
    // All find out before long, and agree on who asks first: that one need not wait.
    asks_early_ = state_.has_leader && IsNext() && campaign_at_ns_ == state_.now;
    early_until_ns_ = campaign_at_ns_ + Wait();
    campaign_at_ns_ = asks_early_ ? campaign_at_ns_ : early_until_ns_;
    state_.failover = {};
    state_.failover.leader_last_alive_ns = state_.leader_alive_ns;
    state_.failover.suspected_ns = state_.now;
  }
  if (asking_ && state_.now - asked_ns_ > state_.options.election_timeout_ns) {
    BackOff(0);
  }
  if (asking_ && asks_early_ && !refusals_.voted().empty() && state_.now >= asked_ns_ + EarlyInterval()) {
    AskAgainSoon();  // who said no may have found out by now, and the others may never answer
  }
  if (asking_ || state_.now < campaign_at_ns_) {
    return false;
  }
  Ask(promised);
  return votes_.Decides(state_.membership);
}

void Election::Ask(Ballot promised) {
  state_.Saw(promised);
  asking_ = true;
  ++state_.elections.asked;
  asked_ns_ = state_.now;
  asked_ballot_ = Ballot(state_.highest_round + 1, state_.self.id, state_.self.incarnation);
  votes_.Reset();
  refusals_.Reset();
  votes_.Add(state_.membership, state_.self);
  Message question;
  question.kind = MessageKind::kPreVote;
  question.grant = {asked_ballot_, ++question_};
  question.commit = state_.commit.position;
  for (const ReplicaId id : state_.membership.voting()) {
    if (id != state_.self.id && state_.peers[id.value()].link_up) {
      state_.actions.PushMessage(id, question);
    }
  }
}

void Election::OnControl(ReplicaId peer, Ballot heartbeat_ballot, std::uint64_t heartbeat_counter) {
  PeerView& view = state_.peers[peer.value()];
  const bool beat =
      view.seen && !heartbeat_ballot.none() && heartbeat_ballot.replica() == peer &&
      heartbeat_ballot.incarnation() == view.incarnation &&
      (heartbeat_ballot != view.heartbeat_ballot || heartbeat_counter != view.heartbeat_counter);
  view.stands_aside = heartbeat_ballot.none() && heartbeat_counter == kStandsAsideCounter;
  view.heartbeat_ballot = heartbeat_ballot;
  view.heartbeat_counter = heartbeat_counter;
  view.seen = true;
  if (beat && state_.role != Role::kLeader) {
    if (leader_has_beaten_ && state_.has_leader && state_.leader == peer) {
      silence_.OnGap(state_.now - state_.leader_alive_ns);
    }
    Follow(peer);
    leader_has_beaten_ = true;
  }
}

void Election::Follow(ReplicaId leader) {
  state_.leader = leader;
  state_.has_leader = true;
  state_.leader_alive_ns = state_.now;
  Calm();
}

void Election::OnPrepare(ReplicaId candidate) {
  Follow(candidate);
  leader_has_beaten_ = false;
}

void Election::OnPreVote(ReplicaId from, const Message& question, Ballot promised) {
  state_.Saw(promised);
  Message reply;
  reply.grant = question.grant;
  reply.promised = promised;
  reply.kind = Favours(from, question.commit) ? MessageKind::kPreVoteReply : MessageKind::kReject;
  if (reply.kind == MessageKind::kPreVoteReply) {
    GiveWayTo(from);
  }
  state_.actions.PushMessage(from, reply);
}

bool Election::Favours(ReplicaId candidate, Position its_commit) const {
  const bool campaigns = state_.role == Role::kLeader || state_.role == Role::kCandidate;
  const bool from_leader = state_.has_leader && state_.leader == candidate;
  const bool can_obtain = its_commit >= state_.Retained();
  const bool another = state_.now < favoured_until_ns_ && favoured_ != candidate;
  const bool own_may_win = !has_failed_ || state_.now - asked_ns_ < ShortFavour();
  const bool own_goes_first = asking_ && own_may_win && GoesBefore(candidate);
  return !campaigns && (Suspects() || from_leader) && can_obtain && !another && !own_goes_first;
}

// Of two that could ask: who leads only when nobody else does goes last, else by priority.
bool Election::GoesBefore(ReplicaId candidate) const {
  const bool its_last =
      state_.peers[candidate.value()].stands_aside || state_.options.priorities.at(candidate.value()) == 0;
  return its_last != state_.last_resort() ? its_last : state_.options.GoesFirst(state_.self.id, candidate);
}

void Election::GiveWayTo(ReplicaId candidate) {
  const bool again = given_way_.Contains(candidate);
  const TimeNs favour_ns = again ? ShortFavour() : state_.options.election_jitter_ns;
  given_way_.Add(candidate);
  const TimeNs already_ns = favoured_ == candidate ? favoured_until_ns_ : 0;
  favoured_ = candidate;
  favoured_until_ns_ = std::max(already_ns, state_.now + favour_ns);
  // Of two that ask each other again and again one goes on, however long their words take; but not with what
  // it was told too long ago to say no.
  const bool drops_own = again ? asking_ && (won() || !GoesBefore(candidate)) : suspecting_;
  if (drops_own) {
    asking_ = false;
    asks_early_ = false;
    campaign_at_ns_ = std::max(campaign_at_ns_, state_.now) + favour_ns;
  } else if (suspecting_) {
    campaign_at_ns_ = std::max(campaign_at_ns_, favoured_until_ns_);
  }
}

void Election::OnPreVoteReply(ReplicaId from, const Message& reply) {
  if (asking_ && reply.grant == Grant{asked_ballot_, question_}) {
    votes_.Add(state_.membership, {from, state_.peers[from.value()].incarnation});
  }
}

void Election::OnReject(ReplicaId from, const Message& reject) {
  state_.Saw(reject.promised);
  if (!asking_ || reject.grant != Grant{asked_ballot_, question_}) {
    return;
  }
  refusals_.Add(state_.membership, {from, state_.peers[from.value()].incarnation});
  ReplicaSet may_agree;
  for (const ReplicaId id : state_.membership.voting() - refusals_.voted()) {
    const PeerView& peer = state_.peers[id.value()];
    const bool counts = peer.link_up && state_.membership.Counts({id, peer.incarnation});
    if (id == state_.self.id || (counts && !StillLeads(id))) {
      may_agree.Add(id);
    }
  }
  if (state_.membership.Decides(may_agree)) {
    return;
  }
  if (asks_early_) {
    AskAgainSoon();  // the others may not have seen it yet: as if it had not asked
  } else {
    BackOff(0);
  }
}

TimeNs Election::ShortFavour() const {
  return std::min(state_.options.election_jitter_ns, state_.options.heartbeat_interval_ns) / kShortPerJitter;
}

TimeNs Election::EarlyInterval() const {
  return state_.options.election_jitter_ns / kEarlyPerJitter;
}

// Early still, or when its wait is over, as if it had not asked before.
void Election::AskAgainSoon() {
  asking_ = false;
  campaign_at_ns_ = std::max(state_.now, std::min(asked_ns_ + EarlyInterval(), early_until_ns_));
  asks_early_ = campaign_at_ns_ < early_until_ns_;
}

void Election::Calm() {
  Rest();
  not_before_ns_ = 0;
  has_failed_ = false;
  given_way_ = {};
  favoured_until_ns_ = 0;
}

void Election::BackOff(TimeNs longer_ns) {
  asking_ = false;
  asks_early_ = false;
  has_failed_ = true;
  not_before_ns_ = state_.now + longer_ns;
  suspecting_ = true;
  campaign_at_ns_ = state_.now + longer_ns + state_.options.election_jitter_ns / 2 + Wait();
}

}  // namespace gaios::paxos

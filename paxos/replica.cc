#include "gaios/paxos/replica.h"

#include <algorithm>
#include <utility>

#include "gaios/base/check.h"

namespace gaios::paxos {
namespace {

// Whether a word to take over still holds: it says where the leader's log ended. Where it says nothing an
// earlier release has spoken.
bool StillHolds(const Message& take_over, Position end) {
  return take_over.commit == Position() || end <= take_over.commit;
}

}  // namespace

Replica::Replica(const Options& options, std::byte* memory, Observer* observer)
    : state_(options, memory, observer), apply_(state_.commit) {}

void Replica::Tick() {
  const TimeNs since = state_.now - std::exchange(state_.ticked_ns, state_.now);
  const TimeNs heartbeat = state_.options.heartbeat_interval_ns;
  state_.own_pause_ns = since > heartbeat ? since - heartbeat : 0;
  switch (state_.role) {
    case Role::kLearner:
    case Role::kFollower:
      if (!acceptor_.granting()) {
        learner_.Rescan(acceptor_.granted().ballot);
      }
      follower_reads_.Tick();
      if (election_.Tick(acceptor_.promised().ballot)) {
        Campaign();
      }
      return;
    case Role::kCandidate:
      After(recovery_.Tick());
      return;
    case Role::kLeader:
      if (!leader_.Tick()) {
        StepDown();
      } else if (leader_.wants_takeback() && !acceptor_.granting()) {
        leader_.Seal();
        leader_.Stop();
        taking_back_ = true;
        Campaign();
      }
      return;
  }
}

void Replica::Campaign() {
  GAIOS_CHECK(state_.voter(), "P7: an incarnation that is no voter campaigns never");
  if (state_.role == Role::kFollower) {
    follower_reads_.Lose();
  }
  state_.role = Role::kCandidate;
  ++state_.elections.begun;
  state_.has_leader = false;
  state_.failover.agreed_ns = state_.now;
  // While an earlier grant is not effective, who knows when ours will be: then nobody is asked before it is.
  const bool fenced_soon = !acceptor_.granting();
  acceptor_.Promise(state_.self.id, {recovery_.Start(fenced_soon), 1});
}

void Replica::After(Recovery::Progress progress) {
  if (state_.role != Role::kCandidate || progress == Recovery::Progress::kWaiting) {
    return;
  }
  if (progress == Recovery::Progress::kAdopted) {
    if (!taking_back_ || !recovery_.adopted_own()) {
      ++state_.leadership_epoch;
    }
    taking_back_ = false;
    state_.role = Role::kLeader;
    if (leader_.Start(recovery_, std::exchange(handed_over_, false))) {
      ++state_.elections.won;
      state_.leader = state_.self.id;
      state_.has_leader = true;
      state_.leader_alive_ns = state_.now;
      return;
    }
  }
  StepDown();
}

// Of the entry that is applied now.
void Replica::TellApplied() {
  const Entry entry = NextToApply();
  if (Membership::IsChange(entry.kind())) {
    state_.membership.OnApply(entry);
  }
  if (state_.observer != nullptr) {
    state_.observer->OnApply(state_.self, entry);
  }
}

void Replica::Withdraw() {
  state_.withdrawn = true;
  follower_reads_.Lose();
  if (state_.role == Role::kLeader || state_.role == Role::kCandidate) {
    StepDown();
  }
}

bool Replica::Drain(bool drained) {
  if (drained && state_.role == Role::kLeader && !leader_.CanBeReplaced()) {
    return false;
  }
  state_.drained = drained;
  if (drained && state_.role == Role::kLeader) {
    leader_.PreferAnother();
  }
  return true;
}

void Replica::StepDown() {
  // One that could not write, or whose log did not let it lead, lets others try first, however long they
  // wait.
  const bool unproven = state_.role == Role::kLeader && !leader_.proven();
  handed_over_ = false;
  std::optional<ReplicaId> successor;
  if (state_.role == Role::kLeader) {
    successor = leader_.successor();
    leader_.Stop();
    ++state_.leadership_epoch;
  } else if (state_.role == Role::kCandidate) {
    for (std::size_t i = 0; i < kMaxReplicas; ++i) {
      const ReplicaId id(static_cast<std::uint8_t>(i));
      if (id != state_.self.id && state_.peers[i].incarnation.value() != 0) {  // it may have been asked
        static_cast<void>(state_.actions.Add(ActionKind::kAbandon, id));
      }
    }
    if (taking_back_) {
      taking_back_ = false;
      ++state_.leadership_epoch;
    }
  }
  state_.role = state_.voter() ? Role::kFollower : Role::kLearner;
  if (state_.has_leader && state_.leader == state_.self.id) {
    // One that has been removed hears nothing from its successor, and has clients that ask for it.
    state_.has_leader = successor.has_value();
    state_.leader = successor.value_or(state_.leader);
  }
  learner_.Reset();
  election_.OnStepDown(
      unproven ? std::max(state_.options.suspect_timeout_ns, state_.options.suspect_timeout_most_ns) : 0);
}

void Replica::OnMessage(ReplicaId from, Incarnation incarnation, std::span<const std::byte> bytes) {
  const bool known = from.value() < kMaxReplicas && from != state_.self.id &&
                     state_.peers[from.value()].incarnation == incarnation;
  const std::optional<Message> message =
      known ? DecodeMessage(bytes, state_.options.group) : std::optional<Message>();
  // P7 among others: what a forgetful incarnation says counts nowhere, nor what a removed one does. But a
  // leader whose removal is committed hands over all the same.
  if (!message.has_value() ||
      (!state_.membership.MayCount({from, incarnation}) && message->kind != MessageKind::kTakeOver)) {
    ++state_.dropped_messages;
    return;
  }
  switch (message->kind) {
    case MessageKind::kPreVote:
      election_.OnPreVote(from, *message, acceptor_.promised().ballot);
      return;
    case MessageKind::kPreVoteReply:
      if (state_.role == Role::kFollower) {
        election_.OnPreVoteReply(from, *message);
      }
      return;
    case MessageKind::kPrepare:
      if (message->grant.ballot.replica() != from || message->grant.ballot.incarnation() != incarnation ||
          message->grant.number == 0) {
        ++state_.dropped_messages;
        return;
      }
      if (acceptor_.Judge(from, message->grant) == Acceptor::Verdict::kHigher) {
        // Having promised higher, we neither lead nor campaign below.
        if (state_.role == Role::kCandidate || state_.role == Role::kLeader) {
          StepDown();
        }
        learner_.Reset();
        if (message->grant.ballot != acceptor_.promised().ballot) {
          follower_reads_.Lose();
        }
        election_.OnPrepare(from);
        acceptor_.Promise(from, message->grant);
      }
      return;
    case MessageKind::kTakeOver:
      // The leader that holds our log hands over. One that leads no more, or has been granted it anew, is not
      // heard, nor one that has gone on since; and one that could not lead does not obey.
      if (state_.role == Role::kFollower && !state_.withdrawn && !state_.drained &&
          StillHolds(*message, state_.end.position) && election_.MajorityReachable() &&
          !acceptor_.granting() && message->grant == acceptor_.granted() &&
          message->grant.ballot.replica() == from) {
        election_.Calm();
        state_.failover = {};
        state_.failover.leader_last_alive_ns = state_.now;
        state_.failover.suspected_ns = state_.now;
        handed_over_ = true;
        Campaign();
      } else {
        ++state_.dropped_messages;
      }
      return;
    case MessageKind::kStandBy:
      // What it causes is not seen from outside, but for the answer.
      if (state_.role == Role::kFollower && !acceptor_.granting() && message->grant == acceptor_.granted() &&
          message->grant.ballot.replica() == from) {
        static_cast<void>(state_.actions.Add(ActionKind::kStandBy, from));
        stands_by_until_ns_ = state_.now + 2 * state_.options.stand_by_ns;  // longer than its leader waits
        Message answer;
        answer.kind = MessageKind::kStandingBy;
        answer.grant = message->grant;
        state_.actions.PushMessage(from, answer);
      } else {
        ++state_.dropped_messages;
      }
      return;
    case MessageKind::kStandingBy:
      if (state_.role == Role::kLeader) {
        leader_.OnStandingBy(from, *message);
      }
      return;
    case MessageKind::kPromise:
      if (state_.role == Role::kCandidate) {
        After(recovery_.OnPromise(from, *message));
      } else if (state_.role == Role::kLeader) {
        leader_.OnPromise(from, *message);
      }
      return;
    case MessageKind::kReject:
      state_.Saw(message->promised);
      if (state_.role == Role::kFollower) {
        election_.OnReject(from, *message);
      } else if (state_.role == Role::kCandidate) {
        After(recovery_.OnReject(*message));
      } else if (state_.role == Role::kLeader) {
        leader_.OnReject(from, *message);
      }
      return;
  }
}

void Replica::OnGranted(Grant grant, std::byte* memory) {
  state_.log.MoveTo(memory);
  if (!acceptor_.OnGranted(grant)) {
    return;
  }
  if (state_.role == Role::kCandidate && grant.ballot == recovery_.ballot()) {
    After(recovery_.OnSelfGranted());
  }
}

Range Replica::LiveRange(const std::byte* memory) {
  GAIOS_CHECK(memory == state_.log.At(Position(0)), "the log that is fenced is the log we have");
  // What completed under the old grant is in the memory by now, so it is in the chain.
  state_.Examine();
  return {state_.kept_from, std::max(state_.kept_from, state_.end.position)};
}

bool Replica::InstallSnapshot(const SnapshotPoint& point) {
  const bool follows = state_.role == Role::kFollower || state_.role == Role::kLearner;
  if (!follows || point.cursor.position <= state_.commit.position) {
    return false;
  }
  // A ballot below the one that the snapshot is known under may have a log without all of it; its leader has
  // been overtaken, and must not be told that we have committed more than it holds.
  acceptor_.RefuseBelow(point.promised);
  state_.Saw(point.promised);
  follower_reads_.Lose();
  state_.InstallSnapshot(point);
  apply_ = state_.commit;
  return true;
}

void Replica::OnLogRead(bool done, std::uint64_t token) {
  if (state_.role == Role::kCandidate) {
    After(recovery_.OnRead(done, token));
  }
}

void Replica::OnControl(ReplicaId peer, const ControlWords& words) {
  ++state_.control_reads[peer.value()].answered;
  PeerView& view = state_.peers[peer.value()];
  if (!view.link_up || words.incarnation != view.incarnation) {
    follower_reads_.OnControlFailed(peer);
    return;
  }
  view.commit = std::max(view.commit, words.commit);
  view.applied = std::max(view.applied, words.applied);
  view.retained = std::max(view.retained, words.retained);
  election_.OnControl(peer, words.heartbeat_ballot, words.heartbeat_counter);
  follower_reads_.OnControl(peer, words);
  if (state_.role == Role::kLeader) {
    leader_.OnControl(peer, words.incarnation, view.commit, view.applied);
  }
}

void Replica::OnControlFailed(ReplicaId peer) {
  ++state_.control_reads[peer.value()].answered;
  follower_reads_.OnControlFailed(peer);
}

void Replica::OnControlNotPosted(ReplicaId peer) {
  GAIOS_CHECK(state_.control_reads[peer.value()].posted > state_.control_reads[peer.value()].answered,
              "a read that was not asked for");
  --state_.control_reads[peer.value()].posted;
  follower_reads_.OnControlNotPosted(peer);
}

void Replica::OnLinkUp(ReplicaId peer, Incarnation incarnation) {
  PeerView& view = state_.peers[peer.value()];
  if (view.incarnation != incarnation) {
    view = {};
  }
  view.incarnation = incarnation;
  view.link_up = true;
  if (state_.role == Role::kLeader) {
    leader_.OnLinkUp(peer, incarnation);
  }
}

void Replica::OnLinkDown(ReplicaId peer) {
  state_.peers[peer.value()].link_up = false;
  if (state_.role == Role::kLeader) {
    leader_.OnLinkDown(peer);
  }
}

std::optional<Replica::Read> Replica::StartRead() {
  if (state_.role == Role::kLeader) {
    const std::optional<Leader::Read> read = leader_.StartRead();
    return read.has_value() ? std::optional(Read{read->index, read->round, ReadEpoch()}) : std::nullopt;
  }
  const std::optional<std::uint64_t> round = follower_reads_.Start(acceptor_.promised().ballot);
  return round.has_value() ? std::optional(Read{Position(), *round, ReadEpoch()}) : std::nullopt;
}

std::optional<Position> Replica::ReadIndex(const Read& read) const {
  if (ReadLost(read)) {
    return std::nullopt;
  }
  // A candidate's are those of the leader that it was, and may be again.
  if (state_.role == Role::kLeader && leader_.ReadConfirmed() >= read.round) {
    return read.index;
  }
  if (state_.role == Role::kFollower && follower_reads_.confirmed() >= read.round) {
    return follower_reads_.index();
  }
  return std::nullopt;
}

std::optional<ReplicaId> Replica::leader() const {
  return state_.has_leader ? std::optional(state_.leader) : std::nullopt;
}

}  // namespace gaios::paxos

#ifndef GAIOS_PAXOS_ELECTION_H_
#define GAIOS_PAXOS_ELECTION_H_

// When to campaign: suspicion from heartbeats, and the pre-vote that keeps one replica's trouble its own.
//
// A leader beats only while a majority acknowledges its writes. A follower reads the control region of every
// peer; a beat of any leader is a sign of life, so a replica that is cut off from its leader's writes but can
// see it beat does not disturb it. When there was none for the suspect timeout, or the link to
// the leader has ended, the follower waits a little, by chance, and asks the voters; the next in line does
// not wait, and asks again soon if they have not found out yet. The timeout grows where pauses are seen
// (silence_limit.h), and time in which the follower itself was not running is no silence of the leader. Each
// agrees only if it sees no leader either, and if the candidate is not so far behind that it could not obtain
// the log. A majority of yes starts phase 1.
//
// So that two seldom start it together, a voter that says yes to one gives way to it: for as long as the
// jitter it says no to others and does not ask itself; and of two that ask each other, the one of higher
// priority goes first, or of the lower id. One that is drained, or of priority 0, waits a suspect timeout
// longer: it leads if the others do not. Each is given way for so long once while there is no leader, and
// then for moments, so that one that cannot win holds nobody up for long.

#include "gaios/paxos/message.h"
#include "gaios/paxos/silence_limit.h"
#include "gaios/paxos/state.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

class Election {
 public:
  explicit Election(State& state)
      : state_(state), silence_(state.options.suspect_timeout_ns, state.options.suspect_timeout_most_ns) {}

  // A follower's tick: reads heartbeats, suspects, asks. Returns true when the pre-vote is won: start
  // phase 1. A learner's only reads.
  [[nodiscard]] bool Tick(Ballot promised);

  // A peer's control region has been read.
  void OnControl(ReplicaId peer, Ballot heartbeat_ballot, std::uint64_t heartbeat_counter);

  // Answers a pre-vote question.
  void OnPreVote(ReplicaId from, const Message& question, Ballot promised);

  // A yes.
  void OnPreVoteReply(ReplicaId from, const Message& reply);

  // The pre-vote is won. To be asked when all has been heard that has come: whoever said yes gives way for a
  // while only, and behind a yes may stand the word of another that has been elected meanwhile. Then phase 1
  // is to start.
  [[nodiscard]] bool won() const { return asking_ && votes_.Decides(state_.membership) && !state_.withdrawn; }

  // A no: that voter sees a leader, or we are behind. When no majority is left to agree, ask again: soon
  // while it asks early, else after a wait.
  void OnReject(ReplicaId from, const Message& reject);

  // `candidate` is promised our log: it may come to lead.
  void OnPrepare(ReplicaId candidate);

  // A leader was heard, or this replica campaigns: nothing of the search for one is left.
  void Calm();

  // Silence after which a leader is suspected, as of now, ns.
  [[nodiscard]] TimeNs silence_limit() const { return silence_.limit(); }

  // This replica leads or campaigns no more: it waits, by chance and at least `longer_ns`, before it asks
  // again.
  void OnStepDown(TimeNs longer_ns) {
    leader_has_beaten_ = false;
    BackOff(longer_ns);
  }

  // A leader was found gone a moment ago, or another candidate is given way to: there will soon be something
  // to do.
  [[nodiscard]] bool awaiting() const {
    return (suspecting_ && state_.now - state_.failover.suspected_ns <= state_.options.election_timeout_ns) ||
           state_.now < favoured_until_ns_;
  }

  // Asking makes sense: so many voters could answer.
  [[nodiscard]] bool MajorityReachable() const;

 private:
  [[nodiscard]] bool Suspects() const;
  [[nodiscard]] bool LeaderIsGone() const;
  [[nodiscard]] bool StillLeads(ReplicaId id) const;
  [[nodiscard]] bool IsNext() const;
  [[nodiscard]] bool GoesBefore(ReplicaId candidate) const;
  [[nodiscard]] TimeNs Jitter();
  [[nodiscard]] TimeNs Wait();
  // Looks for no leader for now. What was learned in the search stays until there is one.
  void Rest() {
    suspecting_ = false;
    asking_ = false;
  }
  void Ask(Ballot promised);
  [[nodiscard]] TimeNs EarlyInterval() const;
  [[nodiscard]] TimeNs ShortFavour() const;
  void AskAgainSoon();
  void BackOff(TimeNs longer_ns);
  // Whether that candidate is told yes.
  [[nodiscard]] bool Favours(ReplicaId candidate, Position its_commit) const;
  void GiveWayTo(ReplicaId candidate);
  void Follow(ReplicaId leader);

  State& state_;
  SilenceLimit silence_;
  bool leader_has_beaten_ = false;  // not only sent a Prepare: its pauses are like those that were seen
  bool suspecting_ = false;
  bool asking_ = false;
  bool asks_early_ = false;  // before its wait is over, again and again
  TimeNs early_until_ns_ = 0;
  TimeNs next_read_ns_ = 0;
  TimeNs campaign_at_ns_ = 0;
  TimeNs not_before_ns_ = 0;  // no campaign of ours
  TimeNs asked_ns_ = 0;
  Ballot asked_ballot_;
  std::uint64_t question_ = 1;  // of them; told apart from what is asked in phase 1, which has number 1
  VoteCount votes_;
  VoteCount refusals_;
  bool has_failed_ = false;  // an election of its own, since there was a leader
  ReplicaSet given_way_;     // to whom, since there was a leader
  ReplicaId favoured_;       // alone is told yes until then
  TimeNs favoured_until_ns_ = 0;
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_ELECTION_H_

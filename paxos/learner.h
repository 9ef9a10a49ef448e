#ifndef GAIOS_PAXOS_LEARNER_H_
#define GAIOS_PAXOS_LEARNER_H_

// How a follower learns what is chosen, from its own memory alone: the entries that the leader has written,
// and the commit word beside them.
//
// The valid log of a follower is the leader's log only once it contains an entry of the leader's ballot: the
// ballot record, chained over everything before it. Until then what continues the committed prefix may be an
// old suffix that the leader has yet to overwrite, so nothing is learned from it, and the chain is followed
// again from the commit.

#include "gaios/paxos/state.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

class Learner {
 public:
  // Looked at in one call. Whoever applies as many in a turn finds them in the caches.
  static constexpr int kEntriesPerCall = 32;

  explicit Learner(State& state) : state_(state) {}

  // Takes in entries that have landed and moves the commit to at most `commit_word`, or to what the entries
  // themselves say. `granted` is the ballot the log is granted under. Looks at a bounded number of entries;
  // returns whether anything was new.
  bool Learn(Ballot granted, Position commit_word);

  // Follows the chain again from the commit while the log is not yet known to be the leader's. Costs a pass
  // over the uncommitted suffix: for Tick, not for Poll.
  void Rescan(Ballot granted);

  // The log has been granted anew: what was hinted under the former grant no longer counts.
  void Reset() { hint_ = Position(); }

 private:
  State& state_;
  Position hint_;  // largest commit position found in entries of the leader's chain
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_LEARNER_H_

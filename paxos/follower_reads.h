#ifndef GAIOS_PAXOS_FOLLOWER_READS_H_
#define GAIOS_PAXOS_FOLLOWER_READS_H_

// Linearizable reads at a follower, by one-sided reads alone: nothing goes into the log, no message is sent,
// and no other replica's processor takes part.
//
// Let b be the ballot that this follower has promised, and L the replica that b names. A read is taken only
// when the last entry that is known here to be committed is of b: entries keep the ballot that they were
// proposed under and L's first is its ballot record, so the committed prefix covers that. A round then reads
// the control region of every voter, and is confirmed when, in reads posted after it began,
//
//   - the commit that L publishes was read: that is the index, how far the state must have got, and
//   - a majority, this replica included, was found to have promised b, neither less nor more.
//
// Why that is linearizable. Let e be anything that somebody could know to be committed when the read was
// asked for: by an acknowledgement, by another read, or from a replica that had learned it. All of these rest
// on the leader of some ballot that had found e committed and published it, for a leader publishes its commit
// before any reply, callback, commit word or message that rests on it. Call the first such ballot a. The
// index covers e:
//
//   - a > b cannot be. The leader of a had been promised a by a majority, which shares a voter with that of
//     the round. That voter had promised a before the read was asked for. A promise never decreases (P1): it
//     could not be found at b afterwards.
//   - a = b. The leader is L, in the incarnation that b names. It had published a commit that covers e before
//     the read was asked for; its commit never decreases (P5), and it was read afterwards.
//   - a < b. e was chosen below b, so it stands in L's log before the ballot record (P4). This replica's
//     commit covers that, and the index is no less.
//
// Each case needs one thing that was found after the read was asked for, and no two of them depend on one
// another: L's commit may be read before the promises of others, or after, or in between. Nor must L lead any
// more when it is read, for all that it ever acknowledged is in what it has published. What must not be is
// that an answer counts whose read was posted before: leaders and elections read control regions too. Reads
// of one peer are answered in posting order, so the answers are counted.
//
// All that is asked for while a round is under way shares the next one. A round that can no longer be
// confirmed is tried again at the next tick, until the promise of this replica changes, or nothing was
// confirmed for the suspect timeout: then the reads are lost. One thread; nothing allocates.

#include <array>
#include <cstdint>
#include <optional>

#include "gaios/paxos/limits.h"
#include "gaios/paxos/quorum.h"
#include "gaios/paxos/replica_set.h"
#include "gaios/paxos/state.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

class FollowerReads {
 public:
  explicit FollowerReads(State& state) : state_(state) {}

  // Asks for a read: the state may be looked at when it has got to index(), once confirmed() has reached the
  // round that is returned, unless epoch() has grown before. Nothing when this replica follows no leader that
  // it can reach, or does not yet know the ballot record of the one it follows to be committed. `promised` is
  // the ballot that this replica has promised.
  [[nodiscard]] std::optional<std::uint64_t> Start(Ballot promised);

  // Whether reads wait for a round that could begin now, and its beginning: posts the reads of control
  // regions.
  [[nodiscard]] bool wants_round() const { return waiting() && !under_way_ && !failed_; }
  void Begin();

  // A read of the peer's control region was answered, by the words of the life that its link names; could not
  // be read; or could not even be posted. State has counted it.
  void OnControl(ReplicaId peer, const ControlWords& words);
  void OnControlFailed(ReplicaId peer);
  void OnControlNotPosted(ReplicaId peer);

  // Lets a round that has failed be tried again, and gives up what has waited too long.
  void Tick();

  // The promise is another one, or this replica follows nobody any more: what waits will never be confirmed.
  void Lose();

  [[nodiscard]] std::uint64_t confirmed() const { return confirmed_; }
  [[nodiscard]] Position index() const { return index_; }  // of the round confirmed last
  // Grows whenever reads that were asked for will never be confirmed.
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }

 private:
  [[nodiscard]] bool waiting() const { return asked_ > confirmed_; }
  // Whether the read answered last is one that the round waits for; then it does so no more.
  [[nodiscard]] bool Takes(ReplicaId peer);
  // Whether the round is confirmed, or cannot be any more.
  void Judge();

  State& state_;
  std::uint64_t asked_ = 0;      // latest round that a read waits for
  std::uint64_t confirmed_ = 0;  // latest round confirmed
  bool under_way_ = false;
  bool failed_ = false;      // the round begun last: to be tried again
  std::uint64_t round_ = 0;  // begun last
  std::uint64_t epoch_ = 0;
  Position index_;
  Ballot ballot_;        // promised while reads wait
  TimeNs since_ns_ = 0;  // since when something waits and nothing was confirmed

  // Of the round under way.
  VoteCount agree_;                                       // promise ballot_
  ReplicaSet open_;                                       // peers whose answer is to come
  std::array<std::uint64_t, kMaxReplicas> awaited_ = {};  // which answer of that peer it is, counted from 1
  std::optional<Position> leaders_commit_;
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_FOLLOWER_READS_H_

#ifndef GAIOS_PAXOS_RECOVERY_H_
#define GAIOS_PAXOS_RECOVERY_H_

// Phase 1 of a candidate: fence itself, gather a majority of promises, adopt one whole log.
//
// The others are asked, once, while the own log is being fenced: neither waits for the other. Not by one that
// still waits for the fence of an earlier grant: it may never lead, and would only hold up who can. And
// nothing is decided before that is done. Our own promise is one like all others: it says where our log ends,
// and until nobody else writes that (P2), the end may still move, by what the old leader has chosen with our
// acceptance (P4).
//
// The adopted log is the one whose last valid entry has the highest ballot, the longest among equals:
// everything that a majority accepted under any lower ballot is in it (P4). If it is not the candidate's own,
// its bytes are read from the candidate's commit on, over whatever suffix stands there, and must then chain
// to exactly the end that was promised. A candidate that cannot obtain it gives up.
//
// Whose promises count is said by the log that is adopted: while a change that stands in it is not known to
// be chosen, a majority before it and one after it are needed. So they are counted again when it is had, and
// if they decide no more, the candidate asks on: those too of whom it has now heard. The best log is chosen
// among all who promised, whether they count or not.

#include <array>
#include <cstdint>

#include "gaios/paxos/message.h"
#include "gaios/paxos/replica_set.h"
#include "gaios/paxos/state.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

class Recovery {
 public:
  explicit Recovery(State& state) : state_(state) {}

  enum class Progress : std::uint8_t {
    kWaiting,
    kAdopted,  // state.end is the end of the adopted log, state.commit as far as any promise said
    kLost,     // a higher ballot, or the log cannot be had: give up and try again later
  };

  // The ballot to campaign with: above all seen. Starts the campaign; the own log is to be granted to
  // ourselves next. The others are asked now, or, where `fenced_soon` is false, only when it has been.
  [[nodiscard]] Ballot Start(bool fenced_soon);

  // Our own grant is effective: from now on promises decide.
  Progress OnSelfGranted();
  Progress OnPromise(ReplicaId from, const Message& promise);
  Progress OnReject(const Message& reject);
  Progress OnRead(bool done, std::uint64_t token);
  // Repeats what may have been lost; kLost after the election timeout.
  Progress Tick();

  [[nodiscard]] Ballot ballot() const { return ballot_; }
  [[nodiscard]] bool adopted_own() const { return adopted_own_; }
  // The incarnation in which replica `id` has promised this ballot, none if it has not.
  [[nodiscard]] Incarnation promised_as(ReplicaId id) const { return promised_as_[id.value()]; }
  [[nodiscard]] const Message& promise(ReplicaId id) const { return promise_[id.value()]; }
  // Everybody who has promised, whether that counts or not.
  [[nodiscard]] ReplicaSet promisers() const { return promisers_; }

 private:
  enum class Stage : std::uint8_t { kIdle, kFencing, kPreparing, kReading };

  // Asks the voters, as this log has them, that have not promised: those who have not been asked, or all.
  void AskForPromises(bool again);
  void Take(Member acceptor, const Message& promise);
  [[nodiscard]] Message OwnPromise() const;
  // Those whose promises count.
  [[nodiscard]] ReplicaSet Promised() const;
  // The promise to adopt: of the highest ballot, the longest among equals.
  [[nodiscard]] ReplicaId Best() const;
  // A majority has promised, and a majority can follow with what our ring will hold. More promises may mend
  // the latter.
  [[nodiscard]] bool Enough() const;
  Progress Choose();
  void ReadMore();
  Progress Finish();

  State& state_;
  Stage stage_ = Stage::kIdle;
  Ballot ballot_;
  TimeNs started_ns_ = 0;
  TimeNs asked_ns_ = 0;
  ReplicaSet promisers_;
  std::array<Incarnation, kMaxReplicas> asked_as_;
  std::array<Incarnation, kMaxReplicas> promised_as_;
  std::array<Message, kMaxReplicas> promise_;
  ReplicaId source_;
  bool adopted_own_ = true;  // nobody else's log has taken the place of ours
  Position read_to_;         // log bytes below have been asked for
  std::uint64_t read_token_ = 0;
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_RECOVERY_H_

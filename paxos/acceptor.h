#ifndef GAIOS_PAXOS_ACCEPTOR_H_
#define GAIOS_PAXOS_ACCEPTOR_H_

// The acceptor of one replica: promises ballots and grants its log, one grant at a time.
//
// A promise is given in three steps: the grant is published and every earlier one fenced (by the transport),
// the fence becomes effective (OnGranted), and only then is the log read for its valid end and the Promise
// sent. A higher Prepare that comes in between waits; a duplicate of the last one is answered with the same
// Promise again.

#include <algorithm>
#include <cstdint>
#include <optional>

#include "gaios/paxos/message.h"
#include "gaios/paxos/state.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

class Acceptor {
 public:
  explicit Acceptor(State& state) : state_(state) {}

  // What a Prepare from `from` is worth.
  enum class Verdict : std::uint8_t {
    kStale,      // below what has been promised: answered with Reject
    kDuplicate,  // the grant that is held or under way: answered again, or soon
    kHigher,     // to be promised: call Promise()
  };
  [[nodiscard]] Verdict Judge(ReplicaId from, Grant grant);

  // Nothing below `ballot` is promised any more: what is known here to be committed need not be in its log.
  // Not a promise itself.
  void RefuseBelow(Ballot ballot) { floor_ = std::max(floor_, ballot); }
  [[nodiscard]] Ballot floor() const { return floor_; }

  // Promises `grant` and starts granting the log to `to`, now or after the grant under way. P1.
  void Promise(ReplicaId to, Grant grant);

  // The transport has made the grant effective and the log has been moved to its memory. Returns true when
  // the grant was this replica's own; otherwise the Promise has been sent.
  [[nodiscard]] bool OnGranted(Grant grant);

  // The highest grant promised, effective or not.
  [[nodiscard]] Grant promised() const { return waiting_.has_value() ? waiting_->grant : promised_; }
  // The grant that is effective, if none is under way.
  [[nodiscard]] bool granting() const { return granting_; }
  [[nodiscard]] Grant granted() const { return promised_; }
  // A grant was begun a moment ago. One that takes longer waits for memory, and who knows how long.
  [[nodiscard]] bool awaiting() const {
    return granting_ && state_.now - begun_ns_ <= state_.options.election_timeout_ns;
  }

 private:
  struct Waiting {
    ReplicaId to;
    Grant grant;
  };

  void Begin(ReplicaId to, Grant grant);

  State& state_;
  Grant promised_;  // published; effective unless granting_
  ReplicaId holder_;
  Ballot floor_;
  bool granting_ = false;
  TimeNs begun_ns_ = 0;  // the grant under way
  std::optional<Waiting> waiting_;
  Message last_promise_;
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_ACCEPTOR_H_

#ifndef GAIOS_PAXOS_ACTIONS_H_
#define GAIOS_PAXOS_ACTIONS_H_

// What the core wants done: a bounded list, filled by one call into the core and carried out, in order, by
// whoever joined it to a transport, before the next call. Writes of the log stand in a list of their own,
// which comes first: what else one call wants of a peer that it writes to is to follow the write. The core
// never does anything itself.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "gaios/base/check.h"
#include "gaios/paxos/limits.h"
#include "gaios/paxos/message.h"
#include "gaios/paxos/range_write.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

enum class ActionKind : std::uint8_t {
  kGrantTo,      // give `grant` on the own log to `peer`
  kWriteCommit,  // write `value` into the peer's commit word
  kWriteProbe,   // write the probe word: its completion proves that the grant holds
  kReadLog,      // read `range` of the peer's log into the own
  kReadControl,  // read the peer's control region
  kSend,         // send message number `value`
  kAbandon,      // give up the granted path to the peer
  kStandBy,      // a hand-over is near: have at hand what it takes
};

struct Action {
  ActionKind kind = ActionKind::kSend;
  ReplicaId peer;
  Incarnation acceptor;     // incarnation of the peer that the grant was given by
  Grant grant;              // grant that the operation is under
  Range range;              // kReadLog
  std::uint64_t value = 0;  // kWriteCommit: the position; kSend: index of the message
  std::uint64_t token = 0;  // comes back with the completion
};

class Actions {
 public:
  // Enough for one call: a leader posts at most a write, a word and a read per peer and input, a campaign one
  // message.
  static constexpr std::size_t kCapacity = kMaxReplicas * 8;

  // A new action at the end of the list, for the caller to fill in place: the fields that its kind does not
  // name hold whatever they held.
  [[nodiscard]] Action& Add(ActionKind kind, ReplicaId peer) {
    GAIOS_CHECK(size_ < kCapacity, "more actions than one input may cause");
    Action& action = actions_[size_++];
    action.kind = kind;
    action.peer = peer;
    return action;
  }
  // A write of the log, for the caller to fill in place. Of one peer there is one at most, and no kAbandon.
  [[nodiscard]] RangeWrite& AddWrite() {
    GAIOS_CHECK(writes_size_ < kMaxReplicas, "more writes than there are replicas");
    return writes_[writes_size_++];
  }
  void PushMessage(ReplicaId to, const Message& message) {
    GAIOS_CHECK(messages_size_ < messages_.size(), "more messages than one input may cause");
    messages_[messages_size_] = message;
    Add(ActionKind::kSend, to).value = messages_size_++;
  }
  [[nodiscard]] std::span<const Action> list() const { return {actions_.data(), size_}; }
  [[nodiscard]] std::span<const RangeWrite> writes() const { return {writes_.data(), writes_size_}; }
  [[nodiscard]] const Message& message(const Action& action) const {
    GAIOS_CHECK(action.kind == ActionKind::kSend && action.value < messages_size_, "no such message");
    return messages_[action.value];
  }
  [[nodiscard]] bool empty() const { return (writes_size_ | size_) == 0; }
  void Clear() {
    writes_size_ = 0;
    size_ = 0;
    messages_size_ = 0;
  }

 private:
  std::size_t writes_size_ = 0;
  std::size_t size_ = 0;
  std::size_t messages_size_ = 0;
  std::array<RangeWrite, kMaxReplicas> writes_;
  std::array<Action, kCapacity> actions_;
  std::array<Message, kMaxReplicas * 2> messages_;
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_ACTIONS_H_

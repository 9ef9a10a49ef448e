#ifndef GAIOS_TRANSPORT_TRANSPORT_H_
#define GAIOS_TRANSPORT_TRANSPORT_H_

// The contract between the protocol and the memory of its peers: the fenced log.
//
// Every replica owns a log (a ring of bytes plus two words, writable by the holder of the latest grant and by
// nobody else) and a control region (words written by their owner alone, readable by every peer). A Transport
// is one replica's end of it. The two sentences every backend must keep, and that tests/conformance checks on
// each:
//
//   Accept.  If a write under grant g completes as kDone, its bytes were in the acceptor's log, and the
//            acceptor's incarnation was alive, before the acceptor gave any later grant.
//   Promise. Once OnGranted has been called at the acceptor, no write under any earlier grant changes its
//   log.
//
// And:
//   - operations posted on one link complete in posting order; each names its grant and the acceptor's
//     incarnation;
//   - a write or word reported as kDone tells that every write and word posted before it on that link under
//     the same grant is done too: these need no report of their own. A read, and whatever failed, has one;
//   - a failed operation says kFenced or kDown, never nothing; after one that failed, later ones of that link
//     under the same grant fail too;
//   - what has been reported as done never lands over what is posted after the report, on that link under the
//     same grant;
//   - the bytes of [from, to) are read from the poster's ring at any time between post and completion: they
//     must not change in between (P8);
//   - no write goes further than a capacity beyond what the acceptor has published as applied (P8); a backend
//     that sees it before its bytes are placed does not let it;
//   - reads return bytes held at some moment between post and completion, with no atomicity beyond 8 aligned
//     bytes; reads of one peer's control region are each answered once, in posting order;
//   - a read of the log that does not complete as kDone has changed nothing in the poster's ring: where it
//     would land may stand what the poster has accepted (P4);
//   - messages may be lost, doubled or late, never altered; they come from a peer whose group, version and
//     incarnation were checked;
//   - Grant is idempotent: asking again for the grant that is held neither fences again nor disturbs its
//     holder.
//
// Threads: a Transport belongs to one thread, which calls everything. No call blocks. Nothing allocates after
// start-up on Write, WriteMany, WriteToAll, PostToAll, WriteWord, ReadControl and Poll.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "gaios/base/check.h"
#include "gaios/paxos/range_write.h"
#include "gaios/paxos/types.h"

namespace gaios::transport {

using paxos::Grant;
using paxos::Incarnation;
using paxos::Position;
using paxos::Range;
using paxos::RangeWrite;
using paxos::ReplicaId;
using paxos::WriteTarget;

// What became of an operation.
enum class Outcome : std::uint8_t {
  kDone,    // it took effect
  kFenced,  // the acceptor has given a later grant, or lives in another incarnation: this grant is over
  kDown,    // the path is gone; whether the operation took effect is unknown
};

// Whether an operation was taken. Only kPosted leads to a completion.
enum class [[nodiscard]] Post : std::uint8_t {
  kPosted,
  kFull,  // as many operations as the link holds are under way: poll, then post again
  kDown,  // there is no link, or no granted path to that peer
};

// The words a granted leader writes beside the ring, each 8 bytes and atomic.
enum class LogWord : std::uint8_t {
  kCommit,  // position up to which the leader says this log is committed
  kProbe,   // carries no meaning: its completion proves that the grant still holds
};
inline constexpr std::size_t kLogWords = 2;

// The words a replica publishes to its peers by Publish(). Incarnation and promised grant stand beside them
// and are written by the transport itself, at start and in Grant.
enum class ControlWord : std::uint8_t {
  kCommit,            // own commit, a position
  kApplied,           // applied by the state machine, a position
  kDurable,           // reserved for durable mode, a position
  kRetained,          // oldest position this log still holds
  kHeartbeatBallot,   // packed ballot that this replica leads under
  kHeartbeatCounter,  // grows while it leads with a recent majority; else see paxos
};
inline constexpr std::size_t kControlWords = 6;

// A peer's control region as read: each word whole, the set of them not of one moment.
struct ControlView {
  Incarnation incarnation;
  Grant promised;
  std::uint64_t words[kControlWords] = {};
  [[nodiscard]] std::uint64_t word(ControlWord which) const { return words[static_cast<std::size_t>(which)]; }
};

// What was posted; comes back with its completion. `token` is the poster's own.
enum class Operation : std::uint8_t { kWrite, kWriteWord, kReadLog };

struct Completion {
  ReplicaId peer;
  Operation operation = Operation::kWrite;
  Outcome outcome = Outcome::kDone;
  Grant grant;
  std::uint64_t token = 0;
};

// Called from within Transport::Poll only. Handlers may post operations; they must not call Poll.
class EventHandler {
 public:
  virtual ~EventHandler() = default;
  virtual void OnCompletion(const Completion& completion) = 0;
  // Every write posted to each of these under its grant is done, up to the one of its token: as by a
  // completion that says so, which there is not. Some may be known already; token 0 says nothing. These are
  // the targets of PostToAll in this formation. From transports that post to all, and none else.
  virtual void OnWritten(std::uint64_t /*formation*/, std::span<const WriteTarget> /*written*/) {
    GAIOS_CHECK(false, "who posts to all hears of it");
  }
  // `view` is valid for the call and meaningful when the outcome is kDone.
  virtual void OnControl(ReplicaId peer, Outcome outcome, const ControlView& view) = 0;
  virtual void OnMessage(ReplicaId from, Incarnation incarnation, std::span<const std::byte> bytes) = 0;
  // The grant asked for by Grant() is effective. Transport::log() may have moved; its live bytes are in
  // place.
  virtual void OnGranted(Grant grant) = 0;
  // A peer's process can be reached (again), or no longer. An up link has no granted path until that peer
  // grants one.
  virtual void OnLinkUp(ReplicaId peer, Incarnation incarnation) = 0;
  virtual void OnLinkDown(ReplicaId peer) = 0;
  // Asked while a grant is being given, after the promise is visible to every writer: the bytes of the log at
  // `log` that must survive. A backend that keeps its log in place need not ask.
  virtual Range LiveRange(const std::byte* log) = 0;
};

class Transport {
 public:
  virtual ~Transport() = default;

  // ---- owner side
  // -----------------------------------------------------------------------------------------------

  [[nodiscard]] virtual std::size_t capacity() const = 0;  // bytes, a power of two
  [[nodiscard]] virtual std::byte* log() = 0;  // 64-byte aligned; position p is at log()[p % capacity()]
  [[nodiscard]] virtual std::uint64_t ReadLogWord(LogWord which) const = 0;
  // Stores a word of the own control region, for peers to read. Release order: what was stored before is
  // visible to whoever sees it.
  virtual void Publish(ControlWord which, std::uint64_t value) = 0;
  // The word itself, as long as the transport lives, where Publish is a store to it in release order and
  // nothing else; its owner may then do that without a call. Null otherwise.
  [[nodiscard]] virtual std::atomic<std::uint64_t>* PublishedWord(ControlWord /*which*/) { return nullptr; }
  // Publishes `grant` as promised, fences every earlier one, and gives `to` write access to the log (its log
  // words set to zero). Answered by OnGranted from a later Poll. `to` may be the replica itself: then nobody
  // writes from outside. `grant` must be higher than every earlier one (P1) or equal to the latest, and no
  // other grant may be under way.
  virtual void GrantTo(ReplicaId to, Grant grant) = 0;

  // ---- peer side
  // ------------------------------------------------------------------------------------------------

  // Copies bytes [range.from, range.to) of the own log to the same positions of `peer`'s.
  virtual Post Write(ReplicaId peer, Grant grant, Incarnation acceptor, Range range, std::uint64_t token) = 0;
  // Does what Write does for each of `writes` in turn, up to the first that is not taken. Returns how many
  // were posted. For a backend that can do better than one call each.
  [[nodiscard]] virtual std::size_t WriteMany(std::span<const RangeWrite> writes) {
    std::size_t posted = 0;
    for (const RangeWrite& write : writes) {
      if (Write(write.peer, write.grant, write.acceptor, write.range, write.token) != Post::kPosted) {
        break;
      }
      ++posted;
    }
    return posted;
  }
  // Does what Write does for each of `targets`, all of them different peers to whom nothing is under way, and
  // knows at once what has become of it. True: each is done, as by a completion that says kDone. False: that
  // cannot be said of all; any of them may have taken effect, whole or in part, and no completion will tell.
  // The bytes may then be written again by Write, which tells what the matter is. For a backend whose own
  // processor writes. Calls with the same `formation`, unless it is 0, have the same targets: what one has
  // found out about them may be kept for the next.
  [[nodiscard]] virtual bool WriteToAll(std::span<const WriteTarget> /*targets*/, std::uint64_t /*formation*/,
                                        Range /*range*/) {
    return false;
  }
  // Whether WriteToAll may ever say more than false. Never changes.
  [[nodiscard]] virtual bool writes_at_once() const { return false; }
  // Does what Write does for each of `targets`, all of them different peers, by the token that each carries,
  // or nothing: false. What fails is reported by OnCompletion, what is done by OnWritten or OnCompletion.
  // Calls with the same `formation`, unless it is 0, have the same targets, and tokens one above those of the
  // call before: what one has found out about them may be kept for the next. For a backend that can do better
  // than WriteMany.
  [[nodiscard]] virtual bool PostToAll(std::span<const WriteTarget> /*targets*/, std::uint64_t /*formation*/,
                                       Range /*range*/) {
    return false;
  }
  // Whether PostToAll may ever say more than false. Never changes.
  [[nodiscard]] virtual bool posts_to_all() const { return false; }
  virtual Post WriteWord(ReplicaId peer, Grant grant, Incarnation acceptor, LogWord which,
                         std::uint64_t value, std::uint64_t token) = 0;
  // Copies bytes of `peer`'s log, at most paxos::kMaxWriteBytes, to the same positions of the own one: before
  // it is reported as kDone, and not at all otherwise. The grant must be held. One read is under way at a
  // time, whoever it goes to: until its outcome is settled, others are kFull. The own log is not granted to
  // anybody else before that (P2): Abandon settles it at once.
  virtual Post ReadLog(ReplicaId peer, Grant grant, Incarnation acceptor, Range range,
                       std::uint64_t token) = 0;
  // Reads `peer`'s control region; needs no grant. Answered by OnControl, with no word older than this call:
  // a linearizable read at a follower rests on it, so a copy that the peer has sent at some time will not do.
  virtual Post ReadControl(ReplicaId peer) = 0;
  // At most paxos::kMaxMessageBytes. Never waits; a message that cannot be sent is lost.
  virtual void Send(ReplicaId peer, std::span<const std::byte> message) = 0;
  // Gives up the granted path to `peer`: operations under way on it complete as kDown, and once this returns
  // no memory of ours is read for it any more and no read of ours lands. The link itself stays; the next
  // grant opens a new path.
  virtual void Abandon(ReplicaId peer) = 0;

  // A grant and messages are near, after long: a hint to have at hand what they take. Changes nothing that
  // anybody sees.
  virtual void StandBy() {}

  // ---- progress
  // -------------------------------------------------------------------------------------------------

  // Makes posted operations take their course and reports what happened. Returns the number of events
  // reported.
  virtual std::size_t Poll(EventHandler& handler) = 0;
};

}  // namespace gaios::transport

#endif  // GAIOS_TRANSPORT_TRANSPORT_H_

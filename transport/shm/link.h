#ifndef GAIOS_TRANSPORT_SHM_LINK_H_
#define GAIOS_TRANSPORT_SHM_LINK_H_

// One peer as a replica sees it: the operations posted to it, the path that it has granted, and the
// connection that all of this came over. Passive state; the transport works on it. Belongs to the transport's
// thread.

#include <array>
#include <cstddef>
#include <cstdint>

#include "gaios/base/check.h"
#include "gaios/base/unique_fd.h"
#include "gaios/paxos/limits.h"
#include "gaios/transport/shm/inbox.h"
#include "gaios/transport/shm/layout.h"
#include "gaios/transport/shm/region.h"
#include "gaios/transport/transport.h"

namespace gaios::transport::shm {

// Operations posted and not completed, oldest first, as the completions that they will be. An outcome of
// kDone is to be judged by the next look at the peer's promise; any other has been decided before. Fixed
// capacity.
class PostedQueue {
 public:
  [[nodiscard]] std::size_t size() const { return tail_ - head_; }
  [[nodiscard]] bool full() const { return size() == paxos::kMaxPostedPerLink; }
  // Field by field into the place: a copy of the whole would wait for the stores that made it.
  void Push(ReplicaId peer, Operation operation, const Grant& grant, std::uint64_t token, Outcome outcome) {
    if (operation == Operation::kReadLog || outcome != Outcome::kDone) [[unlikely]] {
      alike_from_ = tail_ + 1;
    }
    Completion& place = operations_[tail_++ % kPlaces];
    place.peer = peer;
    place.operation = operation;
    place.outcome = outcome;
    place.grant.ballot = grant.ballot;
    place.grant.number = grant.number;
    place.token = token;
  }
  // Stays where it is while as many again are pushed as the queue holds.
  Completion& Pop() { return operations_[head_++ % kPlaces]; }
  // Remembers what is posted now, for counted(): how much of it is left, whatever is posted after it.
  void Count() { counted_tail_ = tail_; }
  [[nodiscard]] std::size_t counted() const { return counted_tail_ - head_; }
  // Pops `count`, at least one, and returns the last.
  Completion& PopMany(std::size_t count) {
    head_ += count;
    return operations_[(head_ - 1) % kPlaces];
  }
  // Whether all are writes and words under one grant, still to be judged: one outcome will be that of all.
  [[nodiscard]] bool alike() const { return head_ >= alike_from_; }
  // Decides all that is still to be judged.
  void DecideAll(Outcome outcome) {
    for (std::size_t i = head_; i != tail_; ++i) {
      Completion& operation = operations_[i % kPlaces];
      if (operation.outcome == Outcome::kDone) {
        operation.outcome = outcome;
      }
    }
    alike_from_ = tail_;
  }

 private:
  static constexpr std::size_t kPlaces = 2 * paxos::kMaxPostedPerLink;
  static_assert((kPlaces & (kPlaces - 1)) == 0);
  std::array<Completion, kPlaces> operations_;
  std::size_t head_ = 0;
  std::size_t tail_ = 0;
  std::size_t counted_tail_ = 0;
  std::size_t alike_from_ = 0;  // what was pushed before is to be looked at one by one
};

// Memory that a peer has granted to us, ready to be stored into. No ring, no path.
struct Path {
  std::byte* ring = nullptr;
  LogWords* words = nullptr;
  Grant grant;
  std::uint64_t promise = 0;  // the count of the acceptor's promises that `grant` is
  Incarnation acceptor;

  [[nodiscard]] bool Is(const Grant& other, Incarnation other_acceptor) const {
    return grant == other && acceptor == other_acceptor;
  }
};

enum class LinkState : std::uint8_t {
  kClosed,   // no connection
  kHello,    // connected, our HELLO is sent, theirs not read
  kRegions,  // their HELLO is good, our regions are sent, theirs not read
  kUp,
};

struct Link {
  // ---- datapath
  Path path;
  std::uint32_t bit = 0;                   // of the peer, in sets of links
  const ControlRegion* control = nullptr;  // null unless the link is up
  std::uint32_t control_reads = 0;         // ReadControl posted and not answered
  PostedQueue posted;

  // ---- connection
  ReplicaId peer;
  LinkState state = LinkState::kClosed;
  base::UniqueFd socket;
  Incarnation incarnation;         // of the process at the other end, once its HELLO is good
  Incarnation newest_incarnation;  // ever seen
  Region control_region;
  Region doorbell;
  Region inbox_region;   // ours, for the peer to put packets into
  Region outbox_region;  // the same of the peer
  InboxReader inbox;     // both lead nowhere as long as there is no such memory
  InboxWriter outbox;
  std::uint32_t sent = 0;      // packets by the socket, since the link came up
  std::uint32_t received = 0;  // the same, those that have been handled
  Region granted;              // what path points into
  Region spare;                // what a later grant may name
  std::uint64_t spare_id = 0;
  bool grant_unsent = false;          // the latest grant is theirs and their socket was full
  std::uint64_t deadline_ns = 0;      // for the handshake
  std::uint64_t next_attempt_ns = 0;  // when to connect (again)
  std::uint64_t backoff_ns = 0;

  [[nodiscard]] bool up() const { return state == LinkState::kUp; }

  // Whether the peer's latest promise still is the one that the path was given for, in the same life. The
  // caller has executed a full fence since the stores that this decides about.
  [[nodiscard]] bool GrantHolds() const {
    const FenceLine& line = control->fence;
    return line.promises.load(std::memory_order_acquire) == path.promise &&
           line.incarnation.load(std::memory_order_acquire) == path.acceptor.value();
  }
};

}  // namespace gaios::transport::shm

#endif  // GAIOS_TRANSPORT_SHM_LINK_H_

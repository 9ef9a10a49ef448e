#ifndef GAIOS_TRANSPORT_VERBS_LINK_H_
#define GAIOS_TRANSPORT_VERBS_LINK_H_

// One peer as a replica sees it: the operations posted to it, the path that it has granted, looks at its
// control region, messages to and from it, and the queue pairs for all of this. Passive state; the transport
// works on it. Belongs to the transport's thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gaios/paxos/limits.h"
#include "gaios/transport/transport.h"
#include "gaios/transport/verbs/device.h"
#include "gaios/transport/verbs/local_memory.h"
#include "gaios/transport/verbs/queue_pair.h"
#include "gaios/transport/verbs/wire.h"

namespace gaios::transport::verbs {

// Whether work request `number` of a path comes before `other`, or is it. Numbers wrap.
[[nodiscard]] constexpr bool AtOrBefore(std::uint32_t number, std::uint32_t other) {
  return static_cast<std::int32_t>(other - number) >= 0;
}

// An operation posted and not reported, as the completion that it will be.
struct PostedOperation {
  Completion completion;
  std::uint32_t last_work = 0;  // its last work request on the path
  bool decided = false;         // the outcome stands; otherwise it waits for its work request
};

// Oldest first; fixed capacity. What has been popped stays where it is until as many again as the queue holds
// have been pushed.
class PostedQueue {
 public:
  [[nodiscard]] std::size_t size() const { return tail_ - head_; }
  [[nodiscard]] bool empty() const { return head_ == tail_; }
  [[nodiscard]] bool full() const { return size() == paxos::kMaxPostedPerLink; }
  [[nodiscard]] PostedOperation& front() { return operations_[head_ % kPlaces]; }
  [[nodiscard]] PostedOperation& back() { return operations_[(tail_ - 1) % kPlaces]; }
  // Ever.
  [[nodiscard]] std::size_t pushed() const { return tail_; }
  [[nodiscard]] bool front_decided() { return !empty() && front().decided; }
  PostedOperation& Push() { return operations_[tail_++ % kPlaces]; }
  PostedOperation& Pop() { return operations_[head_++ % kPlaces]; }
  void DecideAll(Outcome outcome) {
    for (std::size_t i = head_; i != tail_; ++i) {
      PostedOperation& operation = operations_[i % kPlaces];
      if (!operation.decided) {
        operation.decided = true;
        operation.completion.outcome = outcome;
      }
    }
  }

 private:
  static constexpr std::size_t kPlaces = 2 * paxos::kMaxPostedPerLink;
  static_assert((kPlaces & (kPlaces - 1)) == 0);
  std::array<PostedOperation, kPlaces> operations_;
  std::size_t head_ = 0;
  std::size_t tail_ = 0;
};

// Work requests that are built and not given to the device yet. They go together, and the last one alone is
// signalled.
inline constexpr std::uint32_t kChainLength = 16;
struct Chain {
  std::array<ibv_send_wr, kChainLength> work;
  std::array<ibv_sge, kChainLength> pieces;
  std::uint32_t size = 0;
};

// Each operation takes two work requests at most, when it goes across the end of the ring.
inline constexpr std::uint32_t kPathSends = 2 * paxos::kMaxPostedPerLink + kChainLength;

enum class PathState : std::uint8_t {
  kNone,  // nothing is granted, as far as is known
  kOpen,
  kBroken,  // its queue pair has failed, and the peer is being asked whether that was a fence
  kFenced,  // over; known so that what is posted under it still can be told so
};

// Write access to a peer's log.
struct Path {
  PathState state = PathState::kNone;
  std::uint16_t life = 0;  // counts paths of the link
  Grant grant;
  Incarnation acceptor;
  std::uint32_t key = 0;
  std::uint32_t next_work = 1;  // number of the next work request
  QueuePair pair;
  Chain chain;

  [[nodiscard]] bool Is(const Grant& other, Incarnation other_acceptor) const {
    return state == PathState::kOpen && grant == other && acceptor == other_acceptor;
  }
};

// A queue pair that is ready at both ends, for a grant to come. A peer offers one at a time, and the next
// when that was used; here it may come before the grant that uses the one before it.
inline constexpr std::size_t kPreparedPairs = 4;
struct PreparedPair {
  std::uint32_t id = 0;
  QueuePair pair;
};

// What a look at a control region is for.
enum class Look : std::uint8_t {
  kPosted,  // by ReadControl, to be reported
  kGreet,   // whether the peer can be reached by RDMA
  kAsk,     // whether a path that failed was fenced
};

// Looks at a control region, in posting order.
struct ControlReads {
  struct Slot {
    Look look = Look::kPosted;
    bool done = false;   // its copy has come and is whole
    bool again = false;  // an earlier copy was torn
    std::uint64_t posted_ns = 0;
  };
  std::array<Slot, kControlSlots> slots;
  std::uint32_t head = 0;  // slot of the oldest
  std::uint32_t size = 0;
  std::uint32_t reported = 0;  // of these, those that are kPosted
};

struct WaitingMessage {
  std::uint16_t size = 0;
  std::array<std::byte, paxos::kMaxMessageBytes> bytes;
};
inline constexpr std::uint32_t kWaitingMessages = 16;

enum class LinkState : std::uint8_t {
  kClosed,
  kConnected,  // the control queue pair is there; whether the peer answers by it is not known yet
  kUp,
};

struct Link {
  // ---- datapath
  Path path;
  std::uint32_t bit = 0;  // of the peer, in sets of links
  std::uint64_t log_address = 0;
  PostedQueue posted;
  bool kept = false;  // the path is one of KeptPaths, and what they have under way is behind `posted`

  // ---- control
  ReplicaId peer;
  LinkState state = LinkState::kClosed;
  std::uint16_t life = 0;  // of the link
  Incarnation incarnation;
  QueuePair control;
  std::uint64_t control_address = 0;
  std::uint32_t control_key = 0;
  ControlReads reads;
  std::uint64_t rtt_ns = 0;      // of these, smoothed; 0: none has come back in this life of the link
  bool ask = false;              // the peer is to be asked what it promises
  std::uint16_t asked_life = 0;  // the path that it was asked for last
  bool broken = false;           // the control queue pair has failed; the link is to be closed
  bool refused = false;          // and that was the own device, which took no work request

  // ---- messages
  std::uint32_t sent = 0;         // but bare credits
  std::uint32_t taken_there = 0;  // of these, as the peer says
  std::uint32_t taken = 0;        // of the peer's
  std::uint32_t taken_told = 0;   // of these, as the peer knows
  std::uint32_t free_sends = 0;   // slots, as bits
  bool grant_untold = false;      // the latest grant is theirs, and they have not been sent it
  bool fence_untold = false;
  Grant fenced;  // what to tell them is over
  std::uint32_t waiting_head = 0;
  std::uint32_t waiting = 0;
  std::array<WaitingMessage, kWaitingMessages> messages;

  // ---- prepared ahead of time
  PreparedPair own;                  // for the peer to write here
  std::vector<PreparedPair> theirs;  // for writing there

  [[nodiscard]] bool up() const { return state == LinkState::kUp; }
};

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TRANSPORT_VERBS_LINK_H_

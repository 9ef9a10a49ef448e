#ifndef GAIOS_TRANSPORT_UDP_POSTED_QUEUE_H_
#define GAIOS_TRANSPORT_UDP_POSTED_QUEUE_H_

// Operations posted to one peer and not reported, oldest first. Fixed capacity; one thread.

#include <array>
#include <cstddef>
#include <cstdint>

#include "gaios/paxos/limits.h"
#include "gaios/transport/transport.h"

namespace gaios::transport::udp {

struct PostedOperation {
  Completion completion;  // that it will be
  Range range;            // kWrite: what is not in a datagram yet; kReadLog: all of it
  LogWord word = LogWord::kCommit;
  std::uint64_t value = 0;          // kWriteWord
  std::uint64_t last_sequence = 0;  // once it is cut: it is done when this is acknowledged
  bool cut = false;                 // wholly in datagrams; of a read: it has begun
  bool decided = false;             // the outcome stands
};

class PostedQueue {
 public:
  [[nodiscard]] bool empty() const { return head_ == tail_; }
  [[nodiscard]] bool full() const { return tail_ - head_ == paxos::kMaxPostedPerLink; }
  [[nodiscard]] PostedOperation& front() { return At(head_); }

  PostedOperation& Push(ReplicaId peer, Operation operation, const Grant& grant, std::uint64_t token) {
    PostedOperation& posted = At(tail_++);
    posted.completion.peer = peer;
    posted.completion.operation = operation;
    posted.completion.outcome = Outcome::kDone;
    posted.completion.grant = grant;
    posted.completion.token = token;
    posted.cut = posted.decided = false;
    return posted;
  }
  // It is answered with this, whatever happens.
  void PushDecided(ReplicaId peer, Operation operation, const Grant& grant, std::uint64_t token,
                   Outcome outcome) {
    PostedOperation& posted = Push(peer, operation, grant, token);
    posted.completion.outcome = outcome;
    posted.cut = posted.decided = true;
    if (cut_ == tail_ - 1) {
      ++cut_;
    }
  }
  void Pop() { ++head_; }

  // The oldest that is not wholly cut; null when there is none.
  [[nodiscard]] PostedOperation* ToCut() {
    while (cut_ != tail_ && At(cut_).cut) {
      ++cut_;
    }
    return cut_ == tail_ ? nullptr : &At(cut_);
  }
  void DecideAll(Outcome outcome) {
    for (std::size_t i = head_; i != tail_; ++i) {
      PostedOperation& posted = At(i);
      if (!posted.decided) {
        posted.cut = posted.decided = true;
        posted.completion.outcome = outcome;
      }
    }
    cut_ = tail_;
  }

 private:
  static constexpr std::size_t kPlaces = paxos::kMaxPostedPerLink;
  static_assert((kPlaces & (kPlaces - 1)) == 0);
  [[nodiscard]] PostedOperation& At(std::size_t index) { return operations_[index % kPlaces]; }

  std::array<PostedOperation, kPlaces> operations_;
  std::size_t head_ = 0;
  std::size_t cut_ = 0;
  std::size_t tail_ = 0;
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TRANSPORT_UDP_POSTED_QUEUE_H_

#ifndef GAIOS_TESTS_TRANSPORT_VERBS_RACER_H_
#define GAIOS_TESTS_TRANSPORT_VERBS_RACER_H_

// A writer that keeps its link full: each write is a piece of the log, all words of which hold the number of
// the write, and as many are under way as the link takes. So when the acceptor grants to somebody else, the
// device is at work on what was posted before. The test then looks at every piece.

#include <sched.h>

#include <cstddef>
#include <cstdint>

#include "gaios/paxos/limits.h"
#include "gaios/transport/transport.h"

namespace gaios::transport::verbs {

inline constexpr std::size_t kPieceBytes = 2048;
// A piece is written again only when what was under way then is done.
inline constexpr std::size_t kPieces = 2 * paxos::kMaxPostedPerLink;
inline constexpr std::size_t kRaceCapacity = kPieces * kPieceBytes;
inline constexpr ReplicaId kRaceAcceptor{0};

class Racer final : public EventHandler {
 public:
  explicit Racer(Transport& transport) : transport_(transport) {}

  // Writes under `grant` of the acceptor's first life until it is over; the last number that was done, or 0.
  std::uint64_t Run(Grant grant) {
    fenced_ = false;
    last_done_ = 0;
    bool begun = false;  // the grant has come
    while (!fenced_) {
      const std::size_t offset = next_ % kPieces * kPieceBytes;
      auto* const words = reinterpret_cast<std::uint64_t*>(transport_.log() + offset);
      for (std::size_t word = 0; word < kPieceBytes / sizeof(std::uint64_t); ++word) {
        words[word] = next_;
      }
      const Range range = {.from = Position(offset), .to = Position(offset + kPieceBytes)};
      Post post = transport_.Write(kRaceAcceptor, grant, Incarnation(1), range, next_);
      while (!fenced_ && post != Post::kPosted) {
        (void)transport_.Poll(*this);
        ::sched_yield();
        // It may be fenced with nothing under way, if this process has not run for long: then no completion
        // says so.
        fenced_ = fenced_ || (begun && post == Post::kDown);
        post = fenced_ ? post : transport_.Write(kRaceAcceptor, grant, Incarnation(1), range, next_);
      }
      begun = true;
      ++next_;
    }
    // What was under way is answered before the next run; the last number may not have been posted.
    while (answered_ + 2 < next_) {
      (void)transport_.Poll(*this);
      ::sched_yield();
    }
    return last_done_;
  }

  // The next number written.
  void Skip(std::uint64_t next) {
    next_ = next;
    answered_ = next - 1;
  }

  void OnCompletion(const Completion& completion) override {
    answered_ = completion.token;
    if (completion.outcome == Outcome::kDone) {
      last_done_ = completion.token;
    } else {
      fenced_ = true;
    }
  }
  void OnControl(ReplicaId, Outcome, const ControlView&) override {}
  void OnMessage(ReplicaId, Incarnation, std::span<const std::byte>) override {}
  void OnGranted(Grant) override {}
  void OnLinkUp(ReplicaId, Incarnation) override {}
  void OnLinkDown(ReplicaId) override {}
  Range LiveRange(const std::byte*) override { return {}; }

 private:
  Transport& transport_;
  std::uint64_t next_ = 1;
  std::uint64_t answered_ = 0;
  std::uint64_t last_done_ = 0;
  bool fenced_ = false;
};

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TESTS_TRANSPORT_VERBS_RACER_H_

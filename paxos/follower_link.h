#ifndef GAIOS_PAXOS_FOLLOWER_LINK_H_
#define GAIOS_PAXOS_FOLLOWER_LINK_H_

// What a leader keeps of one follower: the grant it holds there, how far it has written and how far that is
// acknowledged, and the operations under way in posting order. A value without behaviour of the protocol;
// Leader decides.

#include <algorithm>
#include <array>
#include <cstdint>

#include "gaios/base/check.h"
#include "gaios/paxos/limits.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

struct FollowerLink {
  enum class Stage : std::uint8_t {
    kAbsent,  // no grant: never asked, or the path is gone; asked for again when the peer can be reached
    kAsked,   // Prepare sent
    kActive,  // granted: matched from its own commit, written to, its acks count
    kFenced,  // it has promised somebody else: nothing more under this ballot
    kBehind,  // our ring no longer holds what it lacks
  };

  // An operation under way.
  struct Posted {
    enum class Kind : std::uint8_t { kWrite, kCommitWord, kProbe };
    Kind kind = Kind::kWrite;
    std::uint64_t value = 0;  // kWrite: position where it ends; kProbe: the round it proves
  };

  Member member;
  bool counts = false;  // its acceptances and answers count (P7); else it is being filled
  Stage stage = Stage::kAbsent;
  Grant grant;
  bool in_sync = false;
  bool filling = false;      // it lacks much, and is written to piece by piece
  Position posted;           // end of what has been posted
  Position acked;            // end of what has completed: accepted, under our ballot
  Position word_posted;      // commit word as last posted
  Position applied;          // as last read; 0 when unknown
  TimeNs full_since_ns = 0;  // since when the ring has been full because of it; 0 when it is not
  bool stalled = false;      // left the in-sync set, and has applied nothing since
  // Where the log goes round the ring in less time than a snapshot takes, one is passed by again and again.
  std::uint32_t passed_by = 0;                   // how often, since it was in sync or waited for
  std::uint32_t passes_until_wait = kFewPasses;  // after so many the ring waits for it, ...
  bool waited_for = false;                       // ... which it does now, ...
  Position kept_from;                            // ... from here on, until it has caught up or had its time
  Position reach;                                // kBehind: as far as it gets without another snapshot
  TimeNs acked_ns = 0;                           // when an operation last completed
  TimeNs asked_ns = 0;
  std::uint64_t probed = 0;     // latest probe round completed
  TimeNs next_piece_ns = 0;     // filling: when the next piece may be posted, ...
  Position filled_beside;       // ... and where the log ended when the last one was
  bool leaving = false;         // its removal is committed: written to until it knows, and then no more, ...
  Position leaves_at;           // ... which it does when its commit has got here, ...
  TimeNs leaving_since_ns = 0;  // ... for as long as suspicion takes
  TimeNs preferred_since_ns = 0;  // it is to lead instead, and has kept up since then; 0: not so

  static constexpr std::uint32_t kFewPasses = 2;
  static constexpr std::uint32_t kManyPasses = 64;

  // Whether that helps or not, the next time is after twice as many passes.
  void BeginWait(Position from) {
    waited_for = true;
    kept_from = from;
    full_since_ns = 0;
    passed_by = 0;
    passes_until_wait = std::min(2 * passes_until_wait, kManyPasses);
  }
  // What it has got to by `now_at` is a snapshot or what it was written: one more, if it has got on at all.
  void CountPass(Position now_at) {
    if (passed_by == 0 || now_at > reach) {
      ++passed_by;
    }
    reach = std::max(reach, now_at);
  }

  // It is written to, and not piece by piece.
  [[nodiscard]] bool takes_all() const { return stage == Stage::kActive && !filling; }

  // The replica has come back as another incarnation: nothing of the former one holds for it.
  void Become(Incarnation incarnation) {
    member.incarnation = incarnation;
    counts = false;
    stage = Stage::kAbsent;
    in_sync = false;
    filling = false;
    posted = acked = word_posted = applied = Position();
    full_since_ns = 0;
    stalled = false;
    passed_by = 0;
    passes_until_wait = kFewPasses;
    waited_for = false;
    reach = Position();
    acked_ns = 0;
    asked_ns = 0;
    probed = 0;
    preferred_since_ns = 0;
    Forget();
  }

  // Tokens are drawn from above `first`: never those of an earlier leadership, whose completions may yet come
  // in.
  void NumberFrom(std::uint64_t first) { done_token_ = last_token_ = first; }

  [[nodiscard]] std::size_t under_way() const { return last_token_ - done_token_; }
  [[nodiscard]] bool room() const { return under_way() < kMaxPostedPerLink; }

  // Keeps the operation as under way and returns its token, one above the last.
  std::uint64_t Push(Posted::Kind kind, std::uint64_t value) {
    GAIOS_CHECK(room(), "more operations than a link holds");
    const std::uint64_t token = ++last_token_;
    Posted& place = posted_ring_[token % kMaxPostedPerLink];
    place.kind = kind;
    place.value = value;
    if (kind != Posted::Kind::kWrite) {
      last_other_ = token;
    }
    return token;
  }
  [[nodiscard]] bool IsUnderWay(std::uint64_t token) const {
    return token - done_token_ - 1 < last_token_ - done_token_;  // done_token_ < token <= last_token_
  }
  // Whether `token` is of the last operation under way, and it and all before it are writes: then, when it is
  // done, the log is acknowledged up to `posted`.
  [[nodiscard]] bool WritesAloneUpTo(std::uint64_t token) const {
    return token == last_token_ && last_other_ <= done_token_ && done_token_ != last_token_;
  }
  // Whether all that is under way, if anything is, is writes.
  [[nodiscard]] bool WritesAlone() const { return last_other_ <= done_token_; }
  // The token that the next Push returns.
  [[nodiscard]] std::uint64_t next_token() const { return last_token_ + 1; }
  // All that is under way is writes, and those up to `token`, which is one of them, have completed: so the
  // log is acknowledged up to where that one ends.
  void WritesDoneUpTo(std::uint64_t token) {
    done_token_ = token;
    acked = Position(posted_ring_[token % kMaxPostedPerLink].value);
  }
  // Writes have been posted, up to token `last`, of which `end` says where each ends, and all up to token
  // `done` has completed. The caller says how far the log is posted and acknowledged by that.
  template <typename End>
  void NoteWrites(std::uint64_t last, std::uint64_t done, End end) {
    done_token_ = std::max(done_token_, done);
    GAIOS_CHECK(last >= last_token_ && done_token_ <= last && last - done_token_ <= kMaxPostedPerLink,
                "P5: what has completed was posted, and no more is under way than a link holds");
    for (std::uint64_t token = std::max(last_token_, done_token_) + 1; token <= last; ++token) {
      Posted& place = posted_ring_[token % kMaxPostedPerLink];
      place.kind = Posted::Kind::kWrite;
      place.value = end(token).value();
    }
    last_token_ = last;
  }
  // All operations under way have completed.
  void DoneWithAll() { done_token_ = last_token_; }
  // Calls `function` with each operation under way, the oldest first.
  template <typename Function>
  void ForEachUnderWay(Function function) const {
    for (std::uint64_t token = done_token_ + 1; token <= last_token_; ++token) {
      function(posted_ring_[token % kMaxPostedPerLink]);
    }
  }
  // The oldest operation under way, which has completed: its token is one above that of the one before it.
  // Valid until the next Push.
  const Posted& Pop() { return posted_ring_[++done_token_ % kMaxPostedPerLink]; }
  // Token of the last operation that has completed, or was forgotten.
  [[nodiscard]] std::uint64_t done_token() const { return done_token_; }
  // Forgets what is under way: its completions, if any, are told apart by their tokens.
  void Forget() {
    done_token_ = last_token_;
    posted = acked;
  }

  // Lowest position that a posted write may still read, or `none` when there is none (P8). Writes are posted
  // in order of position, each from where the last one ended.
  [[nodiscard]] Position LowestPosted(Position none) const { return acked < posted ? acked : none; }

 private:
  std::uint64_t done_token_ = 0;
  std::uint64_t last_token_ = 0;
  std::uint64_t last_other_ = 0;                       // the last token that was not of a write
  std::array<Posted, kMaxPostedPerLink> posted_ring_;  // by token
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_FOLLOWER_LINK_H_

#ifndef GAIOS_PAXOS_TRAIL_H_
#define GAIOS_PAXOS_TRAIL_H_

// Cursors that the commit has passed, about evenly spaced over one ring, so that a replica can later prove
// what of its log it still holds.
//
// Below the applied position a log may be overwritten at any time: the leader reuses what every in-sync
// replica has applied, and bytes land before they are learned of. What a new leader writes to a follower that
// lags must be what was chosen, so before anything below the applied position is relied on, the chain is
// followed from one of these cursors to the commit, with every checksum.

#include <array>
#include <cstddef>
#include <cstdint>

#include "gaios/paxos/entry.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

class Trail {
 public:
  Trail(const Cursor& start, std::uint64_t capacity) : spacing_(capacity / kCursors) { Push(start); }

  // The commit has reached `commit`.
  void Note(const Cursor& commit) {
    if (commit.position >= next_) [[unlikely]] {
      Push(commit);
    }
  }

  // A chain can be followed from `cursor`, though perhaps from nothing before it.
  void Mark(const Cursor& cursor) {
    if (cursor.position > Back(0).position) {
      Push(cursor);
    }
  }

  // The cursors that are kept, latest first: Back(0) to Back(size() - 1).
  [[nodiscard]] std::size_t size() const { return count_ < kCursors ? count_ : kCursors; }
  [[nodiscard]] const Cursor& Back(std::size_t back) const {
    return cursors_[(count_ - 1 - back) % kCursors];
  }

 private:
  static constexpr std::size_t kCursors = 64;

  void Push(const Cursor& cursor) {
    cursors_[count_++ % kCursors] = cursor;
    next_ = cursor.position + spacing_;
  }

  std::array<Cursor, kCursors> cursors_;
  std::size_t count_ = 0;
  std::uint64_t spacing_;
  Position next_;  // the first position worth a cursor
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_TRAIL_H_

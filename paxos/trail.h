#ifndef GAIOS_PAXOS_TRAIL_H_
#define GAIOS_PAXOS_TRAIL_H_

// Cursors that the commit has passed, about evenly spaced over one ring, and closer to each other over the
// last stretch, so that a replica can later prove what of its log it still holds. The closer ones make a
// grant short where everybody keeps up: no more is examined, and carried over, than somebody lacks and the
// distance to the cursor before it.
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
  Trail(const Cursor& start, std::uint64_t capacity)
      : far_(capacity / kCursors), near_(capacity / (kCursors * kCursors)) {
    Push(start);
  }

  // The commit has reached `commit`.
  void Note(const Cursor& commit) {
    if (commit.position >= near_.next) [[unlikely]] {
      near_.Push(commit);
      if (commit.position >= far_.next) {
        far_.Push(commit);
      }
    }
  }

  // A chain can be followed from `cursor`, though perhaps from nothing before it.
  void Mark(const Cursor& cursor) {
    if (cursor.position > Back(0).position) {
      Push(cursor);
    }
  }

  // The cursors that are kept, latest first: Back(0) to Back(size() - 1).
  [[nodiscard]] std::size_t size() const { return near_.size() + far_.size() - Repeated(); }
  [[nodiscard]] const Cursor& Back(std::size_t back) const {
    return back < near_.size() ? near_.Back(back) : far_.Back(back - near_.size() + Repeated());
  }

 private:
  static constexpr std::size_t kCursors = 64;

  struct Cursors {
    explicit Cursors(std::uint64_t spacing_bytes) : spacing(spacing_bytes) {}
    [[nodiscard]] std::size_t size() const { return count < kCursors ? count : kCursors; }
    [[nodiscard]] const Cursor& Back(std::size_t back) const { return places[(count - 1 - back) % kCursors]; }
    void Push(const Cursor& cursor) {
      places[count++ % kCursors] = cursor;
      next = cursor.position + spacing;
    }

    std::array<Cursor, kCursors> places;
    std::size_t count = 0;
    std::uint64_t spacing;
    Position next;  // the first position worth a cursor
  };

  void Push(const Cursor& cursor) {
    near_.Push(cursor);
    far_.Push(cursor);
  }
  // How many of the far ones are no further back than the near ones are.
  [[nodiscard]] std::size_t Repeated() const {
    const Position oldest_near = near_.Back(near_.size() - 1).position;
    std::size_t repeated = 0;
    while (repeated < far_.size() && far_.Back(repeated).position >= oldest_near) {
      ++repeated;
    }
    return repeated;
  }

  Cursors far_;
  Cursors near_;
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_TRAIL_H_

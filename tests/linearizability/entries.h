#ifndef GAIOS_TESTS_LINEARIZABILITY_ENTRIES_H_
#define GAIOS_TESTS_LINEARIZABILITY_ENTRIES_H_

// The calls and answers of a history as a doubly linked list in the order of time. An operation that is
// linearized is lifted out, and put back when the search takes that back: both in constant time, as a lifted
// entry remembers its neighbours (Wing and Gong; Knuth's dancing links). The calls before the first answer
// are the operations that may take effect next. One thread.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "tests/linearizability/cell.h"

namespace gaios::linearizability {

class Entries {
 public:
  using Id = std::uint32_t;
  static constexpr Id kEnd = 0;  // before the first entry and after the last

  explicit Entries(std::span<const CellOperation> operations)
      : next_(operations.size() * 2 + 1), previous_(next_.size()) {
    std::vector<std::pair<std::uint64_t, Id>> order;
    for (std::size_t i = 0; i < operations.size(); ++i) {
      const auto operation = static_cast<std::uint32_t>(i);
      order.emplace_back(operations[i].invoked_at, CallOf(operation));
      if (!operations[i].open()) {
        order.emplace_back(operations[i].answered_at, AnswerOf(operation));
      }
    }
    std::sort(order.begin(), order.end());
    Id last = kEnd;
    for (const auto& [time, id] : order) {
      next_[last] = id;
      previous_[id] = last;
      last = id;
    }
    next_[last] = kEnd;
    previous_[kEnd] = last;
  }

  [[nodiscard]] Id first() const { return next_[kEnd]; }
  [[nodiscard]] Id next(Id id) const { return next_[id]; }
  // The end counts as one.
  [[nodiscard]] static bool IsAnswer(Id id) { return id % 2 == 0; }
  [[nodiscard]] static std::uint32_t OperationOf(Id id) { return (id - 1) / 2; }

  void Lift(std::uint32_t operation, bool open) {
    Unlink(CallOf(operation));
    if (!open) {
      Unlink(AnswerOf(operation));
    }
  }
  // Of those lifted and not put back, the latest.
  void PutBack(std::uint32_t operation, bool open) {
    if (!open) {
      Relink(AnswerOf(operation));
    }
    Relink(CallOf(operation));
  }

 private:
  static Id CallOf(std::uint32_t operation) { return operation * 2 + 1; }
  static Id AnswerOf(std::uint32_t operation) { return operation * 2 + 2; }
  void Unlink(Id id) {
    next_[previous_[id]] = next_[id];
    previous_[next_[id]] = previous_[id];
  }
  void Relink(Id id) {
    next_[previous_[id]] = id;
    previous_[next_[id]] = id;
  }

  std::vector<Id> next_;
  std::vector<Id> previous_;
};

}  // namespace gaios::linearizability

#endif  // GAIOS_TESTS_LINEARIZABILITY_ENTRIES_H_

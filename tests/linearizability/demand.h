#ifndef GAIOS_TESTS_LINEARIZABILITY_DEMAND_H_
#define GAIOS_TESTS_LINEARIZABILITY_DEMAND_H_

// Of each value of a cell, which of the operations that are not linearized yet need it, and which leave it.
// The search asks this to see early that a way leads nowhere, or that one way is as good as any. One thread.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tests/linearizability/cell.h"

namespace gaios::linearizability {

class Demand {
 public:
  // `operations` must outlive this; `values` is above every ValueId in them. Numbers below are of these.
  Demand(std::span<const CellOperation> operations, std::size_t values);

  void Lift(std::uint32_t operation) { Change(operation, true); }
  void PutBack(std::uint32_t operation) { Change(operation, false); }

  // How many need the value, open operations too.
  [[nodiscard]] std::uint32_t count(ValueId value) const { return count_[value]; }

  // Whether the cell may lose the value now, to `operation` (nothing for one that has not held it yet):
  // everybody else who must have it can hope that somebody leaves it again in time.
  [[nodiscard]] bool CanBeMetLater(ValueId value) const { return CanBeMetLater(value, kNobody); }
  [[nodiscard]] bool CanBeMetLater(ValueId value, std::uint32_t operation) const;

  // The first answer to somebody who must have the value; kNever for none.
  [[nodiscard]] std::uint64_t FirstAnswer(ValueId value) const {
    const Queue& needing = needing_[value];
    return needing.lifted < needing.operations.size()
               ? operations_[needing.operations[needing.lifted]].answered_at
               : kNever;
  }

 private:
  static constexpr std::uint32_t kNobody = UINT32_MAX;

  // Operations in some order, and how many at its front are lifted. Others may be lifted too.
  struct Queue {
    std::vector<std::uint32_t> operations;
    std::size_t lifted = 0;
  };

  void Change(std::uint32_t operation, bool lifted);
  void ChangeIn(Queue& queue, std::uint32_t place, bool lifted) const;

  std::span<const CellOperation> operations_;
  std::vector<bool> lifted_;
  std::vector<std::uint32_t> place_needing_;  // by operation: in its queue
  std::vector<std::uint32_t> place_leaving_;
  std::vector<std::uint32_t> count_;  // by value
  std::vector<Queue> needing_;        // by value: those that must have it, by their answers
  std::vector<Queue> leaving_;        // by value: by their invocations
};

}  // namespace gaios::linearizability

#endif  // GAIOS_TESTS_LINEARIZABILITY_DEMAND_H_

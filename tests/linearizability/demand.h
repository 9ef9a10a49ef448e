#ifndef GAIOS_TESTS_LINEARIZABILITY_DEMAND_H_
#define GAIOS_TESTS_LINEARIZABILITY_DEMAND_H_

// Of each value of a cell, how many of the operations that are not linearized yet need it, and how many leave
// it. The search asks this to see early that a way leads nowhere, or that one way is as good as any. One
// thread.

#include <cstdint>
#include <span>
#include <vector>

#include "tests/linearizability/cell.h"

namespace gaios::linearizability {

class Demand {
 public:
  Demand(std::span<const CellOperation> operations, std::size_t values)
      : must_have_(values), may_have_(values), leave_(values) {
    for (const CellOperation& operation : operations) {
      PutBack(operation);
    }
  }

  void Lift(const CellOperation& operation) { Count(operation, ~std::uint32_t{0}); }
  void PutBack(const CellOperation& operation) { Count(operation, 1); }

  // Needed by operations that must take effect; and by those that may. The second is never less.
  [[nodiscard]] std::uint32_t must_have(ValueId value) const { return must_have_[value]; }
  [[nodiscard]] std::uint32_t may_have(ValueId value) const { return may_have_[value]; }
  [[nodiscard]] std::uint32_t leave(ValueId value) const { return leave_[value]; }

 private:
  // Unsigned arithmetic wraps: adding 2^32 - 1 takes one away.
  void Count(const CellOperation& operation, std::uint32_t by) {
    if (operation.needs != kAnyValue) {
      must_have_[operation.needs] += operation.open() ? 0 : by;
      may_have_[operation.needs] += by;
    }
    if (!operation.only_reads()) {
      leave_[operation.leaves] += by;
    }
  }

  std::vector<std::uint32_t> must_have_;
  std::vector<std::uint32_t> may_have_;
  std::vector<std::uint32_t> leave_;
};

}  // namespace gaios::linearizability

#endif  // GAIOS_TESTS_LINEARIZABILITY_DEMAND_H_

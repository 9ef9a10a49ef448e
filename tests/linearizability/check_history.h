#ifndef GAIOS_TESTS_LINEARIZABILITY_CHECK_HISTORY_H_
#define GAIOS_TESTS_LINEARIZABILITY_CHECK_HISTORY_H_

// The checker: whether there is one order of a history's operations, in which each takes effect at one moment
// between its invocation and its answer, that explains every answer. No I/O, and no clock but the budget's.
// One thread.

#include <cstddef>
#include <cstdint>

#include "tests/linearizability/budget.h"
#include "tests/linearizability/counter_example.h"
#include "tests/linearizability/history.h"
#include "tests/linearizability/log_order.h"
#include "tests/linearizability/search.h"

namespace gaios::linearizability {

struct Judgement {
  Verdict verdict = Verdict::kLinearizable;
  // With kNotLinearizable.
  CounterExample counter_example;
  // With kUnknown: a key that could not be decided, and what there was too little of.
  TextId undecided_key = kNullText;
  Budget::Exhausted exhausted = Budget::Exhausted::kNothing;

  std::size_t keys = 0;
  std::uint64_t steps = 0;  // of all searches
};

// One bad key makes a history bad, also if others are too hard to decide.
[[nodiscard]] Judgement CheckHistory(const History& history, const BudgetOptions& budget,
                                     const LogOptions& log = {});

}  // namespace gaios::linearizability

#endif  // GAIOS_TESTS_LINEARIZABILITY_CHECK_HISTORY_H_

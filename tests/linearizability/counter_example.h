#ifndef GAIOS_TESTS_LINEARIZABILITY_COUNTER_EXAMPLE_H_
#define GAIOS_TESTS_LINEARIZABILITY_COUNTER_EXAMPLE_H_

// Why a history is not linearizable, for a person.
//
// Every beginning of a good history is good. So there is a first answer at which a bad one turns bad, and
// that answer, what it could have been instead, one order that explains all before it, and what was under way
// meanwhile, say what went wrong. The searches for these have a budget too: what could not be found within it
// is left out, and said to be. No I/O. One thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/linearizability/budget.h"
#include "tests/linearizability/cell.h"
#include "tests/linearizability/history.h"
#include "tests/linearizability/log_order.h"

namespace gaios::linearizability {

struct CounterExample {
  TextId key = kNullText;
  std::size_t operation = 0;  // whose answer cannot be explained
  std::uint64_t line = 0;     // of that answer
  // Whether all up to the line before has been found linearizable; else the fault may show earlier.
  bool first = true;
  // An order that explains all answers before, and what the object holds after each; empty for logs.
  std::vector<std::size_t> order;
  std::vector<std::string> holds;
  // What the object can have held when the operation took effect, and whether these are all.
  std::vector<std::string> possible;
  bool all_possible = false;
  std::vector<std::size_t> concurrent;  // operations under way at the same time; of a log the conflicting one
  std::string text;                     // all of it, lines
};

// `cell` has been found not to be linearizable.
[[nodiscard]] CounterExample ExplainCell(const History& history, const Cell& cell, Budget& budget);

[[nodiscard]] CounterExample ExplainLog(const History& history, const LogConflict& conflict);

}  // namespace gaios::linearizability

#endif  // GAIOS_TESTS_LINEARIZABILITY_COUNTER_EXAMPLE_H_

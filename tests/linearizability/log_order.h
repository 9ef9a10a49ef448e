#ifndef GAIOS_TESTS_LINEARIZABILITY_LOG_ORDER_H_
#define GAIOS_TESTS_LINEARIZABILITY_LOG_ORDER_H_

// Whether a log kept the order of time. Nothing is searched: the slot in each answer says where its operation
// is in the order, so only the order has to be checked. O(n) after a sort, for any number of clients.
//
// Slots that nobody was told may be anybody's: other clients', records of the protocol, commands whose
// outcome is unknown. README.md has the rules. No I/O. One thread.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "tests/linearizability/history.h"

namespace gaios::linearizability {

struct LogOptions {
  // Whether a slot holds a batch, so that several commands may be told the same: then only commands that
  // follow each other in time must be in different slots, in that order.
  bool shared_slots = false;
};

struct LogConflict {
  std::size_t operation = 0;           // that cannot be explained
  std::optional<std::size_t> against;  // beside this one
  std::string rule;                    // what does not hold, in a sentence
};

// The conflict that shows first, if there is one. `history` is of logs; `operations` are those of one key.
[[nodiscard]] std::optional<LogConflict> CheckLogOrder(const History& history,
                                                       const std::vector<std::size_t>& operations,
                                                       const LogOptions& options);

}  // namespace gaios::linearizability

#endif  // GAIOS_TESTS_LINEARIZABILITY_LOG_ORDER_H_

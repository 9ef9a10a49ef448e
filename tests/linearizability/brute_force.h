#ifndef GAIOS_TESTS_LINEARIZABILITY_BRUTE_FORCE_H_
#define GAIOS_TESTS_LINEARIZABILITY_BRUTE_FORCE_H_

// The definition of linearizability, tried out: every order of the operations of a small history that agrees
// with time, on one plain object with all keys. Shares nothing with the checker but the history, so that
// each can find the other wrong.

#include "tests/linearizability/history.h"
#include "tests/linearizability/log_order.h"

namespace gaios::linearizability {

[[nodiscard]] bool LinearizableByBruteForce(const History& history, const LogOptions& options = {});

}  // namespace gaios::linearizability

#endif  // GAIOS_TESTS_LINEARIZABILITY_BRUTE_FORCE_H_

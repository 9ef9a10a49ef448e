#ifndef GAIOS_TESTS_LINEARIZABILITY_NOTATION_H_
#define GAIOS_TESTS_LINEARIZABILITY_NOTATION_H_

// Histories as tests write them by hand, one event a line:
//
//   PROCESS [KEY:] read | write V | cas V W | acquire [OWNER] | release [OWNER] | submit [V]
//   PROCESS ok [V] [@SLOT[.INDEX]] | fail | info
//
// A line number of the checker is that of the event. Empty lines do not count.

#include <string_view>
#include <vector>

#include "tests/linearizability/history.h"

namespace gaios::linearizability {

// What is wrong with a script or its history fails the test that has it.
[[nodiscard]] std::vector<Event> ParseNotation(std::string_view script);
[[nodiscard]] History MakeHistory(Model model, const std::vector<Event>& events);
[[nodiscard]] inline History MakeHistory(Model model, std::string_view script) {
  return MakeHistory(model, ParseNotation(script));
}

}  // namespace gaios::linearizability

#endif  // GAIOS_TESTS_LINEARIZABILITY_NOTATION_H_

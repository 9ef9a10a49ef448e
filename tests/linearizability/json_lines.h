#ifndef GAIOS_TESTS_LINEARIZABILITY_JSON_LINES_H_
#define GAIOS_TESTS_LINEARIZABILITY_JSON_LINES_H_

// Histories as JSON lines, one event a line; README.md has the format.
//
// What is not understood is refused, with the line and what to do about it: a checker that skipped a line
// would judge another history. Fields that are not named in the format are ignored, as other tools add their
// own; those that a kind of line needs must be there, so that a misspelt one is noticed.

#include <cstddef>
#include <istream>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "tests/linearizability/history.h"

namespace gaios::linearizability {

inline constexpr std::size_t kMaxLineBytes = std::size_t{1} << 20;

// One line. Its place in the record is the caller's to fill in.
[[nodiscard]] absl::StatusOr<Event> ParseEvent(std::string_view line);

// Reads all of `in`, called `name` in messages, which begin with name:line. Empty lines are skipped.
[[nodiscard]] absl::Status ReadHistory(std::istream& in, std::string_view name, History& history);

}  // namespace gaios::linearizability

#endif  // GAIOS_TESTS_LINEARIZABILITY_JSON_LINES_H_

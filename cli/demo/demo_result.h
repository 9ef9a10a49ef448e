#ifndef GAIOS_CLI_DEMO_DEMO_RESULT_H_
#define GAIOS_CLI_DEMO_DEMO_RESULT_H_

// What a run of the demo came to, for programs and for people. Plain values, pure functions.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "gaios/base/histogram.h"
#include "gaios/cli/demo/verdict.h"
#include "gaios/rsm/counters.h"
#include "gaios/rsm/feeds/feed.h"

namespace gaios::cli {

struct DemoResult {
  std::size_t replicas = 0;
  double rate_per_s = 0;  // asked for
  double seconds = 0;     // of sending, as it was
  std::uint64_t submitted = 0;
  std::uint64_t unknown = 0;
  std::uint64_t leader_changes = 0;
  std::optional<std::size_t> killed;              // the leader that was
  std::optional<rsm::FailoverCounters> failover;  // as its successor measured it
  std::optional<double> readmitted_ms;     // from the start of the killed replica's next life until it voted
  std::optional<double> hand_over_gap_us;  // it leads again, as planned: for so long nothing was committed
  std::uint64_t client_gap_ns = 0;         // longest time without an answer, from the kill on
  std::vector<std::string> troubles;       // what kept the run from being what it should have been
  base::Histogram latencies;
  feeds::FeedReport feed;
  std::uint64_t book_rejects = 0;         // see book_outcomes.h
  std::uint64_t unfilled_executions = 0;  // the same
  Verdict verdict;

  [[nodiscard]] bool good() const { return verdict.Holds() && troubles.empty(); }
};

[[nodiscard]] nlohmann::json DemoJson(const DemoResult& result);

// The summary, ending in the verdict's line.
[[nodiscard]] std::string DemoSummary(const DemoResult& result);

}  // namespace gaios::cli

#endif  // GAIOS_CLI_DEMO_DEMO_RESULT_H_

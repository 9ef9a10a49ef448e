#ifndef GAIOS_CLI_LATENCY_H_
#define GAIOS_CLI_LATENCY_H_

// Latencies as the programs of this folder show them. Pure functions.

#include <string>

#include <absl/strings/str_format.h>
#include <nlohmann/json.hpp>

#include "gaios/base/histogram.h"

namespace gaios::cli {

// {p50, p99, p99_9, p99_99, max}, in nanoseconds.
[[nodiscard]] inline nlohmann::json LatencyJson(const base::Histogram& histogram) {
  return {{"p50", histogram.ValueAtPercentile(50)},
          {"p99", histogram.ValueAtPercentile(99)},
          {"p99_9", histogram.ValueAtPercentile(99.9)},
          {"p99_99", histogram.ValueAtPercentile(99.99)},
          {"max", histogram.max_ns()}};
}

// "850 ns", "12.3 us", "4.56 ms", "1.20 s".
[[nodiscard]] inline std::string DurationText(std::uint64_t duration_ns) {
  const auto value = static_cast<double>(duration_ns);
  if (duration_ns < 1'000) {
    return absl::StrFormat("%d ns", duration_ns);
  }
  if (duration_ns < 1'000'000) {
    return absl::StrFormat("%.1f us", value / 1e3);
  }
  if (duration_ns < 1'000'000'000) {
    return absl::StrFormat("%.2f ms", value / 1e6);
  }
  return absl::StrFormat("%.2f s", value / 1e9);
}

// With a comma before each three digits.
[[nodiscard]] inline std::string NumberText(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) {
    text.insert(at - 3, 1, ',');
  }
  return text;
}

}  // namespace gaios::cli

#endif  // GAIOS_CLI_LATENCY_H_

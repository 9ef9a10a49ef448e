#ifndef GAIOS_BENCH_REPORT_H_
#define GAIOS_BENCH_REPORT_H_

// What a benchmark says at its end: JSON for scripts, and the same for a person.

#include <string>
#include <vector>

#include <absl/status/status.h>
#include <nlohmann/json.hpp>

#include "gaios/base/histogram.h"

#include "bench/options.h"

namespace gaios::bench {

using Json = nlohmann::ordered_json;

// Of any numbers; 0 of none.
[[nodiscard]] double Median(std::vector<double> values);

// {median, min, max}.
[[nodiscard]] Json Spread(const std::vector<double>& values);

// {p50_ns, p90_ns, p99_ns, p99_9_ns, p99_99_ns, max_ns, per_second}.
[[nodiscard]] Json Distribution(const base::Histogram& histogram, double per_second);

// Writes the report where the options say. Unless the JSON goes to stdout, prints it there in a readable
// form.
[[nodiscard]] absl::Status Emit(const Options& options, const Json& report);

// Writes the histogram in microseconds where the options say.
[[nodiscard]] absl::Status EmitHgrm(const Options& options, const base::Histogram& histogram);

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_REPORT_H_

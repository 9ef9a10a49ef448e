#include "bench/report.h"

#include <algorithm>
#include <fstream>
#include <iostream>

namespace gaios::bench {

double Median(std::vector<double> values) {
  if (values.empty()) {
    return 0;
  }
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

Json Spread(const std::vector<double>& values) {
  Json spread;
  spread["median"] = Median(values);
  spread["min"] = values.empty() ? 0 : *std::ranges::min_element(values);
  spread["max"] = values.empty() ? 0 : *std::ranges::max_element(values);
  return spread;
}

Json Distribution(const base::Histogram& histogram, double per_second) {
  Json distribution;
  distribution["p50_ns"] = histogram.ValueAtPercentile(50);
  distribution["p90_ns"] = histogram.ValueAtPercentile(90);
  distribution["p99_ns"] = histogram.ValueAtPercentile(99);
  distribution["p99_9_ns"] = histogram.ValueAtPercentile(99.9);
  distribution["p99_99_ns"] = histogram.ValueAtPercentile(99.99);
  distribution["max_ns"] = histogram.max_ns();
  distribution["per_second"] = per_second;
  return distribution;
}

absl::Status Emit(const Options& options, const Json& report) {
  if (options.json_path == "-") {
    std::cout << report.dump() << std::endl;
    return absl::OkStatus();
  }
  std::cout << report.dump(2) << std::endl;
  if (options.json_path.empty()) {
    return absl::OkStatus();
  }
  std::ofstream file(options.json_path);
  file << report.dump() << std::endl;
  return file.good() ? absl::OkStatus() : absl::UnavailableError("cannot write " + options.json_path);
}

absl::Status EmitHgrm(const Options& options, const base::Histogram& histogram) {
  if (options.hgrm_path.empty()) {
    return absl::OkStatus();
  }
  std::ofstream file(options.hgrm_path);
  histogram.WriteHgrm(file, 1000);
  return file.good() ? absl::OkStatus() : absl::UnavailableError("cannot write " + options.hgrm_path);
}

}  // namespace gaios::bench

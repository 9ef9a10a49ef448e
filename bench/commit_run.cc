#include "bench/commit_run.h"

#include <algorithm>
#include <cmath>

namespace gaios::bench {
namespace {

double PerSecond(const Series& series) {
  return series.elapsed_ns == 0
             ? 0
             : static_cast<double>(series.commands) * 1e9 / static_cast<double>(series.elapsed_ns);
}

Json Describe(const Series& series) {
  Json json = Distribution(series.all, PerSecond(series));
  json["block_p50_ns"] = Spread(series.p50_ns);
  json["commands"] = series.commands;
  return json;
}

}  // namespace

Json DescribeBlocks(const Series& series) {
  Json json = Describe(series);
  json["block_p99_ns"] = Spread(series.p99_ns);
  json["block_run_p50_ns"] = Spread(series.run_p50_ns);
  json["blocks"] = series.p50_ns.size();
  return json;
}

Json CompareBlocks(const Series& with, const Series& without) {
  Json json;
  json["with"] = DescribeBlocks(with);
  json["without"] = DescribeBlocks(without);
  json["p50_ratio"] = Median(with.p50_ns) / std::max(Median(without.p50_ns), 1.0);
  json["p99_ratio"] = Median(with.p99_ns) / std::max(Median(without.p99_ns), 1.0);
  json["run_p50_ratio"] = Median(with.run_p50_ns) / std::max(Median(without.run_p50_ns), 1.0);
  json["block_p50_ratio"] = Spread(Ratios(with.p50_ns, without.p50_ns));
  json["block_run_p50_ratio"] = Spread(Ratios(with.run_p50_ns, without.run_p50_ns));
  json["block_p99_ratio"] = Spread(Ratios(with.p99_ns, without.p99_ns));
  return json;
}

std::vector<double> Ratios(const std::vector<double>& of, const std::vector<double>& to) {
  std::vector<double> ratios;
  ratios.reserve(of.size());
  for (std::size_t i = 0; i < of.size(); ++i) {
    ratios.push_back(of[i] / std::max(to[i], 1.0));
  }
  return ratios;
}

Json CommitReport(const Options& options, const Series& product, const Series& floor,
                  const Json& environment) {
  std::vector<double> ratios;
  std::vector<double> costs_ns;
  for (std::size_t i = 0; i < product.p50_ns.size(); ++i) {
    ratios.push_back(product.p50_ns[i] / std::max(floor.p50_ns[i], 1.0));
    costs_ns.push_back(product.p50_ns[i] - floor.p50_ns[i]);
  }
  Json report;
  report["benchmark"] = "commit";
  report["transport"] = TransportName(options);
  report["mode"] = options.mode == Mode::kOpen ? "open" : "closed";
  report["size_bytes"] = options.size_bytes;
  report["replicas"] = options.replicas;
  report["floor"] = Describe(floor);
  report["product"] = Describe(product);
  report["ratio"] = Spread(ratios);
  report["own_cost_ns"] = Median(costs_ns);
  report["own_cost_spread_ns"] = Spread(costs_ns);
  // A loop that polls while it waits tells nothing about instructions.
  if (options.mode == Mode::kOpen || options.transport != rsm::TransportKind::kShm ||
      product.instructions.empty() || floor.instructions.empty()) {
    report["own_instructions"] = nullptr;
  } else {
    report["own_instructions"] = std::round(Median(product.instructions) - Median(floor.instructions));
    report["product"]["instructions"] = std::round(Median(product.instructions));
    report["floor"]["instructions"] = std::round(Median(floor.instructions));
  }
  report["blocks"] = options.blocks;
  report["env"] = environment;
  return report;
}

}  // namespace gaios::bench

#include <cmath>
#include <vector>

#include "bench/benchmarks.h"
#include "bench/empty_machine.h"
#include "bench/environment.h"
#include "bench/floor.h"
#include "bench/group.h"
#include "bench/instructions.h"
#include "bench/latency_loop.h"
#include "bench/placement.h"
#include "bench/report.h"
#include "bench/targets.h"

namespace gaios::bench {
namespace {

// One side of a run: all its blocks.
struct Series {
  base::Histogram all;
  base::Histogram block;
  std::vector<double> p50_ns;
  std::vector<double> instructions;  // for a command
  std::uint64_t commands = 0;
  std::uint64_t elapsed_ns = 0;
};

class CommitRun {
 public:
  CommitRun(const Options& options, const base::TscClock& clock) : options_(options), loop_(clock) {}

  template <typename Target>
  void Block(Target& target, Series& series) {
    const auto block_ns =
        static_cast<std::uint64_t>(options_.seconds * 1e9 / static_cast<double>(2 * options_.blocks));
    // The followers wake up and the caches fill before anything counts.
    series.block.Reset();
    Loop(target, block_ns / 10, series.block);
    series.block.Reset();
    const std::optional<std::uint64_t> before = instructions_.Read();
    const LoopResult result = Loop(target, block_ns, series.block);
    const std::optional<std::uint64_t> after = instructions_.Read();
    series.all.Add(series.block);
    series.p50_ns.push_back(static_cast<double>(series.block.ValueAtPercentile(50)));
    if (before.has_value() && after.has_value() && result.commands > 0) {
      series.instructions.push_back(static_cast<double>(*after - *before) /
                                    static_cast<double>(result.commands));
    }
    series.commands += result.commands;
    series.elapsed_ns += result.elapsed_ns;
  }

 private:
  template <typename Target>
  LoopResult Loop(Target& target, std::uint64_t duration_ns, base::Histogram& histogram) {
    if (options_.mode == Mode::kOpen) {
      return loop_.Open(target, 1e9 / static_cast<double>(options_.rate_per_s), duration_ns, histogram);
    }
    return loop_.Closed(target, options_.outstanding, duration_ns, histogram);
  }

  const Options& options_;
  const Instructions instructions_;
  LatencyLoop loop_;
};

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

Json Report(const Options& options, const Series& product, const Series& floor, const Json& environment) {
  std::vector<double> ratios;
  std::vector<double> costs_ns;
  for (std::size_t i = 0; i < product.p50_ns.size(); ++i) {
    ratios.push_back(product.p50_ns[i] / std::max(floor.p50_ns[i], 1.0));
    costs_ns.push_back(product.p50_ns[i] - floor.p50_ns[i]);
  }
  Json report;
  report["benchmark"] = "commit";
  report["mode"] = options.mode == Mode::kOpen ? "open" : "closed";
  report["size_bytes"] = options.size_bytes;
  report["replicas"] = options.replicas;
  report["floor"] = Describe(floor);
  report["product"] = Describe(product);
  report["ratio"] = Spread(ratios);
  report["own_cost_ns"] = Median(costs_ns);
  report["own_cost_spread_ns"] = Spread(costs_ns);
  // An open loop spins while it waits, and so tells nothing about instructions.
  if (options.mode == Mode::kOpen || product.instructions.empty() || floor.instructions.empty()) {
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

}  // namespace

absl::Status RunCommit(const Options& options) {
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  auto floor = Floor::Start(
      {.peers = options.replicas - 1, .capacity_bytes = options.capacity_bytes, .idle = options.idle},
      placement);
  if (!floor.ok()) {
    return floor.status();
  }
  auto group = Group::Start({.replicas = options.replicas,
                             .capacity_bytes = options.capacity_bytes,
                             .idle = options.idle,
                             .make_machine = [] { return std::make_unique<EmptyMachine>(); }},
                            placement, clock);
  if (!group.ok()) {
    return group.status();
  }
  FloorTarget floor_target(**floor, options.size_bytes);
  ProductTarget product_target((*group)->leader(), options.size_bytes);
  Series floor_series;
  Series product_series;
  CommitRun run(options, clock);
  for (std::size_t block = 0; block < options.blocks; ++block) {
    // Whoever comes second finds another cache: they take turns.
    if (block % 2 == 0) {
      run.Block(floor_target, floor_series);
      run.Block(product_target, product_series);
    } else {
      run.Block(product_target, product_series);
      run.Block(floor_target, floor_series);
    }
    if (absl::Status status = (*group)->Check(); !status.ok()) {
      return status;
    }
  }
  if (!product_target.clean()) {
    return absl::AbortedError("a command ended unknown: the leader was lost during the run");
  }
  Json report = Report(options, product_series, floor_series, environment);
  report["one_core"] = placement.crowded();
  if (absl::Status status = EmitHgrm(options, product_series.all); !status.ok()) {
    return status;
  }
  return Emit(options, report);
}

}  // namespace gaios::bench

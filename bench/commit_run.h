#ifndef GAIOS_BENCH_COMMIT_RUN_H_
#define GAIOS_BENCH_COMMIT_RUN_H_

// One run of the commit benchmark: blocks of product and floor in turn, and the report on them. What the
// floor is made of is another's.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <absl/status/status.h>

#include "gaios/base/clock.h"
#include "gaios/base/histogram.h"

#include "bench/instructions.h"
#include "bench/latency_loop.h"
#include "bench/options.h"
#include "bench/report.h"

namespace gaios::bench {

// One side of a run: all its blocks.
struct Series {
  base::Histogram all;
  base::Histogram block;
  std::vector<double> p50_ns;  // of each block, as the next
  std::vector<double> p99_ns;
  std::vector<double> run_p50_ns;    // of the means of commands in a row: see LatencyLoop
  std::vector<double> instructions;  // for a command
  std::uint64_t commands = 0;
  std::uint64_t elapsed_ns = 0;
};

class CommitRun {
 public:
  // `options` and `clock` must outlive the run.
  CommitRun(const Options& options, const base::TscClock& clock) : options_(options), loop_(clock) {}

  template <typename Target>
  void Block(Target& target, Series& series) {
    const LoopEnd end = options_.block_commits == 0
                            ? LoopEnd{.duration_ns = static_cast<std::uint64_t>(
                                          options_.seconds * 1e9 / static_cast<double>(2 * options_.blocks))}
                            : LoopEnd{.commands = options_.block_commits};
    // The followers wake up and the caches fill before anything counts.
    series.block.Reset();
    Loop(target, end.Tenth(), series.block);
    series.block.Reset();
    const std::optional<std::uint64_t> before = instructions_.Read();
    const LoopResult result = Loop(target, end, series.block);
    const std::optional<std::uint64_t> after = instructions_.Read();
    series.all.Add(series.block);
    series.p50_ns.push_back(static_cast<double>(series.block.ValueAtPercentile(50)));
    series.p99_ns.push_back(static_cast<double>(series.block.ValueAtPercentile(99)));
    series.run_p50_ns.push_back(loop_.RunP50Ns());
    if (before.has_value() && after.has_value() && result.commands > 0) {
      series.instructions.push_back(static_cast<double>(*after - *before) /
                                    static_cast<double>(result.commands));
    }
    series.commands += result.commands;
    series.elapsed_ns += result.elapsed_ns;
  }

 private:
  template <typename Target>
  LoopResult Loop(Target& target, LoopEnd end, base::Histogram& histogram) {
    if (options_.mode == Mode::kOpen) {
      return loop_.Open(target, 1e9 / static_cast<double>(options_.rate_per_s), end, histogram);
    }
    return loop_.Closed(target, options_.outstanding, end, histogram);
  }

  const Options& options_;
  const Instructions instructions_;
  LatencyLoop loop_;
};

// All blocks of a run. `check` says after each pair whether the figures can be relied on.
template <typename FloorTarget, typename ProductTarget, typename Check>
[[nodiscard]] absl::Status RunBlocks(const Options& options, const base::TscClock& clock, FloorTarget& floor,
                                     ProductTarget& product, Series& floor_series, Series& product_series,
                                     Check check) {
  CommitRun run(options, clock);
  for (std::size_t block = 0; block < options.blocks; ++block) {
    // Whoever comes second finds another cache: they take turns.
    if (block % 2 == 0) {
      run.Block(floor, floor_series);
      run.Block(product, product_series);
    } else {
      run.Block(product, product_series);
      run.Block(floor, floor_series);
    }
    if (absl::Status status = check(); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

// Percentiles of one side, of all its commands and of its blocks.
[[nodiscard]] Json DescribeBlocks(const Series& series);
// Both sides, and what the percentiles and the blocks of the first are of those of the second.
[[nodiscard]] Json CompareBlocks(const Series& with, const Series& without);
// Each over its counterpart.
[[nodiscard]] std::vector<double> Ratios(const std::vector<double>& of, const std::vector<double>& to);

// Of as many blocks of the one as of the other.
[[nodiscard]] Json CommitReport(const Options& options, const Series& product, const Series& floor,
                                const Json& environment);

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_COMMIT_RUN_H_

// What it costs to find the position that a majority has reached.

#include <array>
#include <cstdint>

#include <benchmark/benchmark.h>

#include "gaios/paxos/quorum.h"

namespace gaios::paxos {
namespace {

void Reached(benchmark::State& state) {
  const auto replicas = static_cast<std::size_t>(state.range(0));
  std::array<Position, kMaxReplicas> accepted;
  for (std::size_t i = 0; i < replicas; ++i) {
    accepted[i] = Position(1000 + (i * 37) % 5);
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(accepted);
    benchmark::DoNotOptimize(ReachedBy<Position>((replicas / 2) + 1, {accepted.data(), replicas}));
  }
}

BENCHMARK(Reached)->Name("Quorum/reached_by")->ArgName("replicas")->Arg(3)->Arg(5)->Arg(7);

}  // namespace
}  // namespace gaios::paxos

BENCHMARK_MAIN();

// What an element costs on its way through a ring, within one thread: the price of the code, without that of
// moving cache lines between cores.

#include <cstdint>

#include <benchmark/benchmark.h>

#include "gaios/base/mpsc_ring.h"
#include "gaios/base/spsc_ring.h"

namespace gaios::base {
namespace {

struct Element {
  std::uint64_t words[8] = {};
};

template <typename Ring>
void PushAndPop(benchmark::State& state) {
  constexpr std::size_t kBurst = 64;
  Ring ring(1024);
  Element element;
  for (auto _ : state) {
    for (std::size_t i = 0; i < kBurst; ++i) {
      element.words[0] = i;
      benchmark::DoNotOptimize(ring.TryPush(element));
    }
    for (std::size_t i = 0; i < kBurst; ++i) {
      benchmark::DoNotOptimize(ring.TryPop(element));
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBurst));
}

BENCHMARK(PushAndPop<SpscRing<Element>>)->Name("SpscRing/push_and_pop");
BENCHMARK(PushAndPop<MpscRing<Element>>)->Name("MpscRing/push_and_pop");

}  // namespace
}  // namespace gaios::base

BENCHMARK_MAIN();

#ifndef GAIOS_TESTS_SIM_RUNNER_H_
#define GAIOS_TESTS_SIM_RUNNER_H_

// Runs seed after seed in a process of its own, so that a run that ends in a crash, or not at all, is a seed
// that failed and not the end of all runs. One thread in each process.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>

#include "tests/sim/profile.h"
#include "tests/sim/sabotage.h"
#include "tests/sim/simulation.h"

namespace gaios::sim {

struct RunnerOptions {
  const Profile* profile = nullptr;
  std::size_t replicas = 0;  // 0: each seed draws its own
  Sabotage sabotage;
};

class Runner {
 public:
  explicit Runner(const RunnerOptions& options) : options_(options) {}

  // Runs `count` seeds from `first` on and hands in what came of each, in order. A run that died has that as
  // its only failure.
  void Run(std::uint64_t first, std::uint64_t count,
           const std::function<void(std::uint64_t, const Outcome&)>& on_outcome) const;
  // Runs one and writes what the replicas did to `out`, as it happens.
  [[nodiscard]] Outcome RunTraced(std::uint64_t seed, std::FILE* out) const;

 private:
  [[nodiscard]] Outcome RunHere(std::uint64_t seed, std::FILE* trace_out) const;
  // Runs seeds in another process until one dies; returns how many have an outcome, that one included.
  std::uint64_t RunElsewhere(std::uint64_t first, std::uint64_t count, std::FILE* trace_out,
                             const std::function<void(std::uint64_t, const Outcome&)>& on_outcome) const;

  const RunnerOptions options_;
};

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_RUNNER_H_

#ifndef GAIOS_BENCH_PLACEMENT_H_
#define GAIOS_BENCH_PLACEMENT_H_

// Which cpu each process of a benchmark runs on: the leader alone on one, everybody else on another.

#include <cstddef>
#include <vector>

#include <absl/status/status.h>

#include "gaios/base/pinning.h"

namespace gaios::bench {

struct Placement {
  int leader_cpu = 0;
  int follower_cpu = 0;
  std::vector<int> cpus;
  // There is only one cpu: what is measured then is mostly the scheduler.
  [[nodiscard]] bool crowded() const { return leader_cpu == follower_cpu; }
  // Where there is a cpu for each of `replicas`.
  [[nodiscard]] bool one_each(std::size_t replicas) const { return cpus.size() >= replicas; }
  // The first of `replicas` has a cpu that the others, who share one, can use once it is gone.
  [[nodiscard]] bool frees_one(std::size_t replicas) const { return !crowded() && !one_each(replicas); }
  // That of a replica, the first of which begins as the leader: one of its own where there are enough.
  [[nodiscard]] int CpuOf(std::size_t replica, std::size_t replicas) const {
    if (one_each(replicas)) {
      return cpus[replica];
    }
    return replica == 0 ? leader_cpu : follower_cpu;
  }
};

// To be asked before anything is pinned.
[[nodiscard]] inline Placement ChoosePlacement() {
  const std::vector<int> cpus = base::AvailableCpus();
  if (cpus.empty()) {
    return {};
  }
  return {.leader_cpu = cpus.front(), .follower_cpu = cpus.size() > 1 ? cpus[1] : cpus.front(), .cpus = cpus};
}

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_PLACEMENT_H_

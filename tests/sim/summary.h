#ifndef GAIOS_TESTS_SIM_SUMMARY_H_
#define GAIOS_TESTS_SIM_SUMMARY_H_

// What many runs came to. One thread.

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/fault_kind.h"
#include "tests/sim/simulation.h"

namespace gaios::sim {

class Summary {
 public:
  void Add(std::uint64_t seed, const Outcome& outcome);
  void set_wall_seconds(double seconds) { wall_seconds_ = seconds; }

  [[nodiscard]] std::uint64_t runs() const { return passed_ + failed_seeds_.size(); }
  [[nodiscard]] std::uint64_t passed() const { return passed_; }
  // That passed without having met with enough.
  [[nodiscard]] const std::vector<std::uint64_t>& meagre_seeds() const { return meagre_seeds_; }
  [[nodiscard]] const std::vector<std::uint64_t>& failed_seeds() const { return failed_seeds_; }
  [[nodiscard]] const FaultCounts& faults() const { return faults_; }
  // How many runs met with each kind.
  [[nodiscard]] const FaultCounts& runs_with() const { return runs_with_; }
  [[nodiscard]] std::uint64_t commits() const { return commits_; }
  [[nodiscard]] double simulated_seconds() const;
  // Kinds of fault that no run has met with.
  [[nodiscard]] std::vector<FaultKind> Missing() const;
  // A table, for people.
  [[nodiscard]] std::string Text() const;
  [[nodiscard]] std::string Json() const;

 private:
  std::uint64_t passed_ = 0;
  std::vector<std::uint64_t> failed_seeds_;
  std::vector<std::uint64_t> meagre_seeds_;    // that passed without having met with enough
  std::vector<std::uint64_t> stranded_seeds_;  // that ended with a majority passed by the ring
  FaultCounts faults_;
  FaultCounts runs_with_;  // how many runs met with each kind
  std::uint64_t commits_ = 0;
  std::uint64_t reads_ = 0;
  std::uint64_t leader_changes_ = 0;
  std::uint64_t simulated_ns_ = 0;
  std::uint64_t digest_ = 0;
  double wall_seconds_ = 0;
};

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_SUMMARY_H_

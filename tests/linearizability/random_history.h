#ifndef GAIOS_TESTS_LINEARIZABILITY_RANDOM_HISTORY_H_
#define GAIOS_TESTS_LINEARIZABILITY_RANDOM_HISTORY_H_

// Histories of random clients of an object that is simulated, so that they are linearizable by construction,
// except for answers that are then replaced by random ones. One thread; a seed repeats a history.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/linearizability/history.h"

namespace gaios::linearizability {

struct RandomHistoryOptions {
  Model model = Model::kRegister;
  std::uint64_t seed = 1;
  std::size_t operations = 6;
  std::size_t clients = 3;  // at a time; one whose outcome is unknown comes back as another process
  std::size_t keys = 1;
  std::size_t values = 3;              // that are written; 0: each write has one of its own
  std::uint32_t info_per_mille = 100;  // operations that end in info, or are not answered at all
  std::uint32_t fail_per_mille = 50;   // that are refused without effect
  std::uint32_t wrong_per_mille = 0;   // answers that are replaced by random ones
  bool indexed_slots = false;          // of a log
};

[[nodiscard]] std::vector<Event> MakeRandomHistory(const RandomHistoryOptions& options);

}  // namespace gaios::linearizability

#endif  // GAIOS_TESTS_LINEARIZABILITY_RANDOM_HISTORY_H_

#ifndef GAIOS_TESTS_CHAOS_ROUND_H_
#define GAIOS_TESTS_CHAOS_ROUND_H_

// One round: a group of its own, clients at work, faults for some seconds, then none, and a judgement.
//
// All that is chosen comes from the seed: size of the group and of its rings, timing, habits of the clients,
// which faults come when and whom they befall ("the leader"). What the processes do in the meantime does not,
// so a seed that failed may have to be run several times to fail again. The faults and their times are the
// same over every transport (fault_plan.h). One thread.

#include <cstdint>
#include <string>
#include <vector>

#include "gaios/rsm/config.h"

#include "tests/chaos/fault_plan.h"

namespace gaios::chaos {

struct RoundOptions {
  std::uint64_t seed = 1;
  std::size_t replicas = 0;  // 0: three or five, by the seed
  double seconds = 0;        // of faults; 0: two to five, by the seed
  // Faults come so many times later than planned, and last so many times as long: for a group whose
  // failovers take longer, as on an emulated device. What is waited for may take so many times as long too.
  std::uint32_t slower = 1;
  // When faults have ended, clients go on until this many commands have been acknowledged in all.
  std::uint64_t least_acknowledged = 0;
  rsm::TransportKind transport = rsm::TransportKind::kShm;  // kVerbs: with timing that suits it
  bool members = false;                                     // replicas are added, removed and replaced too
  std::string fault;  // damage that every replica is told to do, as in gaios demo --inject-fault; "" none
  std::string keep;   // the files of a round that fails are copied into a directory there; "" nowhere
  bool keep_good = false;  // those of one that passes too
};

struct RoundResult {
  // What does not hold; empty for a round that passed.
  std::vector<std::string> findings;
  std::string kept;  // the directory; "" when nothing was to be kept

  std::size_t replicas = 0;
  std::uint64_t ring_bytes = 0;
  std::size_t clients = 0;
  std::uint64_t operations = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t unknown = 0;
  std::uint64_t leader_changes = 0;  // as far as they were seen
  std::uint64_t ring_wraps = 0;
  std::uint64_t planned = 0;  // faults, of which some cannot be done when their time has come
  std::string plan_digest;
  FaultCounts faults = {};  // that were done
  double seconds = 0;

  [[nodiscard]] bool passed() const { return findings.empty(); }
};

[[nodiscard]] RoundResult RunRound(const RoundOptions& options);
// What is chosen for such a round, and its faults, a line each. Runs nothing.
[[nodiscard]] std::string RoundText(const RoundOptions& options);

}  // namespace gaios::chaos

#endif  // GAIOS_TESTS_CHAOS_ROUND_H_

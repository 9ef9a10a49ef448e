#ifndef GAIOS_TESTS_SIM_SIMULATION_H_
#define GAIOS_TESTS_SIM_SIMULATION_H_

// One run: a group and its clients as a plan says, first with faults, then without. In the safety phase
// things go wrong and nothing wrong may come of it; in the liveness phase nothing goes wrong any more, and
// the group must serve every client and agree. After every step the invariants and the agreement of the
// replicas are looked at, at the end what the clients were told. The same plan gives the same run. One
// thread.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/agreed.h"
#include "tests/sim/client.h"
#include "tests/sim/fault_kind.h"
#include "tests/sim/group.h"
#include "tests/sim/injector.h"
#include "tests/sim/mail.h"
#include "tests/sim/plan.h"
#include "tests/sim/record.h"
#include "tests/sim/sabotage.h"
#include "tests/sim/trace.h"

namespace gaios::sim {

struct Outcome {
  std::vector<std::string> failures;  // none: passed
  FaultCounts faults;
  std::uint64_t commits = 0;  // commands acknowledged to clients
  std::uint64_t reads = 0;
  std::uint64_t leader_changes = 0;
  std::uint64_t simulated_ns = 0;
  std::uint64_t digest = 0;  // of all that was applied and told, by whom, when
  // Whether the run ended with a majority of voters dead or passed by the ring of the others: without
  // snapshots nobody can lead then, so nothing is asked of the liveness phase.
  bool stranded = false;

  static constexpr std::uint64_t kLeastCommits = 1000;
  static constexpr std::uint64_t kLeastLeaderChanges = 1;
  static constexpr std::size_t kLeastFaultKinds = 3;
  // Whether the run was worth something.
  [[nodiscard]] bool Enough() const {
    return commits >= kLeastCommits && leader_changes >= kLeastLeaderChanges &&
           faults.kinds() >= kLeastFaultKinds;
  }
};

class Simulation {
 public:
  Simulation(const Plan& plan, Trace& trace, Sabotage sabotage = {});

  [[nodiscard]] Outcome Run();

 private:
  void Step(std::uint64_t limit_ns);
  template <typename Done>
  bool RunUntil(Done done, std::uint64_t limit_ns);
  void RunSafely();
  void RunLively();
  [[nodiscard]] bool PreferredLeads() const;
  void ComeToRest();
  [[nodiscard]] std::vector<ReplicaId> All() const;
  [[nodiscard]] bool AllVote() const;
  [[nodiscard]] bool Converged(const std::vector<ReplicaId>& members) const;
  [[nodiscard]] std::vector<ReplicaId> Within() const;
  [[nodiscard]] bool AllIdle() const;
  [[nodiscard]] std::uint64_t Commits() const;
  void SetAsking(bool asking);
  void Fail(std::string what);
  void Judge();
  void CountFaults();
  [[nodiscard]] std::string WhatIs() const;

  const Plan plan_;
  Trace& trace_;
  const Sabotage sabotage_;
  Random random_;
  Agreed agreed_;
  Record record_;
  Mail mail_;
  Group group_;
  std::vector<Client> clients_;
  Outcome outcome_;
  Injector injector_;
};

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_SIMULATION_H_

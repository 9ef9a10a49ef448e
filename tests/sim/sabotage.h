#ifndef GAIOS_TESTS_SIM_SABOTAGE_H_
#define GAIOS_TESTS_SIM_SABOTAGE_H_

// Ways to break a run on purpose, to see that it is found: a check that cannot fail checks nothing.

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "gaios/rsm/state_machine.h"
#include "gaios/transport/sim/world.h"

#include "tests/sim/agreed.h"
#include "tests/sim/record.h"

namespace gaios::sim {

struct Sabotage {
  // What the simulated memory does wrong.
  transport::sim::Defect defect = transport::sim::Defect::kNone;
  // What becomes of the state machine of a replica; null: nothing.
  std::function<std::unique_ptr<rsm::StateMachine>(paxos::Member, std::unique_ptr<rsm::StateMachine>)> wrap;
  // Done to what is known at the end, before it is judged.
  std::function<void(Record&, Agreed&)> falsify;
};

// The ways that have a name: no-fence, empty-promise, diverge, lose, duplicate, stale-read, abort.
[[nodiscard]] std::optional<Sabotage> SabotageNamed(std::string_view name);

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_SABOTAGE_H_

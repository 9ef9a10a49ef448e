#ifndef GAIOS_CLI_REPLICA_MACHINES_H_
#define GAIOS_CLI_REPLICA_MACHINES_H_

// The state machines that `gaios replica` can run. Programs of users run their own (see examples/).

#include <cstddef>
#include <memory>

#include <absl/status/statusor.h>

#include "gaios/rsm/config.h"
#include "gaios/rsm/state_machine.h"

namespace gaios::cli {

// What was made, and the memory that it has set aside.
struct Machine {
  std::unique_ptr<rsm::StateMachine> machine;
  std::size_t reserved_bytes = 0;
};

// Fails when the memory is not to be had.
[[nodiscard]] absl::StatusOr<Machine> MakeMachine(rsm::StateMachineKind kind);

}  // namespace gaios::cli

#endif  // GAIOS_CLI_REPLICA_MACHINES_H_

#ifndef GAIOS_BENCH_EMPTY_MACHINE_H_
#define GAIOS_BENCH_EMPTY_MACHINE_H_

// The state machine that does nothing, so that what is measured is the way to it.

#include "gaios/rsm/state_machine.h"

namespace gaios::bench {

class EmptyMachine final : public rsm::StateMachine {
 public:
  void Apply(const rsm::Command& /*command*/, rsm::Reply& /*reply*/) override {}
  [[nodiscard]] std::uint64_t StateHash() const override { return 0; }
  [[nodiscard]] absl::Status Save(rsm::SnapshotSink& /*sink*/) const override { return absl::OkStatus(); }
  [[nodiscard]] absl::Status Restore(rsm::SnapshotSource& /*source*/) override { return absl::OkStatus(); }
};

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_EMPTY_MACHINE_H_

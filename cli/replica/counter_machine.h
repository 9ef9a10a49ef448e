#ifndef GAIOS_CLI_REPLICA_COUNTER_MACHINE_H_
#define GAIOS_CLI_REPLICA_COUNTER_MACHINE_H_

// The smallest state machine worth replicating, for groups whose config says state_machine = "counter": a
// command is a number to add, 8 bytes, the reply the sum so far. Any other command adds nothing and has an
// empty reply. Threads: as StateMachine.

#include <cstdint>
#include <cstring>
#include <span>

#include <absl/status/status.h>

#include "gaios/rsm/state_machine.h"

namespace gaios::cli {

class CounterMachine final : public rsm::StateMachine {
 public:
  void Apply(const rsm::Command& command, rsm::Reply& reply) override {
    std::uint64_t add = 0;
    if (command.bytes.size() != sizeof(add)) {
      return;
    }
    std::memcpy(&add, command.bytes.data(), sizeof(add));
    sum_ += add;
    // Eight bytes always have room in a reply that was empty.
    static_cast<void>(reply.Append(std::as_bytes(std::span(&sum_, 1))));
  }
  [[nodiscard]] std::uint64_t StateHash() const override { return sum_ * 0x9e3779b97f4a7c15U; }
  [[nodiscard]] absl::Status Save(rsm::SnapshotSink& sink) const override {
    return sink.Append(std::as_bytes(std::span(&sum_, 1)));
  }
  [[nodiscard]] absl::Status Restore(rsm::SnapshotSource& source) override {
    std::uint64_t sum = 0;
    const absl::Status status = source.Read(std::as_writable_bytes(std::span(&sum, 1)));
    if (status.ok()) {
      sum_ = sum;
    }
    return status;
  }

 private:
  std::uint64_t sum_ = 0;
};

}  // namespace gaios::cli

#endif  // GAIOS_CLI_REPLICA_COUNTER_MACHINE_H_

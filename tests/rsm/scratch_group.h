#ifndef GAIOS_TESTS_RSM_SCRATCH_GROUP_H_
#define GAIOS_TESTS_RSM_SCRATCH_GROUP_H_

// A bootstrapped group in a directory of its own that goes with the test, and a state machine that counts.

#include <stdlib.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>

#include "gaios/base/check.h"
#include "gaios/rsm/config.h"
#include "gaios/rsm/state_machine.h"

namespace gaios::rsm {

class ScratchGroup {
 public:
  explicit ScratchGroup(std::size_t replicas) {
    std::string pattern = "/dev/shm/gaios-test-XXXXXX";
    GAIOS_CHECK(::mkdtemp(pattern.data()) != nullptr, "no temporary directory");
    config.group = "scratch";
    config.directory = pattern;
    config.capacity_bytes = std::uint64_t{1} << 16;
    config.state_machine = StateMachineKind::kCounter;
    for (std::size_t i = 0; i < replicas; ++i) {
      config.replicas.emplace_back().id = paxos::ReplicaId(static_cast<std::uint8_t>(i));
    }
  }
  ScratchGroup(const ScratchGroup&) = delete;
  ScratchGroup& operator=(const ScratchGroup&) = delete;
  ~ScratchGroup() {
    std::error_code ignored;
    std::filesystem::remove_all(config.directory, ignored);
  }

  Config config;
};

class CountingMachine final : public StateMachine {
 public:
  void Apply(const Command& /*command*/, Reply& reply) override {
    ++value_;
    GAIOS_CHECK(reply.Append(std::as_bytes(std::span(&value_, 1))), "a reply has room for a number");
  }
  [[nodiscard]] std::uint64_t StateHash() const override { return value_; }
  [[nodiscard]] absl::Status Save(SnapshotSink& /*sink*/) const override { return absl::OkStatus(); }
  [[nodiscard]] absl::Status Restore(SnapshotSource& /*source*/) override { return absl::OkStatus(); }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0;
};

}  // namespace gaios::rsm

#endif  // GAIOS_TESTS_RSM_SCRATCH_GROUP_H_

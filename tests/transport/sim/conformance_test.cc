// The conformance suite on the simulated world: calm, with writes that are done at once, with torn and
// delayed writes and slow fences, and with completions that tell as little as the contract lets them.

#include <array>
#include <memory>

#include "gaios/transport/sim/world.h"

#include "tests/conformance/recorder.h"
#include "tests/conformance/suite.h"

namespace gaios::transport::conformance {
namespace {

class SimBackend final : public Backend {
 public:
  explicit SimBackend(const sim::WorldOptions& options) : options_(options) {}

  Endpoint& Start(const EndpointOptions& options) override {
    if (world_ == nullptr) {
      options_.replicas = options.replicas;
      options_.capacity_bytes = options.capacity;
      world_ = std::make_unique<sim::World>(options_);
    }
    if (!world_->alive(options.id)) {
      world_->Restart(options.id);
    }
    std::unique_ptr<LocalEndpoint>& endpoint = endpoints_.at(options.id.value());
    endpoint = std::make_unique<LocalEndpoint>(world_->transport(options.id));
    return *endpoint;
  }
  void Kill(ReplicaId id) override { world_->Kill(id); }
  void Advance() override {
    if (world_ != nullptr) {
      world_->AdvanceTo(world_->now_ns() + options_.max_delay_ns / 4 + 1);
    }
  }

 private:
  sim::WorldOptions options_;
  std::unique_ptr<sim::World> world_;
  std::array<std::unique_ptr<LocalEndpoint>, paxos::kMaxReplicas> endpoints_;
};

sim::WorldOptions Calm() {
  return {};
}

// Every second write is done when its call returns, as by shared memory.
sim::WorldOptions Prompt() {
  sim::WorldOptions options;
  options.at_once_per_mille = 500;
  return options;
}

sim::WorldOptions Rough() {
  sim::WorldOptions options;
  options.max_delay_ns = 50'000;
  options.max_fence_ns = 100'000;
  options.torn_writes = true;
  options.move_log = false;
  return options;
}

// Writes torn at any byte, complete long before or after they are seen, or land though their path was given
// up.
sim::WorldOptions Odd() {
  sim::WorldOptions options = Rough();
  options.tear_bytes = 1;
  options.early_completion_per_mille = 500;
  options.late_completion_per_mille = 300;
  options.at_once_per_mille = 300;
  options.stray_per_mille = 500;
  options.max_lag_ns = 200'000;
  return options;
}

const BackendFactory kCalm = {.name = "calm", .make = [] { return std::make_unique<SimBackend>(Calm()); }};
const BackendFactory kPrompt = {.name = "prompt",
                                .make = [] { return std::make_unique<SimBackend>(Prompt()); }};
const BackendFactory kRough = {.name = "rough", .make = [] { return std::make_unique<SimBackend>(Rough()); }};
const BackendFactory kOdd = {.name = "odd", .make = [] { return std::make_unique<SimBackend>(Odd()); }};

}  // namespace

INSTANTIATE_TEST_SUITE_P(Sim, ConformanceTest, testing::Values(kCalm, kPrompt, kRough, kOdd), NameOf);

}  // namespace gaios::transport::conformance

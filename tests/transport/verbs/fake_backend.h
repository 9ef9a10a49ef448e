#ifndef GAIOS_TESTS_TRANSPORT_VERBS_FAKE_BACKEND_H_
#define GAIOS_TESTS_TRANSPORT_VERBS_FAKE_BACKEND_H_

// Replicas over the verbs transport as objects of one process, on a network that is made up.

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "gaios/base/check.h"
#include "gaios/base/clock.h"
#include "gaios/base/memory.h"
#include "gaios/transport/verbs/verbs_transport.h"

#include "tests/conformance/backend.h"
#include "tests/conformance/recorder.h"
#include "tests/transport/bootstrap/channel_hub.h"
#include "tests/transport/verbs/fake_network.h"

namespace gaios::transport::verbs {

class FakeBackend final : public conformance::Backend {
 public:
  // `gives_rings`: the memory of each log is the backend's, as where a transport is one of several paths.
  FakeBackend(std::string driver, bool own_thread, bool gives_rings = false)
      : driver_(std::move(driver)), own_thread_(own_thread), gives_rings_(gives_rings) {}

  conformance::Endpoint& Start(const conformance::EndpointOptions& options) override {
    VerbsOptions verbs;
    verbs.self = options.id;
    verbs.incarnation = options.incarnation;
    verbs.capacity = options.capacity;
    verbs.replicas = options.replicas;
    verbs.clock = own_thread_ ? static_cast<const base::Clock*>(&clock_) : &still_clock_;
    verbs.own_thread = own_thread_;
    std::unique_ptr<FakeDevice> device = network_.MakeDevice();
    device->mutable_facts.driver = driver_;
    Life& life = lives_[options.id.value()];
    life.endpoint.reset();
    life.transport.reset();
    life.device = device.get();
    if (gives_rings_) {
      absl::StatusOr<base::Memory> ring = base::Memory::Create(LogRegionBytes(options.capacity));
      GAIOS_CHECK(ring.ok(), "there is memory for a log");
      life.ring = *std::move(ring);
      verbs.ring = life.ring.data();
    }
    absl::StatusOr<std::unique_ptr<VerbsTransport>> transport =
        VerbsTransport::Open(verbs, std::move(device),
                             hub_.Join({.id = options.id,
                                        .incarnation = options.incarnation,
                                        .group = options.group_id.value(),
                                        .capacity = options.capacity}));
    GAIOS_CHECK(transport.ok(), transport.status().ToString().c_str());
    life.transport = *std::move(transport);
    life.endpoint = std::make_unique<conformance::LocalEndpoint>(*life.transport);
    return *life.endpoint;
  }
  void Kill(ReplicaId id) override {
    lives_[id.value()].endpoint.reset();
    lives_[id.value()].transport.reset();
    lives_[id.value()].device = nullptr;
  }

  // Of transports without a thread of their own; stands still else.
  [[nodiscard]] base::ManualClock& clock() { return still_clock_; }
  [[nodiscard]] FakeNetwork& network() { return network_; }
  [[nodiscard]] bootstrap::ChannelHub& hub() { return hub_; }
  [[nodiscard]] FakeDevice& device(ReplicaId id) { return *lives_[id.value()].device; }
  [[nodiscard]] VerbsTransport& transport(ReplicaId id) { return *lives_[id.value()].transport; }
  [[nodiscard]] const base::Memory& ring(ReplicaId id) { return lives_[id.value()].ring; }

 private:
  struct Life {
    base::Memory ring;
    FakeDevice* device = nullptr;
    std::unique_ptr<VerbsTransport> transport;
    std::unique_ptr<conformance::LocalEndpoint> endpoint;
  };
  const std::string driver_;
  const bool own_thread_;
  const bool gives_rings_;
  base::TscClock clock_{base::TscClock::Source::kKernel};
  base::ManualClock still_clock_{1};
  FakeNetwork network_;
  bootstrap::ChannelHub hub_;
  std::array<Life, paxos::kMaxReplicas> lives_;
};

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TESTS_TRANSPORT_VERBS_FAKE_BACKEND_H_

#ifndef GAIOS_TESTS_TRANSPORT_FALLBACK_FALLBACK_BACKEND_H_
#define GAIOS_TESTS_TRANSPORT_FALLBACK_FALLBACK_BACKEND_H_

// Replicas with two paths to each other, both over the UDP transport, each by a network in memory of its own,
// as objects of one process. Time passes when the test says so.

#include <array>
#include <cstdint>
#include <memory>

#include "gaios/base/clock.h"
#include "gaios/base/memory.h"
#include "gaios/transport/fallback/fallback_transport.h"
#include "gaios/transport/udp/udp_transport.h"

#include "tests/conformance/backend.h"
#include "tests/conformance/recorder.h"
#include "tests/conformance/suite.h"
#include "tests/transport/bootstrap/channel_hub.h"
#include "tests/transport/udp/faulty_port.h"
#include "tests/transport/udp/memory_network.h"

namespace gaios::transport::fallback {

// Tells what a UdpTransport knows of its ways.
class UdpGauge final : public PathGauge {
 public:
  explicit UdpGauge(const udp::UdpTransport& transport) : transport_(transport) {}
  [[nodiscard]] PathReading Read(ReplicaId peer) const override {
    const udp::UdpLinkState link = transport_.link_state(peer);
    return {.sent = link.pieces_sent, .lost = link.pieces_lost, .progress = link.progress};
  }

 private:
  const udp::UdpTransport& transport_;
};

struct FallbackBackendOptions {
  std::array<udp::Faults, 2> faults = {};
  // Of each path, while it is cut: nothing passes, and no connection is made.
  std::array<bool, 2> cut = {};
};

class FallbackBackend final : public conformance::Backend {
 public:
  static constexpr std::size_t kPaths = 2;

  explicit FallbackBackend(const FallbackBackendOptions& options);

  conformance::Endpoint& Start(const conformance::EndpointOptions& options) override;
  void Kill(ReplicaId id) override;
  void Advance() override {
    clock_.AdvanceNs(kRoundNs);
    if (looks_ && ++rounds_ % kRoundsOfALook == 0 &&
        lives_[conformance::kWriter.value()].transport != nullptr) {
      (void)lives_[conformance::kWriter.value()].transport->ReadControl(conformance::kAcceptor);
    }
  }
  // The writer looks at the acceptor again and again from now on, as a leader does at its followers.
  void BeginLooks() { looks_ = true; }

  [[nodiscard]] base::ManualClock& clock() { return clock_; }
  [[nodiscard]] udp::MemoryNetwork& network(std::size_t path) { return ways_[path].network; }
  [[nodiscard]] bootstrap::ChannelHub& hub(std::size_t path) { return ways_[path].hub; }
  [[nodiscard]] FallbackTransport& transport(ReplicaId id) { return *lives_[id.value()].transport; }
  [[nodiscard]] udp::UdpTransport& path(ReplicaId id, std::size_t path) {
    return *lives_[id.value()].paths[path];
  }
  // Of what a replica sends by that path from now on.
  void SetFaults(ReplicaId id, std::size_t path, const udp::Faults& faults) {
    lives_[id.value()].ports[path]->SetFaults(faults);
  }
  // Of two replicas: from now on nothing passes by that path, or everything again.
  void Cut(std::size_t path, ReplicaId a, ReplicaId b);
  void Heal(std::size_t path, ReplicaId a, ReplicaId b);

 private:
  // Between two rounds of Poll.
  static constexpr std::uint64_t kRoundNs = 20'000;

  struct Way {
    udp::MemoryNetwork network;
    bootstrap::ChannelHub hub;
  };
  struct Life {
    base::Memory ring;
    std::array<std::unique_ptr<udp::UdpTransport>, kPaths> paths;
    std::array<udp::FaultyPort*, kPaths> ports = {};  // of the transports
    std::array<std::unique_ptr<UdpGauge>, kPaths> gauges;
    std::unique_ptr<FallbackTransport> transport;
    std::unique_ptr<conformance::LocalEndpoint> endpoint;
  };
  const FallbackBackendOptions options_;
  static constexpr std::uint64_t kRoundsOfALook = 50;

  base::ManualClock clock_{1'000'000'000};
  bool looks_ = false;
  std::uint64_t rounds_ = 0;
  std::array<Way, kPaths> ways_;
  std::uint64_t ports_made_ = 0;
  std::array<Life, paxos::kMaxReplicas> lives_;
};

}  // namespace gaios::transport::fallback

#endif  // GAIOS_TESTS_TRANSPORT_FALLBACK_FALLBACK_BACKEND_H_

#include "tests/transport/fallback/fallback_backend.h"

#include <utility>
#include <vector>

#include "gaios/base/check.h"

#include "tests/transport/fallback/udp_path.h"

namespace gaios::transport::fallback {
namespace {

constexpr std::array kEveryId = {ReplicaId(0), ReplicaId(1), ReplicaId(2)};

}  // namespace

FallbackBackend::FallbackBackend(const FallbackBackendOptions& options) : options_(options) {
  for (std::size_t path = 0; path < kPaths; ++path) {
    for (const ReplicaId a : kEveryId) {
      for (const ReplicaId b : kEveryId) {
        if (options.cut[path] && a < b) {
          ways_[path].hub.Cut(a, b);
        }
      }
    }
  }
}

conformance::Endpoint& FallbackBackend::Start(const conformance::EndpointOptions& options) {
  Life& life = lives_[options.id.value()];
  Kill(options.id);
  absl::StatusOr<base::Memory> ring = base::Memory::Create(options.capacity);
  GAIOS_CHECK(ring.ok(), "there is memory for a log");
  life.ring = *std::move(ring);
  std::vector<FallbackPath> paths;
  for (std::size_t path = 0; path < kPaths; ++path) {
    udp::Faults faults = options_.faults[path];
    faults.seed = faults.seed * 1000 + ++ports_made_;  // another for each port
    auto port =
        std::make_unique<udp::FaultyPort>(ways_[path].network.MakePort(udp::kDefaultPayloadBytes), faults);
    life.ports[path] = port.get();
    life.paths[path] = OpenUdpPath(options, life.ring.data(), clock_, std::move(port), ways_[path].hub);
    life.gauges[path] = std::make_unique<UdpGauge>(*life.paths[path]);
    paths.push_back({.transport = life.paths[path].get(), .gauge = life.gauges[path].get()});
  }
  life.transport =
      std::make_unique<FallbackTransport>(FallbackOptions{.self = options.id, .clock = &clock_}, paths);
  life.endpoint = std::make_unique<conformance::LocalEndpoint>(*life.transport);
  return *life.endpoint;
}

void FallbackBackend::Kill(ReplicaId id) {
  Life& life = lives_[id.value()];
  life.endpoint.reset();
  life.transport.reset();
  for (auto& path : life.paths) {
    path.reset();
  }
}

void FallbackBackend::Cut(std::size_t path, ReplicaId a, ReplicaId b) {
  ways_[path].hub.Cut(a, b);
}

void FallbackBackend::Heal(std::size_t path, ReplicaId a, ReplicaId b) {
  ways_[path].hub.Heal(a, b);
}

}  // namespace gaios::transport::fallback

#include "tests/transport/fallback/verbs_udp_backend.h"

#include <utility>

#include "gaios/base/check.h"
#include "gaios/transport/verbs/layout.h"

#include "tests/transport/fallback/udp_path.h"

namespace gaios::transport::fallback {
namespace {

constexpr std::array kEveryId = {ReplicaId(0), ReplicaId(1), ReplicaId(2)};

}  // namespace

VerbsUdpBackend::VerbsUdpBackend(const VerbsUdpOptions& options) : options_(options) {
  rdma_.Cut(options.no_rdma);
  for (const ReplicaId a : kEveryId) {
    for (const ReplicaId b : kEveryId) {
      if (options.no_udp && a < b) {
        hubs_[kUdp].Cut(a, b);
      }
    }
  }
}

conformance::Endpoint& VerbsUdpBackend::Start(const conformance::EndpointOptions& options) {
  Life& life = lives_[options.id.value()];
  Kill(options.id);
  absl::StatusOr<base::Memory> ring = base::Memory::Create(verbs::LogRegionBytes(options.capacity));
  GAIOS_CHECK(ring.ok(), "there is memory for a log");
  life.ring = *std::move(ring);
  OpenVerbs(options, life);
  life.udp = OpenUdpPath(options, life.ring.data(), clock_, datagrams_.MakePort(udp::kDefaultPayloadBytes),
                         hubs_[kUdp]);
  const std::array<Transport*, 2> paths = {life.verbs.get(), life.udp.get()};
  life.transport =
      std::make_unique<FallbackTransport>(FallbackOptions{.self = options.id, .clock = &clock_}, paths);
  life.endpoint = std::make_unique<conformance::LocalEndpoint>(*life.transport);
  return *life.endpoint;
}

void VerbsUdpBackend::OpenVerbs(const conformance::EndpointOptions& options, Life& life) {
  verbs::VerbsOptions verbs;
  verbs.self = options.id;
  verbs.incarnation = options.incarnation;
  verbs.capacity = options.capacity;
  verbs.ring = life.ring.data();
  verbs.replicas = options.replicas;
  verbs.clock = &clock_;
  verbs.own_thread = false;
  std::unique_ptr<verbs::FakeDevice> device = rdma_.MakeDevice();
  device->mutable_facts.driver = options_.driver;
  life.device = device.get();
  absl::StatusOr<std::unique_ptr<verbs::VerbsTransport>> transport =
      verbs::VerbsTransport::Open(verbs, std::move(device), hubs_[kVerbs].Join(MemberOf(options)));
  GAIOS_CHECK(transport.ok(), transport.status().ToString().c_str());
  life.verbs = *std::move(transport);
}

void VerbsUdpBackend::Kill(ReplicaId id) {
  Life& life = lives_[id.value()];
  life.endpoint.reset();
  life.transport.reset();
  life.verbs.reset();
  life.device = nullptr;
  life.udp.reset();
}

}  // namespace gaios::transport::fallback

#ifndef GAIOS_TESTS_TRANSPORT_FALLBACK_VERBS_UDP_BACKEND_H_
#define GAIOS_TESTS_TRANSPORT_FALLBACK_VERBS_UDP_BACKEND_H_

// Replicas with two paths to each other: RDMA over devices that are made up, and the UDP transport by a
// network in memory. Objects of one process; time passes when the test says so.

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "gaios/base/clock.h"
#include "gaios/base/memory.h"
#include "gaios/transport/fallback/fallback_transport.h"
#include "gaios/transport/udp/udp_transport.h"
#include "gaios/transport/verbs/verbs_transport.h"

#include "tests/conformance/backend.h"
#include "tests/conformance/recorder.h"
#include "tests/conformance/suite.h"
#include "tests/transport/bootstrap/channel_hub.h"
#include "tests/transport/udp/memory_network.h"
#include "tests/transport/verbs/fake_network.h"

namespace gaios::transport::fallback {

struct VerbsUdpOptions {
  std::string driver = "rdma_rxe";  // of the devices
  bool no_rdma = false;             // peers meet, and none answers by RDMA
  bool no_udp = false;
};

class VerbsUdpBackend final : public conformance::Backend {
 public:
  static constexpr std::size_t kVerbs = 0;
  static constexpr std::size_t kUdp = 1;

  explicit VerbsUdpBackend(const VerbsUdpOptions& options);

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

  // Between two rounds of Poll.
  static constexpr std::uint64_t kRoundNs = 20'000;

  [[nodiscard]] base::ManualClock& clock() { return clock_; }
  [[nodiscard]] verbs::FakeNetwork& rdma() { return rdma_; }
  [[nodiscard]] FallbackTransport& transport(ReplicaId id) { return *lives_[id.value()].transport; }
  [[nodiscard]] verbs::VerbsTransport& verbs(ReplicaId id) { return *lives_[id.value()].verbs; }
  [[nodiscard]] verbs::FakeDevice& device(ReplicaId id) { return *lives_[id.value()].device; }
  [[nodiscard]] udp::UdpTransport& udp(ReplicaId id) { return *lives_[id.value()].udp; }

 private:
  struct Life {
    base::Memory ring;
    verbs::FakeDevice* device = nullptr;
    std::unique_ptr<verbs::VerbsTransport> verbs;
    std::unique_ptr<udp::UdpTransport> udp;
    std::unique_ptr<FallbackTransport> transport;
    std::unique_ptr<conformance::LocalEndpoint> endpoint;
  };
  void OpenVerbs(const conformance::EndpointOptions& options, Life& life);

  const VerbsUdpOptions options_;
  static constexpr std::uint64_t kRoundsOfALook = 50;

  base::ManualClock clock_{1'000'000'000};
  bool looks_ = false;
  std::uint64_t rounds_ = 0;
  verbs::FakeNetwork rdma_;
  udp::MemoryNetwork datagrams_;
  std::array<bootstrap::ChannelHub, 2> hubs_;  // each path has its own meeting
  std::array<Life, paxos::kMaxReplicas> lives_;
};

}  // namespace gaios::transport::fallback

#endif  // GAIOS_TESTS_TRANSPORT_FALLBACK_VERBS_UDP_BACKEND_H_

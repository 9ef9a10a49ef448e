#ifndef GAIOS_TESTS_TRANSPORT_UDP_UDP_BACKEND_H_
#define GAIOS_TESTS_TRANSPORT_UDP_UDP_BACKEND_H_

// Replicas over the UDP transport as objects of one process: over sockets on loopback and by real time, or
// over a network in memory and by a time that passes when the test says so.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>

#include "gaios/base/clock.h"
#include "gaios/transport/udp/udp_transport.h"

#include "tests/conformance/backend.h"
#include "tests/conformance/recorder.h"
#include "tests/transport/bootstrap/channel_hub.h"
#include "tests/transport/udp/faulty_port.h"
#include "tests/transport/udp/memory_network.h"

namespace gaios::transport::udp {

struct UdpBackendOptions {
  bool sockets = false;
  // Where there are real devices: makes their ports, and time is real. Takes the place of `sockets`.
  std::function<std::unique_ptr<Port>(ReplicaId)> make_port = {};
  bool authenticate = true;
  bool encrypt = false;
  bool own_thread = false;
  std::size_t payload_bytes = kDefaultPayloadBytes;
  MemoryNetwork::Loans loans = {};  // in memory; none where there are faults
  Faults faults = {};               // none unless it says so
  // Ports of `make_port` take loans, to the end. Looked at when replicas end.
  bool lends = false;
};

class UdpBackend final : public conformance::Backend {
 public:
  explicit UdpBackend(const UdpBackendOptions& options) : options_(options) {
    network_.SetLoans(options.loans);
  }
  ~UdpBackend() override;

  conformance::Endpoint& Start(const conformance::EndpointOptions& options) override;
  void Kill(ReplicaId id) override;
  void Advance() override { still_clock_.AdvanceNs(kRoundNs); }

  [[nodiscard]] base::ManualClock& clock() { return still_clock_; }
  [[nodiscard]] MemoryNetwork& network() { return network_; }
  [[nodiscard]] bootstrap::ChannelHub& hub() { return hub_; }
  [[nodiscard]] UdpTransport& transport(ReplicaId id) { return *lives_[id.value()].transport; }
  [[nodiscard]] FaultyPort& port(ReplicaId id) { return *lives_[id.value()].port; }

 private:
  // Between two rounds of Poll.
  static constexpr std::uint64_t kRoundNs = 20'000;

  struct Life {
    FaultyPort* port = nullptr;
    std::unique_ptr<UdpTransport> transport;
    std::unique_ptr<conformance::LocalEndpoint> endpoint;
  };
  void ExpectLends(const Life& life) const;

  const UdpBackendOptions options_;
  base::TscClock clock_{base::TscClock::Source::kKernel};
  base::ManualClock still_clock_{1'000'000'000};
  MemoryNetwork network_;
  bootstrap::ChannelHub hub_;
  std::uint64_t ports_made_ = 0;
  std::array<Life, paxos::kMaxReplicas> lives_;
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TESTS_TRANSPORT_UDP_UDP_BACKEND_H_

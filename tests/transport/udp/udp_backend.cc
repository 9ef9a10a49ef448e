#include "tests/transport/udp/udp_backend.h"

#include <utility>

#include <gtest/gtest.h>

#include "gaios/base/check.h"
#include "gaios/transport/udp/socket_port.h"

namespace gaios::transport::udp {

conformance::Endpoint& UdpBackend::Start(const conformance::EndpointOptions& options) {
  std::unique_ptr<Port> port;
  if (options_.make_port) {
    lives_[options.id.value()].transport.reset();  // a device is opened once at a time
    port = options_.make_port(options.id);
  } else if (options_.sockets) {
    absl::StatusOr<std::unique_ptr<SocketPort>> socket =
        SocketPort::Open({.address = "127.0.0.1", .max_payload = options_.payload_bytes});
    GAIOS_CHECK(socket.ok(), socket.status().ToString().c_str());
    port = *std::move(socket);
  } else {
    port = network_.MakePort(options_.payload_bytes);
  }
  Faults faults = options_.faults;
  faults.seed = faults.seed * 1000 + ++ports_made_;  // another for each port
  auto faulty = std::make_unique<FaultyPort>(std::move(port), faults);

  UdpOptions udp;
  udp.self = options.id;
  udp.incarnation = options.incarnation;
  udp.group = options.group_id;
  udp.capacity = options.capacity;
  udp.replicas = options.replicas;
  udp.clock =
      options_.sockets || options_.make_port ? static_cast<const base::Clock*>(&clock_) : &still_clock_;
  udp.authenticate = options_.authenticate;
  udp.encrypt = options_.encrypt;
  udp.own_thread = options_.own_thread;
  Life& life = lives_[options.id.value()];
  life.endpoint.reset();
  life.transport.reset();
  life.port = faulty.get();
  absl::StatusOr<std::unique_ptr<UdpTransport>> transport =
      UdpTransport::Reserve(udp, std::move(faulty),
                            hub_.Join({.id = options.id,
                                       .incarnation = options.incarnation,
                                       .group = options.group_id.value(),
                                       .capacity = options.capacity}));
  GAIOS_CHECK(transport.ok(), transport.status().ToString().c_str());
  life.transport = *std::move(transport);
  life.transport->Begin();
  life.endpoint = std::make_unique<conformance::LocalEndpoint>(*life.transport);
  return *life.endpoint;
}

UdpBackend::~UdpBackend() {
  for (const Life& life : lives_) {
    ExpectLends(life);
  }
}

void UdpBackend::ExpectLends(const Life& life) const {
  if (options_.lends && life.transport != nullptr) {
    EXPECT_NE(life.port->least_loan(), kNoLoans) << "a port copies";
  }
}

void UdpBackend::Kill(ReplicaId id) {
  Life& life = lives_[id.value()];
  ExpectLends(life);
  life.endpoint.reset();
  life.transport.reset();
  life.port = nullptr;
}

}  // namespace gaios::transport::udp

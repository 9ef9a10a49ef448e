#ifndef GAIOS_TESTS_TRANSPORT_FALLBACK_UDP_PATH_H_
#define GAIOS_TESTS_TRANSPORT_FALLBACK_UDP_PATH_H_

// The UDP transport as a path of a replica that is an object of the test's process, and how it meets others.

#include <cstddef>
#include <memory>
#include <utility>

#include "gaios/base/check.h"
#include "gaios/base/clock.h"
#include "gaios/transport/udp/udp_transport.h"

#include "tests/conformance/backend.h"
#include "tests/transport/bootstrap/channel_hub.h"

namespace gaios::transport::fallback {

inline bootstrap::HubMember MemberOf(const conformance::EndpointOptions& options) {
  return {.id = options.id,
          .incarnation = options.incarnation,
          .group = options.group_id.value(),
          .capacity = options.capacity};
}

// On memory that all paths of the replica have; its life has begun. `clock` must outlive it.
inline std::unique_ptr<udp::UdpTransport> OpenUdpPath(const conformance::EndpointOptions& options,
                                                      std::byte* ring, const base::Clock& clock,
                                                      std::unique_ptr<udp::Port> port,
                                                      bootstrap::ChannelHub& hub) {
  udp::UdpOptions udp;
  udp.self = options.id;
  udp.incarnation = options.incarnation;
  udp.group = options.group_id;
  udp.capacity = options.capacity;
  udp.ring = ring;
  udp.replicas = options.replicas;
  udp.clock = &clock;
  udp.own_thread = false;
  absl::StatusOr<std::unique_ptr<udp::UdpTransport>> transport =
      udp::UdpTransport::Reserve(udp, std::move(port), hub.Join(MemberOf(options)));
  GAIOS_CHECK(transport.ok(), transport.status().ToString().c_str());
  (*transport)->Begin();
  return *std::move(transport);
}

}  // namespace gaios::transport::fallback

#endif  // GAIOS_TESTS_TRANSPORT_FALLBACK_UDP_PATH_H_

#ifndef GAIOS_RSM_CLIENT_NETWORK_NETWORK_CLIENT_H_
#define GAIOS_RSM_CLIENT_NETWORK_NETWORK_CLIENT_H_

// A Client (rsm/client/client.h) over the network: all that it needs is the group's config and the
// credentials that this names. What it promises is what every client does; that what is sent may be lost,
// doubled or late is mended below it (ring_stream.h), and a replica that does not answer is left for the next
// one.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "gaios/base/clock.h"
#include "gaios/rsm/client/client.h"
#include "gaios/rsm/client/network/shared_port.h"
#include "gaios/transport/bootstrap/options.h"

namespace gaios::rsm {

struct NetworkAddress {
  std::string address;  // IPv4, in numbers
  std::uint16_t port = 0;
};

struct NetworkClientOptions {
  std::string cluster;                    // the group's name in the config
  std::vector<NetworkAddress> addresses;  // client_address of every replica, by id
  transport::bootstrap::Credentials credentials;
  std::size_t payload_bytes = 1400;  // of a datagram, at most
  bool encrypt = false;              // datagrams; the replicas must do the same
  // What carries the datagrams, for clients of one thread; null: UDP sockets of the kernel.
  std::shared_ptr<SharedPort> port;
  // `replicas` and `directory` are not looked at. `group` is 0 for that of the first replica that takes it,
  // which the client then keeps for its life.
  ClientOptions client;
};

// Connects later, by Client::Poll: replicas may start after it. InvalidArgument names the option that is
// wrong; errors of the credentials are those of transport/bootstrap/tls.h. `clock` must outlive the client.
[[nodiscard]] absl::StatusOr<std::unique_ptr<Client>> OpenNetworkClient(const NetworkClientOptions& options,
                                                                        const base::Clock& clock);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_CLIENT_NETWORK_NETWORK_CLIENT_H_

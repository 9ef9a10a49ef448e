#ifndef GAIOS_RSM_NODE_BOOTSTRAP_H_
#define GAIOS_RSM_NODE_BOOTSTRAP_H_

// The channel by which replicas on several hosts meet, as a config asks for it, and what it counts. For
// node_verbs.cc and node_udp.cc alone.

#include <memory>

#include <absl/status/statusor.h>

#include "gaios/rsm/config.h"
#include "gaios/rsm/node_transport.h"
#include "gaios/rsm/transport_counters.h"
#include "gaios/transport/bootstrap/peer_channel.h"

namespace gaios::rsm {

// That of `path`. Errors are those of bootstrap::Bootstrap::Open.
[[nodiscard]] absl::StatusOr<std::unique_ptr<transport::bootstrap::PeerChannel>> OpenPeerChannel(
    const Config& config, LinkPath path, const NodeTransportOptions& options);

// Puts what the channel has counted into its places.
void CountChannel(const transport::bootstrap::ChannelCounters& channel, TransportCounters& all);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_NODE_BOOTSTRAP_H_

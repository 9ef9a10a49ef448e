#ifndef GAIOS_RSM_CLIENT_NETWORK_STREAM_KEYS_H_
#define GAIOS_RSM_CLIENT_NETWORK_STREAM_KEYS_H_

// Keys and tags of the datagrams of one connection between a client and a replica, from the secret of the TLS
// connection by which they met: others for each direction and each connection, and never on the wire.

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/rsm/client/network/ring_stream.h"
#include "gaios/rsm/client/network/wire.h"
#include "gaios/transport/bootstrap/tls.h"
#include "gaios/transport/udp/seal.h"

namespace gaios::rsm {

// Sets both tags of `terms`. `encrypt`: whether the datagrams are to be encrypted. Unavailable: the
// connection has ended, or libipsec-mb does not work here.
[[nodiscard]] absl::StatusOr<transport::udp::Seal> DeriveStreamKeys(
    const transport::bootstrap::TlsChannel& channel, NetworkKind sends, bool encrypt, StreamTerms& terms);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_CLIENT_NETWORK_STREAM_KEYS_H_

#ifndef GAIOS_BENCH_TRANSPORTS_H_
#define GAIOS_BENCH_TRANSPORTS_H_

// The transports that groups of a benchmark are opened with, as a node opens them from its config: the
// replicas of verbs are processes of this host on one device, and those of udp send each other datagrams over
// the loopback; both meet at its address. One thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/clock.h"
#include "gaios/paxos/types.h"
#include "gaios/rsm/config.h"
#include "gaios/rsm/node_transport.h"

#include "bench/lossy_port.h"
#include "bench/options.h"

namespace gaios::bench {

// OK when groups can be made over that transport here, and otherwise what to do. NotFound,
// FailedPrecondition or InvalidArgument: it is this build or this host.
[[nodiscard]] absl::Status CheckTransport(const Options& options);

// The config of a fresh group in `directory`. Writes the key that its replicas share, where they need one.
[[nodiscard]] absl::StatusOr<rsm::Config> MakeConfig(const Options& options, const std::string& directory);

// Its replicas serve clients of the network too, at the loopback address. Before it is bootstrapped.
[[nodiscard]] absl::Status ServeClients(rsm::Config& config);

// Replica `id` of it, in that life. `clock` must outlive the transport, and so must `loss`, at which its
// datagrams are lost; null: none is.
[[nodiscard]] absl::StatusOr<std::unique_ptr<rsm::NodeTransport>> OpenTransport(
    const rsm::Config& config, std::uint8_t id, const base::Clock& clock,
    paxos::Incarnation incarnation = paxos::Incarnation(1), const LossRate* loss = nullptr);

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_TRANSPORTS_H_

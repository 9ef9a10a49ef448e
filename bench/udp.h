#ifndef GAIOS_BENCH_UDP_H_
#define GAIOS_BENCH_UDP_H_

// What the benchmarks have of their own for UDP, over kernel sockets on the loopback and by DPDK over
// interfaces of the kernel.

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/clock.h"

#include "bench/group.h"
#include "bench/options.h"
#include "bench/placement.h"
#include "bench/posted_run.h"
#include "bench/round_trip.h"
#include "bench/udp_floor.h"

namespace gaios::bench {

// As RunCommit and RunThroughput, beside the floor of udp_floor.h.
[[nodiscard]] absl::Status RunUdpCommit(const Options& options);
[[nodiscard]] absl::Status RunUdpThroughput(const Options& options);

using UdpSides = PostedSides<UdpFloor>;
// The product and its floor, over the port that the options name.
[[nodiscard]] absl::StatusOr<UdpSides> StartUdp(const Options& options, const Placement& placement,
                                                const base::TscClock& clock);

// The group that benchmarks over UDP measure, with a machine that does nothing.
[[nodiscard]] GroupOptions UdpGroupOptions(const Options& options);

// The floor of filling a replica: as many bytes in the product's datagrams, as udp_floor.h has them, to one
// peer, until that has taken all. Bytes a second. To be called while the process holds no sockets.
[[nodiscard]] absl::StatusOr<double> UdpRawBytesPerSecond(const Options& options, const Placement& placement,
                                                          std::uint64_t bytes, const base::TscClock& clock);

// The floor of a hand-over: a datagram with a message of the protocol, as long as the product's, and one as
// long back. To be called while the process holds no sockets.
[[nodiscard]] absl::StatusOr<RoundTrips> MeasureUdpRoundTrips(const Options& options,
                                                              const Placement& placement,
                                                              const base::TscClock& clock);

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_UDP_H_

#ifndef GAIOS_BENCH_DPDK_NETWORK_H_
#define GAIOS_BENCH_DPDK_NETWORK_H_

// A network of this process alone, for measuring DPDK over interfaces of the kernel: a bridge with an
// interface for each replica, and another one with as many for the ends of the floor. It goes with the
// process and its children. Needs root. One thread.

#include <cstddef>
#include <memory>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/clock.h"
#include "gaios/transport/udp/port.h"

#include "bench/options.h"

namespace gaios::bench {

// FailedPrecondition: there can be none here, or this build is without DPDK.
[[nodiscard]] absl::Status CheckDpdkNetwork();
// Makes it, for datagrams of so many bytes, and takes this thread there.
[[nodiscard]] absl::Status EnterDpdkNetwork(std::size_t ends, std::size_t payload_bytes);

// Of a replica: its device of that driver, and its address.
[[nodiscard]] std::string DpdkDevice(const std::string& driver, std::size_t replica);
[[nodiscard]] std::string DpdkAddress(std::size_t replica);

// A port of the floor's, with the driver that the options name. `clock` must outlive it.
[[nodiscard]] absl::StatusOr<std::unique_ptr<transport::udp::Port>> OpenDpdkFloorPort(
    const Options& options, std::size_t end, const base::Clock& clock);

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_DPDK_NETWORK_H_

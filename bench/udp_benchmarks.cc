#include <memory>
#include <utility>

#include "gaios/transport/udp/socket_port.h"

#include "bench/dpdk_network.h"
#include "bench/empty_machine.h"
#include "bench/environment.h"
#include "bench/group.h"
#include "bench/placement.h"
#include "bench/posted_run.h"
#include "bench/udp.h"
#include "bench/udp_floor.h"

namespace gaios::bench {
namespace {

PortOpener Opener(const Options& options, const base::TscClock& clock) {
  if (options.port == rsm::PortKind::kDpdk) {
    return [&options, &clock](std::size_t end) { return OpenDpdkFloorPort(options, end, clock); };
  }
  return [bytes = options.payload_bytes](
             std::size_t /*end*/) -> absl::StatusOr<std::unique_ptr<transport::udp::Port>> {
    auto port = transport::udp::SocketPort::Open({.address = "127.0.0.1", .max_payload = bytes});
    if (!port.ok()) {
      return port.status();
    }
    return *std::move(port);
  };
}

absl::Status EmitReport(const Options& options, const Placement& placement, absl::StatusOr<Json> report) {
  if (!report.ok()) {
    return report.status();
  }
  if (options.port == rsm::PortKind::kDpdk) {
    (*report)["driver"] = options.device;
  }
  (*report)["payload_bytes"] = options.payload_bytes;
  (*report)["authenticate"] = options.authenticate;
  (*report)["encrypt"] = options.encrypt;
  (*report)["one_core"] = placement.crowded();
  return Emit(options, *report);
}

}  // namespace

GroupOptions UdpGroupOptions(const Options& options) {
  return {.replicas = options.replicas,
          .capacity_bytes = options.capacity_bytes,
          .idle = options.idle,
          .transport = options.transport,
          .device = options.device,
          .port = options.port,
          .payload_bytes = options.payload_bytes,
          .authenticate = options.authenticate,
          .encrypt = options.encrypt,
          .make_machine = [] { return std::make_unique<EmptyMachine>(); }};
}

absl::StatusOr<UdpSides> StartUdp(const Options& options, const Placement& placement,
                                  const base::TscClock& clock) {
  if (options.port == rsm::PortKind::kDpdk) {
    if (absl::Status status = EnterDpdkNetwork(options.replicas, options.payload_bytes); !status.ok()) {
      return status;
    }
  }
  return StartPosted(UdpFloor::Fork({.peers = options.replicas - 1,
                                     .payload_bytes = options.payload_bytes,
                                     .idle = options.idle,
                                     .open_port = Opener(options, clock)},
                                    placement, clock),
                     UdpGroupOptions(options), placement, clock);
}

absl::StatusOr<double> UdpRawBytesPerSecond(const Options& options, const Placement& placement,
                                            std::uint64_t bytes, const base::TscClock& clock) {
  constexpr std::size_t kEntryBytes = std::size_t{64} << 10;
  auto floor = UdpFloor::Fork({.peers = 1,
                               .payload_bytes = options.payload_bytes,
                               .idle = options.idle,
                               .open_port = Opener(options, clock)},
                              placement, clock);
  if (!floor.ok()) {
    return floor.status();
  }
  if (absl::Status status = (*floor)->Connect(); !status.ok()) {
    return status;
  }
  const Load load = {.entry_bytes = kEntryBytes, .floor_bytes = bytes};
  const absl::StatusOr<double> seconds =
      PostedFloorBlock(**floor, options, load, clock, [&floor] { return (*floor)->TakenByAll(); });
  return seconds.ok() ? absl::StatusOr<double>(static_cast<double>(bytes) / *seconds) : seconds.status();
}

absl::Status RunUdpCommit(const Options& options) {
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  absl::StatusOr<UdpSides> sides = StartUdp(options, placement, clock);
  return sides.ok() ? EmitReport(options, placement, MeasurePostedCommit(options, *sides, clock, environment))
                    : sides.status();
}

absl::Status RunUdpThroughput(const Options& options) {
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  absl::StatusOr<UdpSides> sides = StartUdp(options, placement, clock);
  if (!sides.ok()) {
    return sides.status();
  }
  return EmitReport(options, placement, MeasurePostedThroughput(options, *sides, clock, environment, [&] {
                      return sides->floor->TakenByAll();
                    }));
}

}  // namespace gaios::bench

#include <memory>
#include <utility>

#include "gaios/paxos/message.h"
#include "gaios/transport/udp/socket_port.h"

#include "bench/dpdk_network.h"
#include "bench/empty_machine.h"
#include "bench/environment.h"
#include "bench/group.h"
#include "bench/placement.h"
#include "bench/posted_round_trip.h"
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
    (*report)["zero_copy"] = options.zero_copy;
  }
  (*report)["payload_bytes"] = options.payload_bytes;
  (*report)["authenticate"] = options.authenticate;
  (*report)["encrypt"] = options.encrypt;
  (*report)["one_core"] = placement.crowded();
  return Emit(options, *report);
}

// A group whose links have two paths, beside one that is the same but for that: which is the floor here.
absl::Status RunTwoPathsCommit(const Options& options) {
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  const GroupOptions with = UdpGroupOptions(options);
  GroupOptions without = with;
  without.two_paths = false;
  const auto one = Group::Fork(without, placement, clock);
  if (!one.ok()) {
    return one.status();
  }
  const auto two = Group::Fork(with, placement, clock);
  if (!two.ok()) {
    return two.status();
  }
  absl::Status opened = (*one)->Open(without, placement, clock);
  opened.Update((*two)->Open(with, placement, clock));
  if (!opened.ok()) {
    return opened;
  }
  ProductTarget floor((*one)->leader(), options.size_bytes);
  ProductTarget product((*two)->leader(), options.size_bytes);
  Idling<ProductTarget> idling_floor(floor, options.leader_idle);
  Idling<ProductTarget> idling_product(product, options.leader_idle);
  Series floor_series;
  Series product_series;
  if (absl::Status status =
          RunBlocks(options, clock, idling_floor, idling_product, floor_series, product_series,
                    [&] {
                      const absl::Status first = (*one)->Check();
                      return first.ok() ? (*two)->Check() : first;
                    });
      !status.ok()) {
    return status;
  }
  if (!floor.clean() || !product.clean()) {
    return absl::AbortedError("a command ended unknown: the leader was lost during the run");
  }
  Json report = CommitReport(options, product_series, floor_series, environment);
  report["floor_is"] = "the same group with one path";
  if (absl::Status status = EmitHgrm(options, product_series.all); !status.ok()) {
    return status;
  }
  return EmitReport(options, placement, std::move(report));
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
          .zero_copy = options.zero_copy,
          .two_paths = options.two_paths,
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

absl::StatusOr<RoundTrips> MeasureUdpRoundTrips(const Options& options, const Placement& placement,
                                                const base::TscClock& clock) {
  auto floor = UdpFloor::Fork({.peers = 1,
                               .payload_bytes = options.payload_bytes,
                               .idle = AwaitingIdle(options),
                               .answer_bytes = transport::udp::kOverheadBytes + paxos::kEncodedMessageBytes,
                               .open_port = Opener(options, clock)},
                              placement, clock);
  return floor.ok() ? PostedRoundTrips(**floor, paxos::kEncodedMessageBytes, options, placement, clock)
                    : floor.status();
}

absl::Status RunUdpCommit(const Options& options) {
  if (options.two_paths) {
    return RunTwoPathsCommit(options);
  }
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

// What a client of the network sees of a commit, beside the same datagrams sent to one that sends them back.
//
// The client is a process of its own, on the followers' cpu; this process leads, on another. Where the client
// sends is asked by the same loop on the same cpu for both: it echoes while the floor is measured, and serves
// the client while the product is.

#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "gaios/rsm/client/client.h"
#include "gaios/rsm/client/network/wire.h"
#include "gaios/rsm/client/wire.h"
#include "gaios/rsm/network_clients.h"
#include "gaios/transport/udp/socket_port.h"

#include "bench/benchmarks.h"
#include "bench/child_process.h"
#include "bench/commit_run.h"
#include "bench/empty_machine.h"
#include "bench/environment.h"
#include "bench/group.h"
#include "bench/placement.h"
#include "bench/scratch_directory.h"
#include "bench/shared_page.h"
#include "bench/transports.h"

namespace gaios::bench {
namespace {

using transport::udp::Endpoint;
using transport::udp::SocketPort;

constexpr std::uint64_t kPatienceNs = 10'000'000'000;

struct Page {
  std::atomic<std::uint32_t> echo_port{0};  // once the group is ready
  std::atomic<bool> floor{false};           // what is measured now
  std::atomic<bool> measured{false};
};

// A request and its response, each alone in a datagram, as they are on the wire.
std::size_t RequestBytes(std::size_t command_bytes) {
  return rsm::kNetworkOverheadBytes + rsm::RecordBytes(sizeof(rsm::RequestHeader) + command_bytes);
}
constexpr std::size_t kResponseBytes =
    rsm::kNetworkOverheadBytes + rsm::RecordBytes(sizeof(rsm::ResponseHeader));

absl::StatusOr<std::unique_ptr<SocketPort>> OpenPort() {
  return SocketPort::Open({.address = "127.0.0.1"});
}

class Echo final : private transport::udp::DatagramReceiver {
 public:
  explicit Echo(SocketPort& port) : port_(port) {}
  void Turn() {
    if (port_.Receive(*this, 64) != 0) {
      port_.Flush();
    }
  }

 private:
  void OnDatagram(Endpoint from, std::span<std::byte> /*payload*/) override {
    if (port_.Claim().empty()) {
      port_.Flush();
    }
    (void)port_.Claim();
    port_.Send(kResponseBytes, from);
  }
  SocketPort& port_;
};

class FloorTarget final : private transport::udp::DatagramReceiver {
 public:
  FloorTarget(Page& page, SocketPort& port, Endpoint echo, std::size_t bytes, const base::TscClock& clock)
      : page_(page), port_(port), echo_(echo), bytes_(bytes), clock_(clock) {}
  bool Propose() {
    page_.floor.store(true, std::memory_order_relaxed);
    (void)port_.Claim();
    port_.Send(bytes_, echo_);
    port_.Flush();
    progress_ns_ = clock_.NowNs();
    return true;
  }
  std::size_t Poll() {
    const std::size_t came = port_.Receive(*this, 64);
    if (came == 0 && clock_.NowNs() - progress_ns_ > kPatienceNs) {
      failed_ = true;
      return 1;  // so that the loop ends
    }
    return came;
  }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  void OnDatagram(Endpoint /*from*/, std::span<std::byte> /*payload*/) override {
    progress_ns_ = clock_.NowNs();
  }
  Page& page_;
  SocketPort& port_;
  const Endpoint echo_;
  const std::size_t bytes_;
  const base::TscClock& clock_;
  std::uint64_t progress_ns_ = 0;
  bool failed_ = false;
};

class ProductTarget final : private rsm::ClientListener {
 public:
  ProductTarget(Page& page, rsm::Client& client, std::size_t bytes)
      : page_(page), client_(client), command_(bytes) {}
  bool Propose() {
    page_.floor.store(false, std::memory_order_relaxed);
    return client_.Submit(command_, 0) == rsm::Submitted::kSubmitted;
  }
  std::size_t Poll() {
    done_ = 0;
    (void)client_.Poll(*this);
    return done_;
  }
  [[nodiscard]] std::uint64_t unknown() const { return unknown_; }

 private:
  void OnCommitted(std::uint64_t /*tag*/, std::uint64_t /*slot*/, rsm::Applied /*how*/,
                   std::span<const std::byte> /*reply*/) override {
    ++done_;
  }
  void OnUnknown(std::uint64_t /*tag*/) override {
    ++done_;
    ++unknown_;
  }
  Page& page_;
  rsm::Client& client_;
  const std::vector<std::byte> command_;
  std::size_t done_ = 0;
  std::uint64_t unknown_ = 0;
};

absl::Status Measure(const Options& options, const rsm::Config& config, const Placement& placement,
                     const base::TscClock& clock, const Json& environment, Page& page) {
  std::uint32_t echo_port = 0;
  while ((echo_port = page.echo_port.load(std::memory_order_acquire)) == 0) {
  }
  auto port = OpenPort();
  if (!port.ok()) {
    return port.status();
  }
  rsm::ClientOptions client_options;
  client_options.max_command_bytes = options.size_bytes;
  client_options.operation_timeout_ns = kPatienceNs;
  auto client = rsm::OpenNetworkClient(config, client_options, clock);
  if (!client.ok()) {
    return client.status();
  }
  FloorTarget floor(page, **port, {.address = 0x7f000001, .port = static_cast<std::uint16_t>(echo_port)},
                    RequestBytes(options.size_bytes), clock);
  ProductTarget product(page, **client, options.size_bytes);
  Series floor_series;
  Series product_series;
  const auto check = [&]() -> absl::Status {
    if (floor.failed() || product.unknown() != 0) {
      return absl::AbortedError("a datagram of the floor was lost, or a command of the product: " +
                                (*client)->trouble());
    }
    return absl::OkStatus();
  };
  if (absl::Status status = RunBlocks(options, clock, floor, product, floor_series, product_series, check);
      !status.ok()) {
    return status;
  }
  Json report = CommitReport(options, product_series, floor_series, environment);
  report["benchmark"] = "network";
  report["outstanding"] = options.outstanding;
  report["own_instructions"] = nullptr;
  report["one_core"] = placement.crowded();
  if (absl::Status status = EmitHgrm(options, product_series.all); !status.ok()) {
    return status;
  }
  if (absl::Status status = Emit(options, report); !status.ok()) {
    return status;
  }
  page.measured.store(true, std::memory_order_release);
  return absl::OkStatus();
}

// Of a group of its own, that is never made: a key, and a port that is free.
absl::StatusOr<rsm::Config> MakeNetworkConfig(const std::string& directory) {
  absl::StatusOr<rsm::Config> config =
      MakeConfig({.replicas = 1, .transport = rsm::TransportKind::kUdp}, directory);
  if (config.ok()) {
    config->replicas[0].client_address = config->replicas[0].address;
    config->replicas[0].client_port = config->replicas[0].port;
  }
  return config;
}

}  // namespace

absl::Status RunNetwork(const Options& options) {
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  auto page = SharedPage<Page>::Create();
  if (!page.ok()) {
    return page.status();
  }
  auto directory = ScratchDirectory::Create();
  if (!directory.ok()) {
    return directory.status();
  }
  const absl::StatusOr<rsm::Config> config = MakeNetworkConfig(directory->path());
  if (!config.ok()) {
    return config.status();
  }
  auto client = ChildProcess::Fork(placement.follower_cpu, [&] {
    return Measure(options, *config, placement, clock, environment, **page);
  });
  if (!client.ok()) {
    return client.status();
  }
  auto group = Group::Start({.replicas = options.replicas,
                             .capacity_bytes = options.capacity_bytes,
                             .idle = options.idle,
                             .transport = options.transport,
                             .make_machine = [] { return std::make_unique<EmptyMachine>(); }},
                            placement, clock);
  if (!group.ok()) {
    return group.status();
  }
  rsm::Replica& leader = (*group)->leader();
  auto network = rsm::OpenNetworkPort(*config,
                                      {.self = paxos::ReplicaId(0),
                                       .group = paxos::GroupId(1),
                                       .group_name = config->group,
                                       .max_command_bytes = leader.max_command_bytes()},
                                      clock);
  if (!network.ok()) {
    return network.status();
  }
  auto echo_port = OpenPort();
  if (!echo_port.ok()) {
    return echo_port.status();
  }
  Echo echo(**echo_port);
  (*page)->echo_port.store((*echo_port)->local().port, std::memory_order_release);
  for (std::uint32_t turns = 0; !(*page)->measured.load(std::memory_order_relaxed); ++turns) {
    if ((*page)->floor.load(std::memory_order_relaxed)) {
      echo.Turn();
    } else {
      (void)(*network)->Poll(leader);
      (void)leader.Poll();
      (*network)->Flush(leader.now_ns());
    }
    if (turns % 1'000'000 == 0 && client->Ended() && !(*page)->measured.load(std::memory_order_acquire)) {
      return absl::AbortedError("the client could not measure: it says why above");
    }
  }
  return (*group)->Check();
}

}  // namespace gaios::bench

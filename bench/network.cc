#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "gaios/rsm/client/network/wire.h"
#include "gaios/rsm/client/wire.h"
#include "gaios/rsm/marker.h"
#include "gaios/rsm/network_clients.h"
#include "gaios/rsm/node.h"
#include "gaios/transport/udp/socket_port.h"

#include "bench/benchmarks.h"
#include "bench/commit_run.h"
#include "bench/empty_machine.h"
#include "bench/environment.h"
#include "bench/placement.h"
#include "bench/posted_targets.h"
#include "bench/report.h"
#include "bench/scratch_directory.h"
#include "bench/transports.h"
#include "bench/udp_floor.h"

namespace gaios::bench {
namespace {

constexpr std::uint64_t kPatienceNs = 20'000'000'000;
// Of a datagram between client and replica, beside the record in it.
constexpr std::size_t kOverheadBytes = sizeof(rsm::NetworkHeader) + transport::udp::kTrailerBytes;

// Replicas as `gaios replica` runs them, each a process.
class Nodes {
 public:
  static absl::StatusOr<std::unique_ptr<Nodes>> Fork(const Options& options, const Placement& placement) {
    auto stop = SharedPage<std::atomic<bool>>::Create();
    auto directory = ScratchDirectory::Create();
    if (!stop.ok() || !directory.ok()) {
      return stop.ok() ? directory.status() : stop.status();
    }
    absl::StatusOr<rsm::Config> config = MakeConfig(options, directory->path());
    if (!config.ok()) {
      return config.status();
    }
    absl::Status made = ServeClients(*config);
    if (made.ok()) {
      made = rsm::Bootstrap(*config);
    }
    if (!made.ok()) {
      return made;
    }
    std::unique_ptr<Nodes> nodes(new Nodes(*std::move(config), *std::move(stop), *std::move(directory)));
    for (const rsm::ReplicaConfig& replica : nodes->config_.replicas) {
      auto child = ChildProcess::Fork(placement.follower_cpu, [&nodes, &options, id = replica.id] {
        return Run(nodes->config_, id, options.idle, *nodes->stop_);
      });
      if (!child.ok()) {
        return child.status();
      }
      nodes->children_.push_back(*std::move(child));
    }
    return nodes;
  }
  Nodes(const Nodes&) = delete;
  Nodes& operator=(const Nodes&) = delete;
  ~Nodes() {
    *stop_ = true;
    for (ChildProcess& child : children_) {
      child.Join();
    }
  }

  [[nodiscard]] const rsm::Config& config() const { return config_; }
  [[nodiscard]] absl::Status Check() {
    for (ChildProcess& child : children_) {
      if (child.Ended()) {
        return absl::AbortedError("a replica ended during the run");
      }
    }
    return absl::OkStatus();
  }

 private:
  Nodes(rsm::Config config, SharedPage<std::atomic<bool>> stop, ScratchDirectory directory)
      : config_(std::move(config)), stop_(std::move(stop)), directory_(std::move(directory)) {}

  static absl::Status Run(const rsm::Config& config, paxos::ReplicaId id, base::IdleStrategy strategy,
                          const std::atomic<bool>& stop) {
    EmptyMachine machine;
    auto node = rsm::Node::Open(config, id, machine);
    if (!node.ok()) {
      return node.status();
    }
    base::Idle idle(strategy);
    while (!stop.load(std::memory_order_relaxed)) {
      if ((*node)->Poll()) {
        idle.OnWork();
      } else {
        idle.OnIdle();
      }
    }
    return absl::OkStatus();
  }

  const rsm::Config config_;
  SharedPage<std::atomic<bool>> stop_;
  ScratchDirectory directory_;
  std::vector<ChildProcess> children_;
};

// What the latency loop drives: commands of one client.
class ClientTarget final : private rsm::ClientListener {
 public:
  // `client` must outlive the target.
  ClientTarget(rsm::Client& client, std::size_t size_bytes) : client_(client), command_(size_bytes) {}

  bool Propose() { return client_.Submit(command_, 0) == rsm::Submitted::kSubmitted; }
  std::size_t Poll() {
    static_cast<void>(client_.Poll(*this));
    return std::exchange(answered_, 0);
  }
  [[nodiscard]] bool clean() const { return clean_; }

 private:
  void OnCommitted(std::uint64_t /*tag*/, std::uint64_t /*slot*/, rsm::Applied how,
                   std::span<const std::byte> /*reply*/) override {
    ++answered_;
    clean_ = clean_ && how == rsm::Applied::kApplied;
  }
  void OnUnknown(std::uint64_t /*tag*/) override {
    ++answered_;
    clean_ = false;
  }

  rsm::Client& client_;
  const std::vector<std::byte> command_;
  std::size_t answered_ = 0;
  bool clean_ = true;
};

// A client with a session at the leader.
absl::StatusOr<std::unique_ptr<rsm::Client>> Connect(const Nodes& nodes, const Options& options,
                                                     const base::TscClock& clock) {
  rsm::ClientOptions client_options;
  client_options.max_command_bytes = options.size_bytes;
  auto client = rsm::OpenNetworkClient(nodes.config(), client_options, clock);
  if (!client.ok()) {
    return client.status();
  }
  ClientTarget target(**client, options.size_bytes);
  const std::uint64_t deadline_ns = clock.NowNs() + kPatienceNs;
  const bool submitted = target.Propose();
  while (target.Poll() == 0 || !target.clean()) {
    if (clock.NowNs() > deadline_ns || !submitted) {
      return absl::DeadlineExceededError("the client has had no command committed within 20 s: " +
                                         (*client)->trouble());
    }
  }
  return client;
}

}  // namespace

absl::Status RunNetwork(const Options& options) {
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  const PortOpener open_port =
      [bytes = options.payload_bytes](
          std::size_t /*end*/) -> absl::StatusOr<std::unique_ptr<transport::udp::Port>> {
    auto port = transport::udp::SocketPort::Open({.address = "127.0.0.1", .max_payload = bytes});
    if (!port.ok()) {
      return port.status();
    }
    return *std::move(port);
  };
  const std::size_t request_bytes = rsm::RecordBytes(sizeof(rsm::RequestHeader) + options.size_bytes);
  auto floor = UdpFloor::Fork({.peers = 1,
                               .payload_bytes = options.payload_bytes,
                               .idle = options.idle,
                               .overhead_bytes = kOverheadBytes,
                               .answer_bytes = kOverheadBytes + rsm::RecordBytes(sizeof(rsm::ResponseHeader)),
                               .open_port = open_port},
                              placement, clock);
  if (!floor.ok()) {
    return floor.status();
  }
  auto nodes = Nodes::Fork(options, placement);
  if (!nodes.ok()) {
    return nodes.status();
  }
  if (absl::Status status = base::PinThisThread(placement.leader_cpu); !status.ok()) {
    return status;
  }
  auto client = Connect(**nodes, options, clock);
  if (!client.ok()) {
    return client.status();
  }
  if (absl::Status status = (*floor)->Connect(); !status.ok()) {
    return status;
  }
  EchoTarget<UdpFloor> echo(**floor, request_bytes);
  ClientTarget product(**client, options.size_bytes);
  Series floor_series;
  Series product_series;
  const auto check = [&]() -> absl::Status {
    const absl::Status status = (*floor)->Check();
    return status.ok() ? (*nodes)->Check() : status;
  };
  if (absl::Status status = RunBlocks(options, clock, echo, product, floor_series, product_series, check);
      !status.ok()) {
    return status;
  }
  if (!product.clean()) {
    return absl::AbortedError("a command ended unknown: the leader was lost during the run");
  }
  Json report = CommitReport(options, product_series, floor_series, environment);
  report["benchmark"] = "network";
  report["own_instructions"] = nullptr;
  report["payload_bytes"] = options.payload_bytes;
  report["idle"] = base::IdleStrategyName(options.idle);
  report["outstanding"] = options.outstanding;
  report["one_core"] = placement.crowded();
  if (absl::Status status = EmitHgrm(options, product_series.all); !status.ok()) {
    return status;
  }
  return Emit(options, report);
}

}  // namespace gaios::bench

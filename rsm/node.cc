#include "gaios/rsm/node.h"

#include <fstream>
#include <new>
#include <optional>
#include <utility>

#include "gaios/paxos/limits.h"
#include "gaios/paxos/types.h"
#include "gaios/rsm/durable_file.h"
#include "gaios/rsm/group_identity.h"
#include "gaios/rsm/marker.h"
#include "gaios/rsm/network_clients.h"
#include "gaios/rsm/node_udp.h"
#include "gaios/rsm/snapshot/origin.h"
#include "gaios/rsm/snapshot/seed.h"

namespace gaios::rsm {
namespace {

std::string Mebibytes(std::uint64_t bytes) {
  return std::to_string(bytes >> 20) + " MiB";
}

std::uint64_t SessionsBytes(const Config& config) {
  return std::uint64_t{config.max_sessions} * config.reply_bytes;
}

// What the system can still give, swap included; nothing when it does not say.
std::optional<std::uint64_t> AvailableBytes() {
  std::ifstream file("/proc/meminfo");
  std::optional<std::uint64_t> bytes;
  std::string key;
  for (std::uint64_t kibibytes = 0; file >> key >> kibibytes;) {
    if (key == "MemAvailable:" || key == "SwapFree:") {
      bytes = bytes.value_or(0) + (kibibytes << 10);
    }
    std::getline(file, key);
  }
  return bytes;
}

// The memory of a log is had page by page, and the system ends processes of its choice when it has no more:
// what cannot be had is better not begun.
absl::Status CheckRoom(const Config& config) {
  // Over RDMA a log stays where it is.
  const std::uint64_t copies = config.transport == TransportKind::kShm ? config.replicas.size() + 1 : 1;
  const std::uint64_t logs = config.capacity_bytes * copies;
  const std::uint64_t needed = logs + SessionsBytes(config);
  const std::optional<std::uint64_t> available = AvailableBytes();
  if (!available.has_value() || needed <= *available) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError("the replica is to reserve " + Mebibytes(needed) + ", " +
                                      Mebibytes(logs) + " for its log and spares (capacity_bytes times " +
                                      std::to_string(copies) + ") and " + Mebibytes(SessionsBytes(config)) +
                                      " for sessions (sessions.max_sessions times "
                                      "sessions.reply_kib), but only " +
                                      Mebibytes(*available) + " are available; lower these, or free memory");
}

}  // namespace

Node::~Node() = default;

absl::StatusOr<std::unique_ptr<Node>> Node::Open(const Config& config, paxos::ReplicaId self,
                                                 StateMachine& state_machine, const NodeOptions& options) {
  const absl::StatusOr<std::optional<std::size_t>> replicas = FindGroupReplicas(config);
  if (!replicas.ok()) {
    return replicas.status();
  }
  // Who is not one of the first may be added to the group.
  const bool fixed = !replicas->has_value();
  // On several hosts the config says where this replica is.
  const bool listed = fixed || config.transport != TransportKind::kShm;
  if (self.value() >= (listed ? config.replicas.size() : paxos::kMaxReplicas)) {
    return absl::InvalidArgumentError(
        "the config of group '" + config.group + "' has no replica " + std::to_string(self.value()) +
        ": its ids are 0 to " + std::to_string((listed ? config.replicas.size() : paxos::kMaxReplicas) - 1));
  }
  // From here on no other process of this id does anything, so what the marker says stays true.
  absl::StatusOr<transport::shm::IdLock> lock = transport::shm::IdLock::Take(config.directory, self);
  if (!lock.ok()) {
    return lock.status();
  }
  const absl::StatusOr<Start> start = PlanStart(config, self);
  if (!start.ok()) {
    return start.status();
  }
  std::unique_ptr<Node> node(new Node());
  node->began_with_ = replicas->value_or(config.replicas.size());
  node->fixed_members_ = fixed;
  if (absl::Status status = node->Reserve(config, self, *start, *std::move(lock), state_machine, options);
      !status.ok()) {
    return status;
  }
  // Nothing that could fail for want of something is left. Now it counts, and then the life begins.
  if (absl::Status status = CountStart(config, self, *start); !status.ok()) {
    return status;
  }
  if (absl::Status status = node->transport_->Begin(); !status.ok()) {
    return status;
  }
  return node;
}

absl::Status Node::Reserve(const Config& config, paxos::ReplicaId self, const Start& start,
                           transport::shm::IdLock lock, StateMachine& state_machine,
                           const NodeOptions& options) {
  if (absl::Status status = CheckRoom(config); !status.ok()) {
    return status;
  }
  notices_ = config.warnings;
  if (self.value() >= began_with_) {
    notices_.push_back("replica " + std::to_string(self.value()) + " is not one of the " +
                       std::to_string(began_with_) +
                       " that the group began with: it is filled, and votes, once `gaios member add` has "
                       "added it");
  } else if (!start.notice.empty()) {
    notices_.push_back(start.notice);
  }
  group_name_ = GroupName(config, start.uuid);
  clock_ = std::make_unique<base::TscClock>();

  const paxos::GroupId group = GroupIdOf(config, start.uuid);
  NodeTransportOptions options_of_transport;
  options_of_transport.self = self;
  options_of_transport.incarnation = start.incarnation;
  options_of_transport.group = group;
  options_of_transport.group_name = group_name_;
  options_of_transport.replicas = began_with_;
  options_of_transport.clock = clock_.get();
  options_of_transport.fixed_members = fixed_members_;
  if (config.udp.port == PortKind::kDpdk && options.dpdk == nullptr) {
    return WithoutDpdk();
  }
  if (config.transport != TransportKind::kShm) {
    absl::StatusOr<std::unique_ptr<NodeNetwork>> network = NodeNetwork::Open(config, self, group);
    if (!network.ok()) {
      return network.status();
    }
    network_ = *std::move(network);
    options_of_transport.network = network_.get();
  }
  options_of_transport.dpdk = options.dpdk;
  absl::StatusOr<std::unique_ptr<NodeTransport>> transport =
      OpenNodeTransport(config, options_of_transport, std::move(lock));
  if (!transport.ok()) {
    return transport.status();
  }
  transport_ = *std::move(transport);

  ReplicaOptions replica;
  replica.protocol = ProtocolOptions(config, group, self, start.incarnation);
  replica.protocol.configuration = paxos::Configuration::Bootstrap(began_with_);
  replica.protocol.fixed_members = fixed_members_;
  replica.sessions.max_sessions = config.max_sessions;
  replica.sessions.reply_bytes = config.reply_bytes;
  replica.sessions.idle_timeout_ns = config.session_idle_timeout_ns;
  replica.hash_interval_commands = config.hash_interval_commands;
  try {
    replica_ = std::make_unique<Replica>(replica, transport_->contract(), *clock_, state_machine, nullptr,
                                         options.apply_observer);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        "cannot reserve " + Mebibytes(SessionsBytes(config)) + " for " + std::to_string(config.max_sessions) +
        " sessions of " + std::to_string(config.reply_bytes >> 10) +
        " KiB: the system gives this process no more memory; lower sessions.max_sessions or "
        "sessions.reply_kib, or raise its limit");
  }

  absl::StatusOr<std::unique_ptr<SnapshotReader>> seed = OpenSeed(config);
  if (!seed.ok()) {
    return seed.status();
  }
  if (*seed != nullptr) {
    const SnapshotFacts& facts = (*seed)->facts();
    absl::Status begun = (*seed)->Skip(facts.sessions_bytes);
    if (begun.ok()) {
      begun = replica_->BeginWith(facts, **seed);
    }
    if (!begun.ok()) {
      return begun;
    }
  }

  ClientPortOptions port;
  port.group_name = group_name_;
  absl::StatusOr<std::unique_ptr<ClientPort>> opened =
      ClientPort::Open(config.directory, self, group, port, *clock_);
  if (!opened.ok()) {
    return opened.status();
  }
  port_ = *std::move(opened);

  absl::StatusOr<std::unique_ptr<NetworkPort>> network =
      OpenNetworkPort(config,
                      {.self = self,
                       .group = group,
                       .group_name = group_name_,
                       .max_command_bytes = replica_->max_command_bytes()},
                      *clock_);
  if (!network.ok()) {
    return network.status();
  }
  network_port_ = *std::move(network);

  SnapshotsOptions snapshots;
  snapshots.group_directory = config.directory;
  snapshots.snapshot_directory =
      config.snapshot_directory.empty() ? config.directory : config.snapshot_directory;
  snapshots.self = self;
  snapshots.origin = OriginOf(config, group);
  snapshots.interval_commands = config.snapshot_interval_commands;
  snapshots.fill_bytes_per_second = config.snapshot_fill_bytes_per_second;
  if (absl::Status status = CreateDirectory(snapshots.snapshot_directory); !status.ok()) {
    return status;
  }
  std::unique_ptr<DonorRoute> route = std::make_unique<HostRoute>(config.directory);
  if (network_ != nullptr) {
    route = network_->MakeRoute();
    snapshots.visitors = &network_->visitors();
  }
  absl::StatusOr<std::unique_ptr<Snapshots>> opened_snapshots = Snapshots::Open(snapshots, std::move(route));
  if (!opened_snapshots.ok()) {
    return opened_snapshots.status();
  }
  snapshots_ = *std::move(opened_snapshots);

  CounterIdentity identity;
  identity.group = config.group;
  identity.replica = self;
  identity.reserved_bytes = reserved_bytes();
  absl::StatusOr<std::unique_ptr<Counters>> counters =
      Counters::Create(Counters::Path(config.directory, self), identity);
  if (!counters.ok()) {
    return counters.status();
  }
  counters_ = *std::move(counters);
  counters_->ShowNetwork(network_port_.get());
  return absl::OkStatus();
}

bool Node::Poll() {
  if (snapshots_->ending()) [[unlikely]] {
    static_cast<void>(snapshots_->Poll(*replica_));
    return false;
  }
  bool asked = port_->Poll(*replica_);
  if (network_port_ != nullptr) {
    asked |= network_port_->Poll(*replica_);
  }
  const bool worked = replica_->Poll();
  if (network_port_ != nullptr) {
    network_port_->Flush(replica_->now_ns());
  }
  const bool looked_after = snapshots_->Poll(*replica_);
  if (network_ != nullptr) {
    network_->Follow(*replica_);
  }
  counters_->Update(*replica_, *transport_, replica_->now_ns());
  if (const auto& divergence = replica_->divergence(); divergence.has_value() && !divergence_told_) {
    divergence_told_ = true;
    notices_.push_back(
        "the state of this replica differs from the leader's after " + std::to_string(divergence->commands) +
        " commands: it has stopped applying. The state machine is not deterministic, or its memory is "
        "damaged; compare the replicas' journals, then replace this one");
  }
  return asked || worked || looked_after;
}

std::vector<int> Node::Descriptors() const {
  std::vector<int> descriptors;
  transport_->AddDescriptors(descriptors);
  if (network_port_ != nullptr && network_port_->poll_fd() >= 0) {
    descriptors.push_back(network_port_->poll_fd());
  }
  return descriptors;
}

std::vector<std::string> Node::TakeNotices() {
  std::vector<std::string> taken = std::exchange(notices_, {});
  for (std::string& notice : transport_->TakeNotices()) {
    taken.push_back(std::move(notice));
  }
  for (std::string& notice : snapshots_->TakeNotices()) {
    taken.push_back(std::move(notice));
  }
  if (network_port_ != nullptr) {
    for (std::string& notice : network_port_->TakeNotices()) {
      taken.push_back(std::move(notice));
    }
  }
  return taken;
}

std::size_t Node::reserved_bytes() const {
  return transport_->reserved_bytes() + replica_->reserved_bytes();
}

}  // namespace gaios::rsm

#include "gaios/rsm/node.h"

#include <optional>
#include <utility>

#include "gaios/paxos/types.h"
#include "gaios/rsm/marker.h"

namespace gaios::rsm {

Node::~Node() = default;

absl::StatusOr<std::unique_ptr<Node>> Node::Open(const Config& config, paxos::ReplicaId self,
                                                 StateMachine& state_machine, const NodeOptions& options) {
  if (self.value() >= config.replicas.size()) {
    return absl::InvalidArgumentError("the config of group '" + config.group + "' has no replica " +
                                      std::to_string(self.value()) + ": its ids are 0 to " +
                                      std::to_string(config.replicas.size() - 1));
  }
  absl::StatusOr<Start> start = TakeIncarnation(config, self);
  if (!start.ok()) {
    return start.status();
  }
  std::unique_ptr<Node> node(new Node());
  node->notices_ = config.warnings;
  if (!start->notice.empty()) {
    node->notices_.push_back(start->notice);
  }
  node->clock_ = std::make_unique<base::TscClock>();

  transport::shm::ShmOptions shm;
  shm.directory = config.directory;
  shm.self = self;
  shm.incarnation = start->incarnation;
  shm.group_id = GroupIdOf(config);
  shm.capacity = config.capacity_bytes;
  shm.replicas = config.replicas.size();
  shm.clock = node->clock_.get();
  absl::StatusOr<std::unique_ptr<transport::shm::ShmTransport>> transport =
      transport::shm::ShmTransport::Open(shm);
  if (!transport.ok()) {
    return transport.status();
  }
  node->transport_ = *std::move(transport);

  ReplicaOptions replica;
  replica.protocol = ProtocolOptions(config, self, start->incarnation);
  replica.sessions.max_sessions = config.max_sessions;
  replica.sessions.reply_bytes = config.reply_bytes;
  replica.sessions.idle_timeout_ns = config.session_idle_timeout_ns;
  replica.hash_interval_commands = config.hash_interval_commands;
  node->replica_ = std::make_unique<Replica>(replica, *node->transport_, *node->clock_, state_machine,
                                             nullptr, options.apply_observer);

  absl::StatusOr<std::unique_ptr<ClientPort>> opened =
      ClientPort::Open(config.directory, self, shm.group_id, ClientPortOptions(), *node->clock_);
  if (!opened.ok()) {
    return opened.status();
  }
  node->port_ = *std::move(opened);

  CounterIdentity identity;
  identity.group = config.group;
  identity.replica = self;
  identity.reserved_bytes = node->reserved_bytes();
  absl::StatusOr<std::unique_ptr<Counters>> counters =
      Counters::Create(Counters::Path(config.directory, self), identity);
  if (!counters.ok()) {
    return counters.status();
  }
  node->counters_ = *std::move(counters);
  return node;
}

bool Node::Poll() {
  const bool asked = port_->Poll(*replica_);
  const bool worked = replica_->Poll();
  counters_->Update(*replica_, replica_->now_ns());
  if (replica_->divergence().has_value() && !divergence_told_) {
    divergence_told_ = true;
    const Divergence& divergence = *replica_->divergence();
    notices_.push_back(
        "the state of this replica differs from the leader's after " + std::to_string(divergence.commands) +
        " commands: it has stopped applying. The state machine is not deterministic, or its memory is "
        "damaged; compare the replicas' journals, then replace this one");
  }
  return asked || worked;
}

std::vector<std::string> Node::TakeNotices() {
  std::vector<std::string> taken = std::exchange(notices_, {});
  for (std::string& notice : transport_->TakeNotices()) {
    taken.push_back(std::move(notice));
  }
  return taken;
}

std::size_t Node::reserved_bytes() const {
  return transport_->reserved_bytes() + replica_->reserved_bytes();
}

}  // namespace gaios::rsm

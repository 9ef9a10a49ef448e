#ifndef GAIOS_RSM_NODE_H_
#define GAIOS_RSM_NODE_H_

// A replica opened from a config, with everything around it: its transport, its bootstrap marker, the port
// that clients of this host come in by and the one of clients of the network, its snapshots, and the counters
// that `gaios status` reads. This is what a program starts with; Replica is for those who bring a transport
// of their own. One thread; Poll never blocks.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "gaios/base/clock.h"
#include "gaios/rsm/client/client_port.h"
#include "gaios/rsm/client/network/network_port.h"
#include "gaios/rsm/config.h"
#include "gaios/rsm/counters.h"
#include "gaios/rsm/marker.h"
#include "gaios/rsm/node_network.h"
#include "gaios/rsm/node_transport.h"
#include "gaios/rsm/replica.h"
#include "gaios/rsm/snapshot/snapshots.h"
#include "gaios/rsm/state_machine.h"
#include "gaios/transport/shm/id_lock.h"

namespace gaios::rsm {

struct NodeOptions {
  ApplyObserver* apply_observer = nullptr;  // must outlive the node
  // For a config that wants datagrams carried by DPDK: rsm::Dpdk() (node_dpdk.h), of gaios::node_dpdk.
  const DpdkSupport* dpdk = nullptr;
};

class Node {
 public:
  // Opens replica `self` of the group that `config` describes. The group must have been bootstrapped, else
  // NotFound. `self` need not be one that the group began with: then it waits to be added. On one host it
  // need not be in the config either. A replica that has lost its marker, or has been started before, has no
  // memory of what it promised and does not vote; a notice says so. A start that fails does not count as one.
  // `state_machine` must outlive the node. Errors name what is wrong and what to do.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Node>> Open(const Config& config, paxos::ReplicaId self,
                                                                  StateMachine& state_machine,
                                                                  const NodeOptions& options = {});
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  ~Node();

  // One turn of the loop. Returns whether there was anything to do.
  bool Poll();
  // As Replica::awaiting.
  [[nodiscard]] bool awaiting() const { return replica_->awaiting(); }

  // An operator has ended this replica (`gaios member force`): it takes part no more, and is to be closed.
  [[nodiscard]] bool ended() const { return snapshots_->ended(); }

  // What a loop that waits may wait on (base/wakeup.h): each becomes readable when datagrams have come for
  // the next Poll. Other sources have none: memory that others write, RDMA, DPDK. The node's own, for its
  // life.
  [[nodiscard]] std::vector<int> Descriptors() const;

  [[nodiscard]] Replica& replica() { return *replica_; }
  [[nodiscard]] const Replica& replica() const { return *replica_; }
  [[nodiscard]] const Snapshots& snapshots() const { return *snapshots_; }
  // Sentences for the user since the last call: peers refused, a lost vote, a divergence.
  [[nodiscard]] std::vector<std::string> TakeNotices();
  // Bytes set aside at start: logs, spares, sessions, queues. Each client that connects adds its rings (2.5
  // MiB).
  [[nodiscard]] std::size_t reserved_bytes() const;
  // The group and its bootstrap, for messages to the user.
  [[nodiscard]] const std::string& group_name() const { return group_name_; }

 private:
  Node() = default;
  // Everything that may fail and that nobody else could notice.
  [[nodiscard]] absl::Status Reserve(const Config& config, paxos::ReplicaId self, const Start& start,
                                     transport::shm::IdLock lock, StateMachine& state_machine,
                                     const NodeOptions& options);

  std::unique_ptr<base::TscClock> clock_;
  std::unique_ptr<NodeNetwork> network_;  // where replicas are on several hosts
  std::unique_ptr<NodeTransport> transport_;
  std::unique_ptr<Replica> replica_;
  std::unique_ptr<ClientPort> port_;
  std::unique_ptr<NetworkPort> network_port_;  // null when the config has no clients of the network
  std::unique_ptr<Snapshots> snapshots_;
  std::unique_ptr<Counters> counters_;
  std::string group_name_;
  std::vector<std::string> notices_;
  std::size_t began_with_ = 0;  // replicas
  bool fixed_members_ = false;
  bool divergence_told_ = false;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_NODE_H_

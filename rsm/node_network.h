#ifndef GAIOS_RSM_NODE_NETWORK_H_
#define GAIOS_RSM_NODE_NETWORK_H_

// What a node has beside its transport where replicas are on several hosts: where each is to be found, by the
// config and by what the log says since; who comes for a snapshot; and how to get to who gives one.
//
// Threads: Follow belongs to the replica's loop. What it sets is read by the thread that makes connections.

#include <array>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "gaios/paxos/configuration.h"
#include "gaios/paxos/limits.h"
#include "gaios/paxos/types.h"
#include "gaios/rsm/config.h"
#include "gaios/rsm/replica.h"
#include "gaios/rsm/snapshot/donor_route.h"
#include "gaios/rsm/snapshot/visitor_queue.h"
#include "gaios/transport/bootstrap/address_book.h"
#include "gaios/transport/bootstrap/options.h"
#include "gaios/transport/bootstrap/tls.h"

namespace gaios::rsm {

class NodeNetwork {
 public:
  // Reads the credentials: errors are those of TlsContext::Load.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<NodeNetwork>> Open(const Config& config,
                                                                         paxos::ReplicaId self,
                                                                         paxos::GroupId group);
  NodeNetwork(const NodeNetwork&) = delete;
  NodeNetwork& operator=(const NodeNetwork&) = delete;

  // Where replicas meet for a path that links have. What the log says is where they meet by `address`; for
  // the other paths the config alone says it, and the log who was removed.
  [[nodiscard]] const transport::bootstrap::AddressBook& addresses(LinkPath path) const {
    return places_[static_cast<std::size_t>(path)].book;
  }
  [[nodiscard]] VisitorQueue& visitors() { return *visitors_; }
  // Must not outlive the network.
  [[nodiscard]] std::unique_ptr<DonorRoute> MakeRoute() const;

  // After each turn of `replica`, which is always the same: what it has learned of its group is told.
  void Follow(const Replica& replica) {
    if (replica.now_ns() >= next_look_ns_) [[unlikely]] {
      Look(replica);
    }
  }

 private:
  NodeNetwork(const Config& config, paxos::ReplicaId self, paxos::GroupId group,
              std::shared_ptr<transport::bootstrap::TlsContext> tls, std::unique_ptr<VisitorQueue> visitors);
  // Where replicas meet for one path.
  struct Places {
    bool in_log = false;  // the log says it
    transport::bootstrap::AddressBookEntries by_config;
    transport::bootstrap::AddressBookEntries told;
    transport::bootstrap::AddressBook book;
  };
  void Look(const Replica& replica);
  void Tell(const Replica& replica, Places& places);
  [[nodiscard]] transport::bootstrap::AddressBookEntry EntryOf(const Replica& replica, const Places& places,
                                                               std::size_t i) const;

  const paxos::ReplicaId self_;
  const paxos::GroupId group_;
  const std::string cluster_;
  const std::uint64_t farewell_ns_;  // a replica that is removed is talked to for so long, to hear of it
  const std::shared_ptr<transport::bootstrap::TlsContext> tls_;
  const std::unique_ptr<VisitorQueue> visitors_;
  std::vector<LinkPath> paths_;  // the best first
  std::array<Places, std::size(kLinkPaths)> places_;

  paxos::Configuration configuration_;                                // as it was known at the last look
  std::array<paxos::Incarnation, paxos::kMaxReplicas> left_as_ = {};  // who is no longer in it, as what life
  std::array<std::uint64_t, paxos::kMaxReplicas> left_ns_ = {};       // and when that was seen
  std::uint64_t next_farewell_ns_ = 0;  // until then somebody who has left is talked to; 0: nobody is
  std::uint64_t next_look_ns_ = 0;
};

// As the bootstrap wants them.
[[nodiscard]] transport::bootstrap::Credentials CredentialsOf(const Config& config);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_NODE_NETWORK_H_

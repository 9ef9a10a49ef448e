#include "gaios/rsm/node_network.h"

#include <algorithm>
#include <string>
#include <utility>

#include "gaios/rsm/address_text.h"

namespace gaios::rsm {

using paxos::ReplicaId;
using paxos::Standing;
using transport::bootstrap::AddressBookEntry;
using transport::bootstrap::TlsContext;

namespace {

constexpr std::uint64_t kLookIntervalNs = 1'000'000;

}  // namespace

transport::bootstrap::Credentials CredentialsOf(const Config& config) {
  return {.key_file = config.credentials.key_file,
          .ca_file = config.credentials.ca_file,
          .certificate_file = config.credentials.certificate_file,
          .private_key_file = config.credentials.private_key_file};
}

absl::StatusOr<std::unique_ptr<NodeNetwork>> NodeNetwork::Open(const Config& config, ReplicaId self,
                                                               paxos::GroupId group) {
  absl::StatusOr<std::unique_ptr<TlsContext>> tls = TlsContext::Load(CredentialsOf(config));
  if (!tls.ok()) {
    return tls.status();
  }
  absl::StatusOr<std::unique_ptr<VisitorQueue>> visitors = VisitorQueue::Create();
  if (!visitors.ok()) {
    return visitors.status();
  }
  return std::unique_ptr<NodeNetwork>(new NodeNetwork(
      config, self, group, std::shared_ptr<TlsContext>(*std::move(tls)), *std::move(visitors)));
}

NodeNetwork::NodeNetwork(const Config& config, ReplicaId self, paxos::GroupId group,
                         std::shared_ptr<TlsContext> tls, std::unique_ptr<VisitorQueue> visitors)
    : self_(self),
      group_(group),
      cluster_(config.group),
      farewell_ns_(2 * config.suspect_timeout_ns),
      tls_(std::move(tls)),
      visitors_(std::move(visitors)) {
  for (const ReplicaConfig& replica : config.replicas) {
    const std::size_t id = replica.id.value();
    first_.by_config.at(id) = {.address = replica.address, .port = replica.port, .expelled = {}};
    second_.by_config.at(id) = {.address = replica.udp2_address, .port = replica.udp2_port, .expelled = {}};
  }
  for (Places* const places : {&first_, &second_}) {
    places->told = places->by_config;
    places->book.Set(places->told);
  }
}

std::unique_ptr<DonorRoute> NodeNetwork::MakeRoute() const {
  return std::make_unique<NetworkRoute>(tls_, first_.book, self_, group_, cluster_);
}

void NodeNetwork::Look(const Replica& replica) {
  next_look_ns_ = replica.now_ns() + kLookIntervalNs;
  const paxos::Configuration& now = replica.core().configuration();
  if (now == configuration_ && next_farewell_ns_ == 0) [[likely]] {
    return;
  }
  if (replica.now_ns() >= next_farewell_ns_) {
    next_farewell_ns_ = 0;
  }
  for (std::size_t i = 0; i < paxos::kMaxReplicas; ++i) {
    const ReplicaId id(static_cast<std::uint8_t>(i));
    const bool member = now.StandingOf(id) != Standing::kNone;
    if (member) {
      left_as_[i] = {};
    } else if (configuration_.StandingOf(id) != Standing::kNone && id != self_) {
      // A learner leaves no trace in the configuration: the life that is met now is the one that was removed.
      left_as_[i] = std::max(now.GoneAs(id), replica.core().peer(id).incarnation);
      left_ns_[i] = replica.now_ns();
      next_farewell_ns_ = replica.now_ns() + farewell_ns_;
    }
  }
  configuration_ = now;
  Tell(replica, first_, true);
  Tell(replica, second_, false);
}

void NodeNetwork::Tell(const Replica& replica, Places& places, bool log_says_where) {
  transport::bootstrap::AddressBookEntries entries;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    entries[i] = EntryOf(replica, i, places.by_config[i], log_says_where);
  }
  if (entries != places.told) {
    places.told = entries;
    places.book.Set(entries);
  }
}

AddressBookEntry NodeNetwork::EntryOf(const Replica& replica, std::size_t i, AddressBookEntry by_config,
                                      bool log_says_where) const {
  const ReplicaId id(static_cast<std::uint8_t>(i));
  AddressBookEntry entry = std::move(by_config);
  if (const paxos::Address& address = configuration_.AddressOf(id); log_says_where && !address.none()) {
    const auto [host, port] = ParseAddressText(address.text());
    if (port != 0) {
      entry.address = host;
      entry.port = port;
    }
  }
  const bool has_left = left_as_[i].value() != 0;
  if (has_left && replica.now_ns() < left_ns_[i] + farewell_ns_) {
    return entry;
  }
  entry.expelled = std::max(left_as_[i], configuration_.GoneAs(id));
  if (has_left) {
    // If it is to come back it says where it is, or the log does.
    entry.address.clear();
    entry.port = 0;
  }
  return entry;
}

}  // namespace gaios::rsm

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
      visitors_(std::move(visitors)),
      paths_(LinkPathsOf(config)) {
  for (const LinkPath path : paths_) {
    Places& places = places_.at(static_cast<std::size_t>(path));
    places.in_log = MeetsAtAddress(config, path);
    for (const ReplicaConfig& replica : config.replicas) {
      const MeetingPlace place = MeetingPlaceOf(config, replica, path);
      places.by_config.at(replica.id.value()) = {
          .address = place.address, .port = place.port, .expelled = {}};
    }
    places.told = places.by_config;
    places.book.Set(places.told);
  }
}

std::unique_ptr<DonorRoute> NodeNetwork::MakeRoute() const {
  std::vector<const transport::bootstrap::AddressBook*> books;
  books.reserve(paths_.size());
  for (const LinkPath path : paths_) {
    books.push_back(&addresses(path));
  }
  return std::make_unique<NetworkRoute>(tls_, std::move(books), self_, group_, cluster_);
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
  for (const LinkPath path : paths_) {
    Tell(replica, places_.at(static_cast<std::size_t>(path)));
  }
}

void NodeNetwork::Tell(const Replica& replica, Places& places) {
  transport::bootstrap::AddressBookEntries entries;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    entries[i] = EntryOf(replica, places, i);
  }
  if (entries != places.told) {
    places.told = entries;
    places.book.Set(entries);
  }
}

AddressBookEntry NodeNetwork::EntryOf(const Replica& replica, const Places& places, std::size_t i) const {
  const ReplicaId id(static_cast<std::uint8_t>(i));
  AddressBookEntry entry = places.by_config[i];
  if (const paxos::Address& address = configuration_.AddressOf(id); places.in_log && !address.none()) {
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

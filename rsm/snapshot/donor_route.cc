#include "gaios/rsm/snapshot/donor_route.h"

#include <optional>

#include <absl/strings/str_cat.h>

namespace gaios::rsm {

using transport::bootstrap::AddressBookEntry;
using transport::bootstrap::SecureStream;
using transport::bootstrap::SocketAddress;

std::string DonorPath(const std::string& group_directory, paxos::ReplicaId id) {
  return absl::StrCat(group_directory, "/replica-", id.value(), ".donor");
}

absl::StatusOr<std::unique_ptr<TransferStream>> HostRoute::Connect(paxos::ReplicaId replica, int stop_fd,
                                                                   int patience_ms) {
  return UnixStream::Connect(DonorPath(directory_, replica), stop_fd, patience_ms);
}

// By the network that served last, and then by the others.
absl::StatusOr<std::unique_ptr<TransferStream>> NetworkRoute::Connect(paxos::ReplicaId replica, int stop_fd,
                                                                      int patience_ms) {
  absl::StatusOr<std::unique_ptr<TransferStream>> first = absl::UnavailableError("there is no network");
  const std::size_t from = last_;
  for (std::size_t i = 0; i < addresses_.size(); ++i) {
    const std::size_t network = (from + i) % addresses_.size();
    absl::StatusOr<std::unique_ptr<TransferStream>> stream =
        ConnectBy(*addresses_[network], replica, stop_fd, patience_ms);
    if (stream.ok()) {
      last_ = network;
      return stream;
    }
    if (i == 0) {
      first = std::move(stream);
    }
  }
  return first;
}

absl::StatusOr<std::unique_ptr<TransferStream>> NetworkRoute::ConnectBy(
    const transport::bootstrap::AddressBook& addresses, paxos::ReplicaId replica, int stop_fd,
    int patience_ms) const {
  const AddressBookEntry entry = addresses.Current().at(replica.value());
  const std::optional<SocketAddress> address = transport::bootstrap::ParseAddress(entry.address, entry.port);
  if (!address.has_value()) {
    return absl::UnavailableError(absl::StrCat("it is not known where replica ", replica.value(),
                                               " is; tell by `gaios member address`, or in the config"));
  }
  absl::StatusOr<std::unique_ptr<SecureStream>> stream = SecureStream::Go(
      context_, *address,
      transport::bootstrap::MakeVisit(transport::bootstrap::VisitPurpose::kSnapshot, self_, group_, cluster_),
      {.stop_fd = stop_fd, .limit_ms = patience_ms});
  if (!stream.ok()) {
    return stream.status();
  }
  return std::make_unique<NetworkStream>(*std::move(stream), stop_fd, patience_ms);
}

}  // namespace gaios::rsm

#ifndef GAIOS_RSM_SNAPSHOT_DONOR_ROUTE_H_
#define GAIOS_RSM_SNAPSHOT_DONOR_ROUTE_H_

// How a replica gets to who gives snapshots: over a Unix socket to another process of its host, or over an
// authenticated connection of its own to another host. What is said then is the same (transfer.h).
//
// Connect may wait, and may be called from any thread, by one at a time.

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/paxos/types.h"
#include "gaios/rsm/snapshot/transfer_stream.h"
#include "gaios/transport/bootstrap/address_book.h"
#include "gaios/transport/bootstrap/secure_stream.h"

namespace gaios::rsm {

class DonorRoute {
 public:
  virtual ~DonorRoute() = default;
  // To the donor of `replica`. Whatever is waited for then, and for this, ends when `stop_fd` is readable, or
  // when the other end has not done its part for `patience_ms`. Unavailable: nobody gives there.
  [[nodiscard]] virtual absl::StatusOr<std::unique_ptr<TransferStream>> Connect(paxos::ReplicaId replica,
                                                                                int stop_fd,
                                                                                int patience_ms) = 0;
};

// Where the donor of a replica listens for processes of its host.
[[nodiscard]] std::string DonorPath(const std::string& group_directory, paxos::ReplicaId id);

class HostRoute final : public DonorRoute {
 public:
  explicit HostRoute(std::string group_directory) : directory_(std::move(group_directory)) {}
  [[nodiscard]] absl::StatusOr<std::unique_ptr<TransferStream>> Connect(paxos::ReplicaId replica, int stop_fd,
                                                                        int patience_ms) override;

 private:
  const std::string directory_;
};

class NetworkRoute final : public DonorRoute {
 public:
  // As `self` of `group` in `cluster`, to where one of `addresses` says, of each network one, at least one;
  // they must outlive it.
  NetworkRoute(std::shared_ptr<transport::bootstrap::TlsContext> context,
               std::vector<const transport::bootstrap::AddressBook*> addresses, paxos::ReplicaId self,
               paxos::GroupId group, std::string cluster)
      : context_(std::move(context)),
        addresses_(std::move(addresses)),
        self_(self),
        group_(group),
        cluster_(std::move(cluster)) {}
  [[nodiscard]] absl::StatusOr<std::unique_ptr<TransferStream>> Connect(paxos::ReplicaId replica, int stop_fd,
                                                                        int patience_ms) override;

 private:
  [[nodiscard]] absl::StatusOr<std::unique_ptr<TransferStream>> ConnectBy(
      const transport::bootstrap::AddressBook& addresses, paxos::ReplicaId replica, int stop_fd,
      int patience_ms) const;

  const std::shared_ptr<transport::bootstrap::TlsContext> context_;
  const std::vector<const transport::bootstrap::AddressBook*> addresses_;
  std::size_t last_ = 0;  // by which somebody was got to last
  const paxos::ReplicaId self_;
  const paxos::GroupId group_;
  const std::string cluster_;
};

// A connection between hosts, as a stream.
class NetworkStream final : public TransferStream {
 public:
  NetworkStream(std::unique_ptr<transport::bootstrap::SecureStream> stream, int stop_fd, int patience_ms)
      : stream_(std::move(stream)), patience_{.stop_fd = stop_fd, .limit_ms = patience_ms} {}

  [[nodiscard]] absl::Status Send(std::span<const std::byte> bytes) override {
    return stream_->Send(bytes, patience_);
  }
  [[nodiscard]] absl::Status Receive(std::span<std::byte> bytes) override {
    return stream_->Receive(bytes, patience_);
  }
  void set_patience_ms(int patience_ms) override { patience_.limit_ms = patience_ms; }

 private:
  const std::unique_ptr<transport::bootstrap::SecureStream> stream_;
  transport::bootstrap::Patience patience_;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_SNAPSHOT_DONOR_ROUTE_H_

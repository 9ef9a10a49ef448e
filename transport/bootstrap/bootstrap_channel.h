#ifndef GAIOS_TRANSPORT_BOOTSTRAP_BOOTSTRAP_CHANNEL_H_
#define GAIOS_TRANSPORT_BOOTSTRAP_BOOTSTRAP_CHANNEL_H_

// The peer channel of production: frames over the authenticated connections of transport/bootstrap. Threads
// are those of PeerChannel.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gaios/transport/bootstrap/address_book.h"
#include "gaios/transport/bootstrap/bootstrap.h"
#include "gaios/transport/bootstrap/peer_channel.h"
#include "gaios/transport/notices.h"

namespace gaios::transport::bootstrap {

class BootstrapChannel final : public PeerChannel {
 public:
  // `addresses`, unless null, says where peers are to be found from now on, and must outlive the channel.
  explicit BootstrapChannel(std::unique_ptr<bootstrap::Bootstrap> connections,
                            const AddressBook* addresses = nullptr)
      : connections_(std::move(connections)), addresses_(addresses) {}

  std::size_t Poll(PeerChannelHandler& handler) override;
  [[nodiscard]] bool Send(ReplicaId peer, std::span<const std::byte> bytes) override;
  [[nodiscard]] bool ExportKey(ReplicaId peer, std::string_view label,
                               std::span<std::byte> key) const override {
    return connections_->ExportKey(peer, label, {}, key).ok();
  }
  void Disconnect(ReplicaId peer) override { connections_->Disconnect(peer); }
  [[nodiscard]] int poll_fd() const override { return connections_->poll_fd(); }
  [[nodiscard]] std::uint64_t NextTimeNs() const override { return connections_->NextTimeNs(); }
  // Each reason once for each peer, until that is up: both ends try again for ever.
  [[nodiscard]] std::vector<std::string> TakeNotices() override;
  [[nodiscard]] ChannelCounters counters() const override;

 private:
  void TakeAddresses();

  std::unique_ptr<bootstrap::Bootstrap> connections_;
  const AddressBook* const addresses_;
  std::uint64_t addresses_seen_ = 0;  // of which version
  Notices notices_;
};
static_assert(bootstrap::kRefusals <= Notices::kCauses);

}  // namespace gaios::transport::bootstrap

#endif  // GAIOS_TRANSPORT_BOOTSTRAP_BOOTSTRAP_CHANNEL_H_

#ifndef GAIOS_RSM_BOOTSTRAP_CHANNEL_H_
#define GAIOS_RSM_BOOTSTRAP_CHANNEL_H_

// Joins the authenticated channel between replicas to the transport over RDMA, which meets its peers by it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gaios/paxos/limits.h"
#include "gaios/transport/bootstrap/bootstrap.h"
#include "gaios/transport/verbs/peer_channel.h"

namespace gaios::rsm {

class BootstrapChannel final : public transport::verbs::PeerChannel,
                               private transport::bootstrap::BootstrapHandler {
 public:
  explicit BootstrapChannel(std::unique_ptr<transport::bootstrap::Bootstrap> bootstrap);

  std::size_t Poll(transport::verbs::PeerChannelHandler& handler) override;
  [[nodiscard]] bool Send(paxos::ReplicaId peer, std::span<const std::byte> bytes) override;
  void Disconnect(paxos::ReplicaId peer) override { bootstrap_->Disconnect(peer); }
  [[nodiscard]] int poll_fd() const override { return bootstrap_->poll_fd(); }
  [[nodiscard]] std::uint64_t NextTimeNs() const override { return bootstrap_->NextTimeNs(); }
  // Each reason once for each peer, until that has come up.
  [[nodiscard]] std::vector<std::string> TakeNotices() override;

 private:
  void OnPeerUp(paxos::ReplicaId peer, const transport::bootstrap::PeerHello& hello) override;
  void OnFrame(paxos::ReplicaId peer, std::span<const std::byte> bytes) override;
  void OnPeerDown(paxos::ReplicaId peer, transport::bootstrap::DownReason reason) override;
  void OnRefused(const transport::bootstrap::RefusedConnection& refused) override;

  const std::unique_ptr<transport::bootstrap::Bootstrap> bootstrap_;
  transport::verbs::PeerChannelHandler* handler_ = nullptr;  // during Poll
  std::vector<std::string> notices_;
  // Reasons told since the peer was last up, by bit; the last place is for those whose peer is not known.
  std::array<std::uint32_t, paxos::kMaxReplicas + 1> told_ = {};
};
static_assert(transport::bootstrap::kRefusals <= 32);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_BOOTSTRAP_CHANNEL_H_

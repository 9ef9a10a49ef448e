#include "gaios/rsm/bootstrap_channel.h"

#include <utility>

#include <absl/strings/str_cat.h>

namespace gaios::rsm {

BootstrapChannel::BootstrapChannel(std::unique_ptr<transport::bootstrap::Bootstrap> bootstrap)
    : bootstrap_(std::move(bootstrap)) {}

std::size_t BootstrapChannel::Poll(transport::verbs::PeerChannelHandler& handler) {
  handler_ = &handler;
  const std::size_t events = bootstrap_->Poll(*this);
  handler_ = nullptr;
  return events;
}

bool BootstrapChannel::Send(paxos::ReplicaId peer, std::span<const std::byte> bytes) {
  return bootstrap_->Send(peer, bytes) == transport::bootstrap::Sent::kTaken;
}

std::vector<std::string> BootstrapChannel::TakeNotices() {
  return std::exchange(notices_, {});
}

void BootstrapChannel::OnPeerUp(paxos::ReplicaId peer, const transport::bootstrap::PeerHello& hello) {
  told_[peer.value()] = 0;
  handler_->OnPeerUp(peer, hello.incarnation);
}

void BootstrapChannel::OnFrame(paxos::ReplicaId peer, std::span<const std::byte> bytes) {
  handler_->OnFrame(peer, bytes);
}

void BootstrapChannel::OnPeerDown(paxos::ReplicaId peer, transport::bootstrap::DownReason /*reason*/) {
  handler_->OnPeerDown(peer);
}

void BootstrapChannel::OnRefused(const transport::bootstrap::RefusedConnection& refused) {
  std::uint32_t& told = told_[refused.peer_known ? refused.peer.value() : paxos::kMaxReplicas];
  const std::uint32_t bit = std::uint32_t{1} << static_cast<std::uint32_t>(refused.refusal);
  if ((told & bit) != 0) {
    return;
  }
  told |= bit;
  const std::string who = refused.peer_known ? absl::StrCat("replica ", refused.peer.value(), " at ") : "";
  notices_.push_back(absl::StrCat(refused.by_us ? "refused " : "refused by ", who,
                                  std::string(refused.address), ": ", std::string(refused.reason)));
}

}  // namespace gaios::rsm

#include "gaios/transport/verbs/bootstrap_channel.h"

#include <utility>

namespace gaios::transport::verbs {
namespace {

// Refusals are told in sentences; how many are kept until they are taken is bounded.
constexpr std::size_t kMaxNotices = 64;

class Adapter final : public bootstrap::BootstrapHandler {
 public:
  Adapter(PeerChannelHandler& handler, std::vector<std::string>& notices)
      : handler_(handler), notices_(notices) {}

  void OnPeerUp(ReplicaId peer, const bootstrap::PeerHello& hello) override {
    handler_.OnPeerUp(peer, hello.incarnation);
  }
  void OnFrame(ReplicaId peer, std::span<const std::byte> bytes) override { handler_.OnFrame(peer, bytes); }
  void OnPeerDown(ReplicaId peer, bootstrap::DownReason /*reason*/) override { handler_.OnPeerDown(peer); }
  void OnRefused(const bootstrap::RefusedConnection& refused) override {
    if (notices_.size() < kMaxNotices) {
      notices_.emplace_back(refused.reason);
    }
  }

 private:
  PeerChannelHandler& handler_;
  std::vector<std::string>& notices_;
};

}  // namespace

std::size_t BootstrapChannel::Poll(PeerChannelHandler& handler) {
  Adapter adapter(handler, notices_);
  return connections_->Poll(adapter);
}

bool BootstrapChannel::Send(ReplicaId peer, std::span<const std::byte> bytes) {
  return connections_->Send(peer, bytes) == bootstrap::Sent::kTaken;
}

std::vector<std::string> BootstrapChannel::TakeNotices() {
  return std::exchange(notices_, {});
}

}  // namespace gaios::transport::verbs

#include "gaios/transport/verbs/bootstrap_channel.h"

#include <span>
#include <utility>

#include <absl/strings/str_cat.h>

namespace gaios::transport::verbs {
namespace {

// Refusals are told in sentences; how many are kept until they are taken is bounded.
constexpr std::size_t kMaxNotices = 64;

class Adapter final : public bootstrap::BootstrapHandler {
 public:
  Adapter(PeerChannelHandler& handler, std::vector<std::string>& notices, std::span<std::uint32_t> told)
      : handler_(handler), notices_(notices), told_(told) {}

  void OnPeerUp(ReplicaId peer, const bootstrap::PeerHello& hello) override {
    told_[peer.value()] = 0;
    handler_.OnPeerUp(peer, hello.incarnation);
  }
  void OnFrame(ReplicaId peer, std::span<const std::byte> bytes) override { handler_.OnFrame(peer, bytes); }
  void OnPeerDown(ReplicaId peer, bootstrap::DownReason /*reason*/) override { handler_.OnPeerDown(peer); }
  void OnRefused(const bootstrap::RefusedConnection& refused) override {
    std::uint32_t& told = refused.peer_known ? told_[refused.peer.value()] : told_.back();
    const std::uint32_t bit = std::uint32_t{1} << static_cast<std::uint32_t>(refused.refusal);
    if ((told & bit) == 0 && notices_.size() < kMaxNotices) {
      told |= bit;
      const std::string who =
          refused.peer_known ? absl::StrCat("replica ", refused.peer.value(), " at ") : "";
      notices_.push_back(absl::StrCat(refused.by_us ? "refused " : "refused by ", who,
                                      std::string(refused.address), ": ", std::string(refused.reason)));
    }
  }

 private:
  PeerChannelHandler& handler_;
  std::vector<std::string>& notices_;
  const std::span<std::uint32_t> told_;
};

}  // namespace

std::size_t BootstrapChannel::Poll(PeerChannelHandler& handler) {
  Adapter adapter(handler, notices_, told_);
  return connections_->Poll(adapter);
}

bool BootstrapChannel::Send(ReplicaId peer, std::span<const std::byte> bytes) {
  return connections_->Send(peer, bytes) == bootstrap::Sent::kTaken;
}

std::vector<std::string> BootstrapChannel::TakeNotices() {
  return std::exchange(notices_, {});
}

}  // namespace gaios::transport::verbs

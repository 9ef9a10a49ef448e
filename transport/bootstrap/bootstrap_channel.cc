#include "gaios/transport/bootstrap/bootstrap_channel.h"

#include <numeric>
#include <utility>

#include <absl/strings/str_cat.h>

namespace gaios::transport::bootstrap {
namespace {

class Adapter final : public bootstrap::BootstrapHandler {
 public:
  Adapter(PeerChannelHandler& handler, Notices& notices) : handler_(handler), notices_(notices) {}

  void OnPeerUp(ReplicaId peer, const bootstrap::PeerHello& hello) override {
    notices_.Forget(peer.value());
    handler_.OnPeerUp(peer, hello.incarnation);
  }
  void OnFrame(ReplicaId peer, std::span<const std::byte> bytes) override { handler_.OnFrame(peer, bytes); }
  void OnPeerDown(ReplicaId peer, bootstrap::DownReason /*reason*/) override { handler_.OnPeerDown(peer); }
  void OnRefused(const bootstrap::RefusedConnection& refused) override {
    const std::string who = refused.peer_known ? absl::StrCat("replica ", refused.peer.value(), " at ") : "";
    notices_.Add(refused.peer_known ? refused.peer.value() : Notices::kUnknownPeer, refused.refusal,
                 absl::StrCat(refused.by_us ? "refused " : "refused by ", who, std::string(refused.address),
                              ": ", std::string(refused.reason)));
  }

 private:
  PeerChannelHandler& handler_;
  Notices& notices_;
};

}  // namespace

void BootstrapChannel::TakeAddresses() {
  const std::optional<AddressBookEntries> news = addresses_->News(addresses_seen_);
  if (!news.has_value()) {
    return;
  }
  for (std::uint8_t i = 0; i < news->size(); ++i) {
    const AddressBookEntry& entry = (*news)[i];
    connections_->SetAddress(ReplicaId(i), entry.address, entry.port);
    if (entry.expelled.value() != 0) {
      connections_->Expel(ReplicaId(i), entry.expelled);
    }
  }
}

std::size_t BootstrapChannel::Poll(PeerChannelHandler& handler) {
  if (addresses_ != nullptr) {
    TakeAddresses();
  }
  Adapter adapter(handler, notices_);
  return connections_->Poll(adapter);
}

bool BootstrapChannel::Send(ReplicaId peer, std::span<const std::byte> bytes) {
  return connections_->Send(peer, bytes) == bootstrap::Sent::kTaken;
}

std::vector<std::string> BootstrapChannel::TakeNotices() {
  return notices_.Take();
}

ChannelCounters BootstrapChannel::counters() const {
  const bootstrap::BootstrapCounters& counted = connections_->counters();
  const auto sum = [](const auto& each) {
    return std::accumulate(each.begin(), each.end(), std::uint64_t{0});
  };
  return {.connections_dialled = counted.connections_dialled,
          .dials_failed = counted.dials_failed,
          .connections_accepted = counted.connections_accepted,
          .peers_up = counted.peers_up,
          .peers_down = counted.peers_down,
          .frames_sent = counted.frames_sent,
          .frames_received = counted.frames_received,
          .frames_malformed = counted.frames_malformed,
          .refused_by_us = sum(counted.refused_by_us),
          .refused_by_peer = sum(counted.refused_by_peer),
          .strangers_garbage = counted.strangers_garbage,
          .strangers_oversized = counted.strangers_oversized,
          .strangers_slow = counted.strangers_slow,
          .strangers_crowded = counted.strangers_crowded,
          .strangers_gone = counted.strangers_gone,
          .strangers_unserved = counted.strangers_unserved};
}

}  // namespace gaios::transport::bootstrap

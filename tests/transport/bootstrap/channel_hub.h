#ifndef GAIOS_TESTS_TRANSPORT_BOOTSTRAP_CHANNEL_HUB_H_
#define GAIOS_TESTS_TRANSPORT_BOOTSTRAP_CHANNEL_HUB_H_

// Peer channels between replicas that are objects of one process. Safe on any thread.

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "gaios/paxos/limits.h"
#include "gaios/transport/bootstrap/peer_channel.h"

namespace gaios::transport::bootstrap {

struct HubMember {
  ReplicaId id;
  Incarnation incarnation;
  std::uint64_t group = 0;
  std::uint64_t capacity = 0;
};

class ChannelHub {
 public:
  ChannelHub() = default;
  // Connected to every member of the same group and capacity. It leaves when it is destroyed.
  [[nodiscard]] std::unique_ptr<PeerChannel> Join(const HubMember& member);
  // Breaks the connection of two members, which is made again at once.
  void Reconnect(ReplicaId a, ReplicaId b);
  // Breaks it, and keeps it so until Heal.
  void Cut(ReplicaId a, ReplicaId b);
  void Heal(ReplicaId a, ReplicaId b);
  // Made so far, of any two.
  [[nodiscard]] std::uint64_t connections();

 private:
  class Channel;
  struct Line {
    bool cut = false;
    std::uint64_t connection = 0;  // 0: none
  };

  void Leave(const Channel& channel);
  void ConnectLocked(Channel& a, Channel& b);
  void DisconnectLocked(Channel& a, Channel& b);
  void ReconnectLocked(ReplicaId a, ReplicaId b);
  // If it is the connection of the two by now.
  void End(ReplicaId a, ReplicaId b, std::uint64_t connection);
  [[nodiscard]] Line& LineOf(ReplicaId a, ReplicaId b) {
    return lines_[std::min(a, b).value()][std::max(a, b).value()];
  }

  std::mutex mutex_;
  std::uint64_t connections_ = 0;
  std::array<Channel*, paxos::kMaxReplicas> members_ = {};
  std::array<std::array<Line, paxos::kMaxReplicas>, paxos::kMaxReplicas> lines_;
};

}  // namespace gaios::transport::bootstrap

#endif  // GAIOS_TESTS_TRANSPORT_BOOTSTRAP_CHANNEL_HUB_H_

#ifndef GAIOS_TESTS_TRANSPORT_VERBS_SOCKET_CHANNEL_H_
#define GAIOS_TESTS_TRANSPORT_VERBS_SOCKET_CHANNEL_H_

// Peer channels between processes of one host, over Unix sockets in a directory: for tests of the verbs
// transport that are not of how peers prove who they are. Belongs to one thread.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gaios/base/clock.h"
#include "gaios/paxos/limits.h"
#include "gaios/transport/bootstrap/peer_channel.h"

namespace gaios::transport::verbs {

struct SocketChannelOptions {
  std::string directory;
  ReplicaId self;
  Incarnation incarnation;
  std::uint64_t group = 0;
  std::uint64_t capacity = 0;
  std::size_t replicas = 0;
  const base::Clock* clock = nullptr;
  // When true, the next Poll breaks all connections and makes it false. May be null.
  std::atomic<bool>* sever = nullptr;
};

class SocketChannel final : public bootstrap::PeerChannel {
 public:
  explicit SocketChannel(const SocketChannelOptions& options);
  SocketChannel(const SocketChannel&) = delete;
  SocketChannel& operator=(const SocketChannel&) = delete;
  ~SocketChannel() override;

  std::size_t Poll(bootstrap::PeerChannelHandler& handler) override;
  [[nodiscard]] bool Send(ReplicaId peer, std::span<const std::byte> bytes) override;
  // These connections have no keys.
  [[nodiscard]] bool ExportKey(ReplicaId /*peer*/, std::string_view /*label*/,
                               std::span<std::byte> /*key*/) const override {
    return false;
  }
  void Disconnect(ReplicaId peer) override;
  [[nodiscard]] int poll_fd() const override { return epoll_; }
  [[nodiscard]] std::uint64_t NextTimeNs() const override;
  [[nodiscard]] std::vector<std::string> TakeNotices() override { return {}; }

 private:
  struct Line {
    int socket = -1;
    bool up = false;  // the other's greeting was good
    bool end = false;
    Incarnation newest;
    std::uint64_t dial_at_ns = 0;
  };
  struct Greeting {
    std::uint64_t group = 0;
    std::uint64_t capacity = 0;
    std::uint32_t incarnation = 0;
    std::uint32_t replica = 0;
  };

  [[nodiscard]] std::string PathOf(ReplicaId id) const;
  [[nodiscard]] bool Greet(int socket) const;
  [[nodiscard]] bool Fits(const Greeting& greeting) const;
  void Watch(int socket) const;
  void Dial(ReplicaId peer);
  void ReadStranger(std::size_t index, bootstrap::PeerChannelHandler& handler);
  std::size_t ReadLine(ReplicaId peer, bootstrap::PeerChannelHandler& handler);
  std::size_t Close(ReplicaId peer, bootstrap::PeerChannelHandler& handler);

  const SocketChannelOptions options_;
  int epoll_ = -1;
  int listener_ = -1;
  std::vector<int> strangers_;
  std::array<Line, paxos::kMaxReplicas> lines_;
};

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TESTS_TRANSPORT_VERBS_SOCKET_CHANNEL_H_

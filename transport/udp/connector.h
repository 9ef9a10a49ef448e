#ifndef GAIOS_TRANSPORT_UDP_CONNECTOR_H_
#define GAIOS_TRANSPORT_UDP_CONNECTOR_H_

// How two replicas come to send each other datagrams: by the authenticated channel they tell each other where
// they listen and what they can take, and derive the keys and tags of this connection from its secret. It
// runs on a thread of its own, or a step at a time where its owner calls Step, and hands over what it learns.
//
// Threads: any_news, TakeNews, Disconnect, TakeNotices, Tell and channel_counters may be called from one
// other thread than the one that steps.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>

#include "gaios/base/clock.h"
#include "gaios/base/mailbox.h"
#include "gaios/paxos/limits.h"
#include "gaios/transport/bootstrap/channel_thread.h"
#include "gaios/transport/bootstrap/peer_channel.h"
#include "gaios/transport/transport.h"
#include "gaios/transport/udp/port.h"
#include "gaios/transport/udp/seal.h"

namespace gaios::transport::udp {

// What an end says of itself, as it lies in a frame.
struct HelloFrame {
  std::uint32_t magic = 0x48554947;  // "GIUH"
  std::uint8_t version = 0;          // of the datagrams; of an end that encrypts: kEncryptingVersion
  std::uint8_t authenticate = 0;     // 1: datagrams carry a MAC, or are encrypted
  std::uint16_t port = 0;
  std::uint32_t address = 0;
  std::uint32_t payload_bytes = 0;  // of a datagram, at most
  std::uint32_t room = 0;           // datagrams from one peer that wait without being lost
  std::uint32_t zero = 0;
};
static_assert(sizeof(HelloFrame) == 24 && offsetof(HelloFrame, authenticate) == 5);
static_assert(offsetof(HelloFrame, port) == 6);
static_assert(offsetof(HelloFrame, address) == 8 && offsetof(HelloFrame, payload_bytes) == 12);
static_assert(offsetof(HelloFrame, room) == 16 && offsetof(HelloFrame, zero) == 20);
// Nothing when it is no such frame, whatever its version.
[[nodiscard]] std::optional<HelloFrame> ParseHelloFrame(std::span<const std::byte> bytes);

// What an end that says this protects its datagrams by; nothing when its version is not known here.
[[nodiscard]] std::optional<Protection> ProtectionOf(const HelloFrame& hello);
// Has `hello` say it.
void SetProtection(Protection protection, HelloFrame& hello);

// What has become of a peer.
struct News {
  enum class Kind : std::uint8_t { kConnected, kLost };
  Kind kind = Kind::kLost;
  ReplicaId peer = {};
  std::uint32_t life = 0;  // counts connections to the peer
  // kConnected:
  Incarnation incarnation = {};
  HelloFrame hello = {};
  std::uint64_t tag_out = 0;
  std::uint64_t tag_in = 0;
  Seal seal = {};
};

struct ConnectorOptions {
  ReplicaId self;
  std::size_t replicas = 0;
  const base::Clock* clock = nullptr;
  HelloFrame hello;
  std::string section = "udp";  // of the config that says how these datagrams are sent
};

class Connector final : private bootstrap::PeerChannelHandler {
 public:
  Connector(const ConnectorOptions& options, std::unique_ptr<bootstrap::PeerChannel> channel);
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;
  ~Connector() override { thread_.Stop(); }

  // ResourceExhausted: the system has no descriptor or no thread left.
  [[nodiscard]] absl::Status Prepare(bool own_thread) {
    return thread_.Prepare(own_thread, "the UDP transport");
  }
  void Begin() { thread_.Begin(); }
  // Does what is to be done; returns when nothing is left that need not wait.
  void Step();

  [[nodiscard]] bool any_news() const { return news_.any(); }
  [[nodiscard]] std::vector<News> TakeNews() { return news_.TakeAll(); }
  // Connection `life` to `peer` is of no use; another is made.
  void Disconnect(ReplicaId peer, std::uint32_t life);
  void Tell(std::string text) { thread_.Tell(std::move(text)); }
  [[nodiscard]] std::vector<std::string> TakeNotices() { return thread_.TakeNotices(); }
  [[nodiscard]] bootstrap::ChannelCounters channel_counters() const { return thread_.counters(); }

 private:
  struct Peer {
    bool up = false;
    bool told = false;  // the transport knows of this connection
    Incarnation incarnation;
    std::uint32_t life = 0;
  };
  struct Task {
    ReplicaId peer;
    std::uint32_t life = 0;
  };

  void OnPeerUp(ReplicaId peer, Incarnation incarnation) override;
  void OnFrame(ReplicaId peer, std::span<const std::byte> bytes) override;
  void OnPeerDown(ReplicaId peer) override;
  [[nodiscard]] absl::Status Connect(ReplicaId peer, const HelloFrame& hello);
  [[nodiscard]] std::string WhyNot(const HelloFrame& hello) const;
  [[nodiscard]] bool Export(ReplicaId peer, bool outward, const char* what, std::span<std::byte> bytes) const;

  const ConnectorOptions options_;
  const Protection protection_;  // of this end
  const std::unique_ptr<bootstrap::PeerChannel> channel_;
  std::array<Peer, paxos::kMaxReplicas> peers_;
  base::Mailbox<Task> tasks_;
  base::Mailbox<News> news_;
  bootstrap::ChannelThread thread_;
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TRANSPORT_UDP_CONNECTOR_H_

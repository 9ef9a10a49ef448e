#ifndef GAIOS_TRANSPORT_BOOTSTRAP_PEER_CHANNEL_H_
#define GAIOS_TRANSPORT_BOOTSTRAP_PEER_CHANNEL_H_

// What the transport needs of the channel by which replicas meet before there are queue pairs between them:
// peers that were checked (group, version, capacity, incarnation), frames in order, and the news of a death.
//
// Threads: belongs to one thread, which calls everything; no call blocks. It may be handed to another thread
// before its first Poll.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gaios/transport/transport.h"

namespace gaios::transport::bootstrap {

// What a channel counts, if it does: transport/bootstrap/bootstrap.h says what each is. Refusals are those
// for every reason together. Each only grows.
struct ChannelCounters {
  std::uint64_t connections_dialled = 0;
  std::uint64_t dials_failed = 0;
  std::uint64_t connections_accepted = 0;
  std::uint64_t peers_up = 0;
  std::uint64_t peers_down = 0;
  std::uint64_t frames_sent = 0;
  std::uint64_t frames_received = 0;
  std::uint64_t frames_malformed = 0;
  std::uint64_t refused_by_us = 0;
  std::uint64_t refused_by_peer = 0;
  std::uint64_t strangers_garbage = 0;
  std::uint64_t strangers_oversized = 0;
  std::uint64_t strangers_slow = 0;
  std::uint64_t strangers_crowded = 0;
  std::uint64_t strangers_gone = 0;
  std::uint64_t strangers_unserved = 0;
};

// Called from within PeerChannel::Poll only. Handlers may send and disconnect.
class PeerChannelHandler {
 public:
  virtual ~PeerChannelHandler() = default;
  // Both ends have admitted each other. Frames of the peer come after this.
  virtual void OnPeerUp(ReplicaId peer, Incarnation incarnation) = 0;
  // `bytes` is valid for the call, of any alignment.
  virtual void OnFrame(ReplicaId peer, std::span<const std::byte> bytes) = 0;
  virtual void OnPeerDown(ReplicaId peer) = 0;
};

class PeerChannel {
 public:
  virtual ~PeerChannel() = default;
  virtual std::size_t Poll(PeerChannelHandler& handler) = 0;
  // A frame of at most 1024 bytes, copied. False when the peer is not up, or too much is under way to it.
  [[nodiscard]] virtual bool Send(ReplicaId peer, std::span<const std::byte> bytes) = 0;
  // Fills `key` with secret bytes that only the two ends of the present connection to `peer` have: the same
  // at both for one label, others for every connection. False when the peer is not up.
  [[nodiscard]] virtual bool ExportKey(ReplicaId peer, std::string_view label,
                                       std::span<std::byte> key) const = 0;
  // Ends the connection to a peer; OnPeerDown follows from Poll if it was up. It comes up again as after any
  // other loss.
  virtual void Disconnect(ReplicaId peer) = 0;
  // Readable when Poll has something to do before NextTimeNs of the clock that the channel was given.
  [[nodiscard]] virtual int poll_fd() const = 0;
  [[nodiscard]] virtual std::uint64_t NextTimeNs() const = 0;
  // Sentences for the user about peers that were refused or that refuse us, since the last call.
  [[nodiscard]] virtual std::vector<std::string> TakeNotices() = 0;
  [[nodiscard]] virtual ChannelCounters counters() const { return {}; }
};

}  // namespace gaios::transport::bootstrap

#endif  // GAIOS_TRANSPORT_BOOTSTRAP_PEER_CHANNEL_H_

#ifndef GAIOS_TRANSPORT_BOOTSTRAP_BOOTSTRAP_H_
#define GAIOS_TRANSPORT_BOOTSTRAP_BOOTSTRAP_H_

// The authenticated channel between replicas: by it they tell each other what one-sided writes need (queue
// pair numbers, memory keys), and agree on keys. One TCP connection with TLS 1.3 to each peer, kept up.
//
// Of each pair the replica of lower id dials, and dials again for as long as it lives. After TLS both ends
// say who they are (hello); each admits the other or refuses it with a reason that both report. Then frames
// of up to kMaxFrameBytes go both ways, in order, none lost or doubled as long as the peer stays up. Going
// down loses those under way; nothing is sent again.
//
// What comes from ends that have not been admitted is bounded: their number, what each may send, and how
// long it may take. Beyond that, and for anything that is not of this protocol, the connection is dropped
// and counted, and nobody is told.
//
// Threads: a Bootstrap belongs to one thread, which calls everything. No call waits; each may make system
// calls and encrypt, and a step of a handshake computes for some hundred microseconds, so it is not for the
// fast path: call Poll from a thread of its own, or now and then. OpenSSL's error queue of the calling
// thread is cleared. Signals are left alone: none is raised by a connection that is gone.
//
// README.md has the wire format and what all this protects against.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/paxos/types.h"
#include "gaios/transport/bootstrap/options.h"
#include "gaios/transport/bootstrap/refusal.h"

namespace gaios::transport::bootstrap {

using paxos::Incarnation;
using paxos::ReplicaId;

// Largest frame that users send, bytes.
inline constexpr std::size_t kMaxFrameBytes = 4096;

// What an admitted peer has said of itself, beside what both have in common.
struct PeerHello {
  Incarnation incarnation;
  // Drawn by its process when it was opened: differs for every process.
  std::uint64_t instance = 0;
};

enum class DownReason : std::uint8_t {
  kClosed,        // the peer has closed the connection
  kLost,          // the connection has broken
  kSilent,        // nothing was heard of it for silence_timeout_ns
  kReplaced,      // the peer has come up again; OnPeerUp follows
  kMalformed,     // it has sent something that is no frame
  kDisconnected,  // by Disconnect
};
[[nodiscard]] std::string_view DownReasonName(DownReason reason);  // "closed", "lost"

// A connection that was not to be. `reason` is a sentence for the user, with what to do about it; it and
// `address` are valid for the call.
struct RefusedConnection {
  Refusal refusal = Refusal::kNone;
  bool by_us = false;  // else the other end has refused us
  bool peer_known = false;
  ReplicaId peer;            // when known: the one that was dialled, or that it says it is
  std::string_view address;  // of the other end, with the port
  std::string_view reason;
};

// Called from within Bootstrap::Poll only. Handlers may call everything but Poll.
class BootstrapHandler {
 public:
  virtual ~BootstrapHandler() = default;
  // The peer has been admitted and has admitted us. Its frames come after this.
  virtual void OnPeerUp(ReplicaId peer, const PeerHello& hello) = 0;
  // `bytes` is valid for the call, of any alignment.
  virtual void OnFrame(ReplicaId peer, std::span<const std::byte> bytes) = 0;
  // Frames to it that were taken may or may not have arrived.
  virtual void OnPeerDown(ReplicaId peer, DownReason reason) = 0;
  // Of those that came in and did not prove that they are of the cluster at most one a second is reported;
  // all are counted.
  virtual void OnRefused(const RefusedConnection& refused) = 0;
};

enum class [[nodiscard]] Sent : std::uint8_t {
  kTaken,
  kFull,  // send_buffer_bytes are under way: poll, then send again
  kDown,  // the peer is not up
};

// What has happened since the Bootstrap was opened. Each only grows.
struct BootstrapCounters {
  std::uint64_t connections_dialled = 0;
  std::uint64_t dials_failed = 0;  // nobody there, broken off or timed out before an answer; not refused
  std::uint64_t connections_accepted = 0;
  std::uint64_t peers_up = 0;
  std::uint64_t peers_down = 0;
  std::uint64_t frames_sent = 0;
  std::uint64_t frames_received = 0;
  std::array<std::uint64_t, kRefusals> refused_by_us = {};    // by Refusal
  std::array<std::uint64_t, kRefusals> refused_by_peer = {};  // by Refusal
  // Of connections that came in and were dropped without a word:
  std::uint64_t strangers_garbage = 0;    // no TLS, or not as the protocol goes
  std::uint64_t strangers_oversized = 0;  // sent more than a handshake takes
  std::uint64_t strangers_slow = 0;       // not done within handshake_timeout_ns
  std::uint64_t strangers_crowded = 0;    // the oldest of too many
  std::uint64_t strangers_gone = 0;       // closed by the other end before it was admitted
  std::uint64_t strangers_unserved = 0;   // the system had no memory or descriptor for them
  std::uint64_t frames_malformed = 0;     // from peers that were up; each ends its connection
  std::uint64_t visitors = 0;             // that were received, or introduced themselves
};

class Bootstrap {
 public:
  // Reads the credentials, listens, and starts to dial. InvalidArgument: an option, or what a file of the
  // credentials holds; NotFound, PermissionDenied: a file; Unavailable: the address or port cannot be had,
  // or the system has no more descriptors. Each names the thing and the fix.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Bootstrap>> Open(BootstrapOptions options);

  Bootstrap(const Bootstrap&) = delete;
  Bootstrap& operator=(const Bootstrap&) = delete;
  // Closes all connections, in order; no handler is called.
  ~Bootstrap();

  // Does what is to be done and reports it. Returns the number of events reported.
  std::size_t Poll(BootstrapHandler& handler);

  // For a thread that has nothing else to do: Poll has something to do when this descriptor (of epoll) is
  // readable, or at NextTimeNs() of the options' clock. Owned by the Bootstrap.
  [[nodiscard]] int poll_fd() const;
  // 0 when it has something to do at once.
  [[nodiscard]] std::uint64_t NextTimeNs() const;

  // A frame of 1 to kMaxFrameBytes bytes, which are copied.
  Sent Send(ReplicaId peer, std::span<const std::byte> bytes);
  [[nodiscard]] bool up(ReplicaId peer) const;
  // Closes the connection to a peer, if there is one; OnPeerDown follows from Poll. It comes up again as
  // after any other loss.
  void Disconnect(ReplicaId peer);

  // Where members may change: `peer` is to be found there from now on, or nowhere that is known. A connection
  // that is up stays. What a peer has said of itself since is tried too. Nothing happens when `address` is
  // not numeric.
  void SetAddress(ReplicaId peer, const std::string& address, std::uint16_t port);
  // `peer` was removed from the group as `incarnation`: that life and those before it are refused from now
  // on, and disconnected.
  void Expel(ReplicaId peer, Incarnation incarnation);

  // Fills `key` with secret bytes that only the two ends of the present connection to `peer` have, the same
  // at both for the same label and context, others for every connection (the exporter of TLS, RFC 8446
  // section 7.5). FailedPrecondition when the peer is not up. At most 255 bytes of label, context and key.
  [[nodiscard]] absl::Status ExportKey(ReplicaId peer, std::string_view label,
                                       std::span<const std::byte> context, std::span<std::byte> key) const;

  [[nodiscard]] std::uint16_t port() const;  // where it listens
  [[nodiscard]] const BootstrapCounters& counters() const;

 private:
  class Impl;
  explicit Bootstrap(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gaios::transport::bootstrap

#endif  // GAIOS_TRANSPORT_BOOTSTRAP_BOOTSTRAP_H_

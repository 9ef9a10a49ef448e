#ifndef GAIOS_TRANSPORT_BOOTSTRAP_IMPL_H_
#define GAIOS_TRANSPORT_BOOTSTRAP_IMPL_H_

// How a Bootstrap goes about it. handshake.cc brings connections up or refuses them, impl.cc has the rest:
// the turn of Poll, peers that are up, dialling and time.
//
// Connections live in numbered places: one for each replica that is dialled, by its id, and after these as
// many as may be pending. One that comes up leaves its pending place to the next stranger and moves to that
// of its peer.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gaios/base/unique_fd.h"
#include "gaios/transport/bootstrap/admission.h"
#include "gaios/transport/bootstrap/bootstrap.h"
#include "gaios/transport/bootstrap/connection.h"
#include "gaios/transport/bootstrap/secure_stream.h"
#include "gaios/transport/bootstrap/socket.h"
#include "gaios/transport/bootstrap/tls.h"

namespace gaios::transport::bootstrap {

class Bootstrap::Impl {
 public:
  Impl(BootstrapOptions options, std::shared_ptr<TlsContext> tls, base::UniqueFd listener,
       base::UniqueFd epoll, std::uint64_t instance);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  // Unavailable when epoll takes no more.
  [[nodiscard]] absl::Status Watch();

  std::size_t Poll(BootstrapHandler& handler);
  [[nodiscard]] int poll_fd() const { return epoll_.get(); }
  [[nodiscard]] std::uint64_t NextTimeNs() const;
  Sent Send(ReplicaId peer, std::span<const std::byte> bytes);
  // Null when it is not up.
  [[nodiscard]] Connection* Up(ReplicaId peer) const;
  void Disconnect(ReplicaId peer);
  void SetAddress(ReplicaId peer, const std::optional<SocketAddress>& address);
  void Expel(ReplicaId peer, Incarnation incarnation);
  [[nodiscard]] std::uint16_t port() const { return ListeningPort(listener_.get()); }
  [[nodiscard]] const BootstrapCounters& counters() const { return counters_; }

 private:
  using Place = std::size_t;

  // What is known of a peer beside its connection.
  struct Peer {
    std::optional<SocketAddress> named;       // where it is, by config or by what was committed since
    std::optional<SocketAddress> introduced;  // where it is, by its own word
    bool try_introduced = false;              // of the two the next to be dialled
    std::uint64_t attempt = 0;
    std::uint64_t next_dial_ns = 0;
    std::uint64_t backoff_ns = 0;
  };

  // ---- impl.cc
  void TakeReadiness();
  void AcceptAll();
  void Adopt(base::UniqueFd socket, const SocketAddress& from);
  [[nodiscard]] Place FreePendingPlace();
  void ServePeer(Place place);
  bool TakeFrames(Place place);  // false: the connection is gone
  void KeepAlive(Place place);
  void Down(Place place, DownReason reason);
  void DialDue();
  // Null when it is not known where it is, or when it is not for this end to go there.
  [[nodiscard]] const SocketAddress* AddressOf(ReplicaId id) const;
  [[nodiscard]] bool IsDialled(ReplicaId id) const { return id > options_.self; }
  void Dial(ReplicaId id);
  void DialLater(ReplicaId id, bool refused);
  bool Register(Place place, std::unique_ptr<Connection> connection);
  void WatchWrites(Place place);
  void Move(Place from, Place to);
  void Remove(Place place);
  void FlushLater(Connection& connection);
  [[nodiscard]] std::uint64_t Random();
  [[nodiscard]] bool IsPending(Place place) const { return place >= paxos::kMaxReplicas; }

  // ---- handshake.cc
  void ServeHandshakes();
  // Does what can be done now, and leaves the connection in whatever stage it has come to, or removed.
  void Advance(Place place);
  void FinishConnect(Place place);
  void ShakeHands(Place place);
  void Greet(Place place);
  void OnGreeting(Place place, const Frame& frame);
  void OnHello(Place place, std::span<const std::byte> payload);
  void OnAdmit(Place place);
  void OnVisit(Place place, std::span<const std::byte> payload);
  void OnIntroduction(Place place, const Visit& visit);
  void ReceiveVisitor(Place place, const Visit& visit);
  void BringUp(Place place);
  void Refuse(Place place, const Verdict& verdict);
  void RefusedByPeer(Place place, const RefuseFrame& refuse);
  void Linger(Place place);
  void ServeLingering(Place place);
  void FailBeforeUp(Place place, TlsResult result);
  void FailAuthentication(Place place, bool by_us);
  void CheckDeadline(Place place);
  void Report(const Connection& connection, Refusal refusal, bool by_us, std::string_view reason);

  const BootstrapOptions options_;
  const std::shared_ptr<TlsContext> tls_;
  const base::UniqueFd listener_;
  const base::UniqueFd epoll_;
  Admission admission_;
  std::array<Peer, paxos::kMaxReplicas> peers_;
  std::vector<std::unique_ptr<Connection>> connections_;  // by Place
  BootstrapCounters counters_;

  // During a turn of Poll.
  BootstrapHandler* handler_ = nullptr;
  std::uint64_t now_ns_ = 0;
  std::size_t events_ = 0;

  bool accepting_ = true;              // the listener may have something to say
  std::uint64_t accept_again_ns_ = 0;  // when the system had no room for what it said; 0 otherwise
  Place next_handshake_;               // where the next turn begins, so that each gets its own
  std::uint64_t connections_made_ = 0;
  std::uint64_t random_state_;
  std::uint64_t next_stranger_report_ns_ = 0;
};

}  // namespace gaios::transport::bootstrap

#endif  // GAIOS_TRANSPORT_BOOTSTRAP_IMPL_H_

#ifndef GAIOS_TRANSPORT_UDP_UDP_TRANSPORT_H_
#define GAIOS_TRANSPORT_UDP_UDP_TRANSPORT_H_

// The transport contract over UDP datagrams, by whatever port carries them.
//
// A write travels in datagrams that each say under which grant, and where in the log their bytes belong. The
// acceptor's poll loop compares the grant with the latest that it has given and copies the bytes.
//
//   Accept.  A write is done when an acknowledgement for it has come, and that was made by the acceptor's
//            incarnation, from its own account of the grant it names, while that was its latest.
//   Promise. GrantTo replaces the grant that datagrams are compared with: it is effective when it returns.
//
// An acceptor takes each write of a grant once, by its sequence: what is sent again, doubled or late changes
// nothing. docs/wire.md has the bytes.
//
// Files: this header; udp_transport.cc (opening, Poll), granting.cc (the owner's side), posting.cc (what is
// posted, and its completion), sending.cc and receiving.cc (datagrams), links.cc (peers that come and go).
// Connections are made by the Connector, on a thread of its own. Thread safety, ownership and errors are the
// contract's, in gaios/transport/transport.h.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/check.h"
#include "gaios/base/memory.h"
#include "gaios/transport/bootstrap/peer_channel.h"
#include "gaios/transport/transport.h"
#include "gaios/transport/udp/connector.h"
#include "gaios/transport/udp/link.h"
#include "gaios/transport/udp/log_read.h"
#include "gaios/transport/udp/options.h"
#include "gaios/transport/udp/port.h"
#include "gaios/transport/udp/receiver.h"
#include "gaios/transport/udp/wire.h"

namespace gaios::transport::udp {

class UdpTransport final : public Transport, private DatagramReceiver {
 public:
  // Takes all memory: all that may fail for want of something, and nothing that a peer could notice.
  // InvalidArgument: the options do not make sense. ResourceExhausted: too little memory, or no thread.
  static absl::StatusOr<std::unique_ptr<UdpTransport>> Reserve(
      const UdpOptions& options, std::unique_ptr<Port> port, std::unique_ptr<bootstrap::PeerChannel> channel);
  // Begins the life: peers come and go by the channel from now on. Called once, before the first Poll.
  void Begin();
  // Whether a peer is reached by another path too.
  using OtherPath = std::function<bool(ReplicaId)>;
  // Asked while the port is down, by Poll, of each peer whose link is up: where there is another path the
  // link by this one ends at once, and else by silence. None is set: there is no other path.
  void SetOtherPath(OtherPath other) { other_path_ = std::move(other); }

  UdpTransport(const UdpTransport&) = delete;
  UdpTransport& operator=(const UdpTransport&) = delete;
  // The port goes first: it may read the ring until then.
  ~UdpTransport() override { port_.reset(); }

  [[nodiscard]] std::size_t capacity() const override { return options_.capacity; }
  [[nodiscard]] std::byte* log() override { return log_.ring; }
  [[nodiscard]] std::uint64_t ReadLogWord(LogWord which) const override {
    return log_words_[static_cast<std::size_t>(which)];
  }
  void Publish(ControlWord which, std::uint64_t value) override {
    control_words_[static_cast<std::size_t>(which)] = value;
  }
  void GrantTo(ReplicaId to, Grant grant) override;

  Post Write(ReplicaId peer, Grant grant, Incarnation acceptor, Range range, std::uint64_t token) override;
  Post WriteWord(ReplicaId peer, Grant grant, Incarnation acceptor, LogWord which, std::uint64_t value,
                 std::uint64_t token) override;
  Post ReadLog(ReplicaId peer, Grant grant, Incarnation acceptor, Range range, std::uint64_t token) override;
  Post ReadControl(ReplicaId peer) override;
  void Send(ReplicaId peer, std::span<const std::byte> message) override;
  void Abandon(ReplicaId peer) override;

  std::size_t Poll(EventHandler& handler) override;
  // Makes connections, as far as that need not wait. Where they are not made by a thread of the transport's
  // own Poll does so, and its user may do so beside.
  void StepConnections();

  [[nodiscard]] std::size_t reserved_bytes() const { return memory_.size(); }
  [[nodiscard]] UdpCounters counters() const;
  // As it was given.
  [[nodiscard]] const Port& port() const { return *port_; }
  [[nodiscard]] bootstrap::ChannelCounters channel_counters() const { return connector_->channel_counters(); }
  [[nodiscard]] UdpLinkState link_state(ReplicaId peer) const;
  // Sentences for the user, since the last call.
  [[nodiscard]] std::vector<std::string> TakeNotices();

 private:
  UdpTransport(const UdpOptions& options, std::unique_ptr<Port> port, base::Memory memory);

  // granting.cc
  std::size_t ReportGrant(EventHandler& handler);
  void TakeGrant(Link& link, const GrantBody& body);
  void TakeFenced(Link& link, const GrantBody& body);

  // posting.cc
  Link& LinkTo(ReplicaId peer) {
    GAIOS_CHECK(peer.value() < options_.replicas && peer != options_.self,
                "operations go to another replica");
    return links_[peer.value()];
  }
  Post Admit(Link& link, Operation operation, const Grant& grant, Incarnation acceptor, std::uint64_t token);
  void DropPath(Link& link, Outcome outcome, PathState state);
  std::size_t Report(Link& link, EventHandler& handler);
  void Transmit(Link& link);
  void TransmitAll();

  // sending.cc
  std::span<std::byte> ClaimDatagram();
  template <typename Body>
  bool SendDatagram(Link& link, Kind kind, const Body& body, std::span<const std::byte> bytes = {});
  void WriteHeader(const Link& link, Kind kind, std::span<std::byte> buffer) const;
  void SendClaimed(Link& link, Kind kind, std::span<std::byte> buffer, std::size_t body_bytes);
  bool SendPiece(Link& link, const Piece& piece);
  [[nodiscard]] std::span<const std::byte> Lendable(const Link& link, const Piece& piece) const;
  std::uint64_t SendLent(Link& link, std::span<std::byte> buffer, std::span<const std::byte> lent);
  void SendPing(Link& link, Kind kind, std::uint64_t stamp_ns, std::size_t payload_bytes);
  void SendAck(Link& link);
  void SendLog(Link& link, const LogBody& asked);
  void SendOwed(Link& link);
  [[nodiscard]] static std::size_t PieceBytes(const Link& link) {
    return link.payload_bytes - kOverheadBytes - (link.seal.encrypts() ? kKindBytes : 0);
  }

  // receiving.cc
  void OnDatagram(Endpoint from, std::span<std::byte> payload) override;
  void Take(Link& link, const Datagram& datagram, std::size_t payload_bytes);
  void TakePong(Link& link, const Datagram& datagram, std::size_t payload_bytes);
  void TakeWrite(Link& link, const Datagram& datagram);
  void TakeAck(Link& link, const Datagram& datagram);
  void TakeControl(Link& link, const Datagram& datagram);
  void TakeAskLog(Link& link, const LogBody& body);
  void TakeLog(Link& link, const Datagram& datagram);
  [[nodiscard]] bool HoldsLatest(const Link& link, std::uint64_t ballot, std::uint64_t number);

  // links.cc
  std::size_t TakeNews(EventHandler& handler);
  void Connected(News news);
  void BringUp(Link& link);
  std::size_t CloseLink(Link& link, EventHandler& handler);
  [[nodiscard]] bool Stalled(const Link& link) const;
  std::size_t RunTimers(EventHandler& handler);
  void TellTrouble(Link& link);
  std::size_t WatchPort(EventHandler& handler);
  void TellWhyDown();
  std::size_t GiveUpUnplugged(EventHandler& handler);

  static constexpr std::uint64_t kTimerIntervalNs = 100'000;

  UdpOptions options_;
  std::unique_ptr<Port> port_;
  bool port_up_;          // as it was when it was looked at last
  std::string why_down_;  // as it was told last; empty: since it was up nothing was
  std::uint64_t next_why_ns_ = 0;
  OtherPath other_path_;
  base::Memory memory_;
  Addressee addressee_;
  UdpCounters counters_;

  // ---- the own log and control region
  LogMemory log_;
  std::array<std::uint64_t, kLogWords> log_words_ = {};
  std::array<std::uint64_t, kControlWords> control_words_ = {};
  Grant latest_grant_;
  ReplicaId latest_to_;
  Incarnation holder_;  // the life that the latest grant is for; none: whichever comes first
  bool grant_unreported_ = false;
  Receiver receiver_;

  // ---- peers
  std::vector<Link> links_;  // by id
  std::span<Link> used_;     // up to the highest id that has ever come up
  LogRead read_;
  std::uint64_t now_ns_ = 0;  // of the present Poll
  std::uint64_t next_timers_ns_ = 0;
  EventHandler* handler_ = nullptr;  // during Poll
  std::size_t events_ = 0;           // reported by datagrams during Poll
  bool begun_ = false;
  std::unique_ptr<Connector> connector_;
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TRANSPORT_UDP_UDP_TRANSPORT_H_

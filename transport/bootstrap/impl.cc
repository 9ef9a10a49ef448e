#include "gaios/transport/bootstrap/impl.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <utility>

#include <absl/status/status.h>

#include "gaios/base/check.h"

namespace gaios::transport::bootstrap {
namespace {

// Beyond any place.
constexpr std::uint64_t kListenerKey = std::numeric_limits<std::uint64_t>::max();
// One turn never finds more descriptors ready than there are.
constexpr std::size_t kMaxReady = paxos::kMaxReplicas + kMaxPendingConnections + 1;

// What one turn does at most, so that none takes long: connections taken from the listener, frames of a
// peer.
constexpr int kAcceptsPerTurn = 16;
// Until the next try when the system had no descriptor or memory for a connection.
constexpr std::uint64_t kAcceptPauseNs = 100'000'000;
constexpr int kFramesPerTurn = 64;

// What an end may send before it is up, on the wire: a hello, TLS, and a first record of the largest size
// (16 KiB); and the certificates of those that have some.
constexpr std::size_t kGreetingBytesWithKey = std::size_t{24} << 10;
constexpr std::size_t kGreetingBytesWithCertificates = std::size_t{48} << 10;

}  // namespace

Bootstrap::Impl::Impl(BootstrapOptions options, std::shared_ptr<TlsContext> tls, base::UniqueFd listener,
                      base::UniqueFd epoll, std::uint64_t instance)
    : options_(std::move(options)),
      tls_(std::move(tls)),
      listener_(std::move(listener)),
      epoll_(std::move(epoll)),
      admission_(options_, instance),
      connections_(paxos::kMaxReplicas + options_.max_pending_connections),
      next_handshake_(paxos::kMaxReplicas),
      random_state_(instance) {
  for (const PeerAddress& peer : options_.peers) {
    peers_.at(peer.id.value()).named = ParseAddress(peer.address, peer.port);
    if (!IsDialled(peer.id)) {
      // It may be about to dial by itself.
      peers_.at(peer.id.value()).next_dial_ns = options_.clock->NowNs() + options_.max_backoff_ns;
    }
  }
}

Bootstrap::Impl::~Impl() {
  for (const std::unique_ptr<Connection>& connection : connections_) {
    if (connection != nullptr && connection->stage == Stage::kUp) {
      connection->tls->Close();
    }
  }
}

absl::Status Bootstrap::Impl::Watch() {
  epoll_event event = {};
  // By edges: one that cannot be taken in for want of a descriptor is not told of again and again.
  event.events = EPOLLIN | EPOLLET;
  event.data.u64 = kListenerKey;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener_.get(), &event) != 0) {
    return absl::UnavailableError("the system watches no more descriptors: raise fs.epoll.max_user_watches");
  }
  return absl::OkStatus();
}

std::size_t Bootstrap::Impl::Poll(BootstrapHandler& handler) {
  GAIOS_CHECK(handler_ == nullptr, "Poll was called from one of its handlers");
  handler_ = &handler;
  events_ = 0;
  now_ns_ = options_.clock->NowNs();
  TakeReadiness();
  if (accept_again_ns_ != 0 && now_ns_ >= accept_again_ns_) {
    accept_again_ns_ = 0;
    accepting_ = true;
  }
  AcceptAll();
  for (Place place = 0; place < paxos::kMaxReplicas; ++place) {
    if (connections_[place] != nullptr && connections_[place]->stage == Stage::kUp) {
      ServePeer(place);
    }
  }
  ServeHandshakes();
  for (Place place = 0; place < connections_.size(); ++place) {
    if (connections_[place] != nullptr) {
      KeepAlive(place);
    }
  }
  DialDue();
  handler_ = nullptr;
  return events_;
}

void Bootstrap::Impl::TakeReadiness() {
  std::array<epoll_event, kMaxReady> ready;
  const int count = ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), 0);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t key = ready.at(static_cast<std::size_t>(i)).data.u64;
    if (key == kListenerKey) {
      accepting_ = true;
    } else if (connections_.at(key) != nullptr) {
      connections_[key]->ready = true;
    }
  }
}

void Bootstrap::Impl::AcceptAll() {
  for (int taken = 0; accepting_ && taken < kAcceptsPerTurn; ++taken) {
    SocketAddress from;
    base::UniqueFd socket = Accept(listener_.get(), from);
    if (socket.valid()) {
      ++counters_.connections_accepted;
      Adopt(std::move(socket), from);
    } else {
      accepting_ = false;
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        ++counters_.strangers_unserved;
        accept_again_ns_ = now_ns_ + kAcceptPauseNs;
      }
    }
  }
}

void Bootstrap::Impl::Adopt(base::UniqueFd socket, const SocketAddress& from) {
  const Place place = FreePendingPlace();
  std::unique_ptr<TlsChannel> channel = TlsChannel::Create(*tls_, socket.get(), /*dials=*/false);
  if (channel == nullptr ||
      !Register(place, std::make_unique<Connection>(std::move(socket), std::move(channel),
                                                    /*dialled=*/false, AddressText(from)))) {
    ++counters_.strangers_unserved;
  }
}

Bootstrap::Impl::Place Bootstrap::Impl::FreePendingPlace() {
  Place oldest = paxos::kMaxReplicas;
  for (Place place = paxos::kMaxReplicas; place < connections_.size(); ++place) {
    if (connections_[place] == nullptr) {
      return place;
    }
    if (connections_[place]->order < connections_[oldest]->order) {
      oldest = place;
    }
  }
  if (connections_[oldest]->stage != Stage::kLingering) {
    ++counters_.strangers_crowded;
  }
  Remove(oldest);
  return oldest;
}

bool Bootstrap::Impl::Register(Place place, std::unique_ptr<Connection> connection) {
  connection->order = ++connections_made_;
  connection->deadline_ns = now_ns_ + options_.handshake_timeout_ns;
  connection->tls->SetReceiveLimit(tls_->shares_key() ? kGreetingBytesWithKey
                                                      : kGreetingBytesWithCertificates);
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = place;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connection->socket.get(), &event) != 0) {
    return false;
  }
  connections_[place] = std::move(connection);
  WatchWrites(place);
  return true;
}

void Bootstrap::Impl::WatchWrites(Place place) {
  Connection& connection = *connections_[place];
  const bool wanted = connection.stage == Stage::kConnecting || !connection.outbox.empty() ||
                      (connection.stage == Stage::kHandshaking && connection.tls->wants_write());
  if (wanted == connection.watches_write) {
    return;
  }
  epoll_event event = {};
  event.events = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.u64 = place;
  GAIOS_CHECK(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.socket.get(), &event) == 0,
              "a connection that is not watched");
  connection.watches_write = wanted;
}

// Of a connection that has come up: it leaves the pending ones.
void Bootstrap::Impl::Move(Place from, Place to) {
  GAIOS_CHECK(connections_[to] == nullptr, "a peer has one connection");
  epoll_event event = {};
  event.events = connections_[from]->watches_write ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.u64 = to;
  GAIOS_CHECK(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connections_[from]->socket.get(), &event) == 0,
              "a connection that is not watched");
  connections_[to] = std::move(connections_[from]);
}

// The descriptor is closed, and so leaves epoll by itself.
void Bootstrap::Impl::Remove(Place place) {
  connections_[place].reset();
}

// ---- peers that are up

void Bootstrap::Impl::ServePeer(Place place) {
  Connection& connection = *connections_[place];
  if (connection.disconnect) {
    connection.tls->Close();
    Down(place, DownReason::kDisconnected);
    return;
  }
  if (!connection.ready) {
    return;
  }
  const TlsResult flushed = connection.broken ? TlsResult::kGone : connection.Flush();
  // What the peer has sent before it went still counts.
  if (!TakeFrames(place)) {
    return;
  }
  if (flushed != TlsResult::kDone && flushed != TlsResult::kWait) {
    Down(place, DownReason::kLost);
    return;
  }
  WatchWrites(place);
}

bool Bootstrap::Impl::TakeFrames(Place place) {
  Connection& connection = *connections_[place];
  for (int taken = 0; taken < kFramesPerTurn;) {
    Frame frame;
    const FrameReader::Found found = connection.reader.Next(frame);
    if (found == FrameReader::Found::kNothing) {
      const TlsResult result = connection.Fill();
      if (result == TlsResult::kWait) {
        connection.ready = connection.broken;  // by a handler that has sent
        return true;
      }
      if (result != TlsResult::kDone) {
        Down(place, result == TlsResult::kClosed ? DownReason::kClosed : DownReason::kLost);
        return false;
      }
      connection.heard_ns = now_ns_;
      continue;
    }
    ++taken;
    if (found == FrameReader::Found::kFrame && frame.type == FrameType::kPing) {
      continue;
    }
    if (found == FrameReader::Found::kMalformed || frame.type != FrameType::kData) {
      ++counters_.frames_malformed;
      Down(place, DownReason::kMalformed);
      return false;
    }
    ++counters_.frames_received;
    ++events_;
    handler_->OnFrame(connection.peer, frame.payload);
    if (connection.disconnect) {
      connection.tls->Close();
      Down(place, DownReason::kDisconnected);
      return false;
    }
  }
  return true;
}

void Bootstrap::Impl::KeepAlive(Place place) {
  Connection& connection = *connections_[place];
  if (connection.stage != Stage::kUp) {
    CheckDeadline(place);
    return;
  }
  if (now_ns_ >= connection.heard_ns + options_.silence_timeout_ns) {
    Down(place, DownReason::kSilent);
    return;
  }
  if (now_ns_ >= connection.spoke_ns + options_.ping_interval_ns) {
    // Without room there is something under way that says the same.
    static_cast<void>(connection.outbox.Append(FrameType::kPing, {}));
    connection.spoke_ns = now_ns_;
    FlushLater(connection);
    WatchWrites(place);
  }
}

void Bootstrap::Impl::Down(Place place, DownReason reason) {
  const ReplicaId peer = connections_[place]->peer;
  const bool dialled = connections_[place]->dialled_by_us;
  Remove(place);
  // One of lower id dials by itself, or does not know where to.
  DialLater(peer, /*refused=*/!dialled);
  ++counters_.peers_down;
  ++events_;
  handler_->OnPeerDown(peer, reason);
}

// ---- dialling

void Bootstrap::Impl::DialDue() {
  for (Place place = 0; place < paxos::kMaxReplicas; ++place) {
    const bool idle = connections_[place] == nullptr || connections_[place]->stage == Stage::kLingering;
    const ReplicaId id(static_cast<std::uint8_t>(place));
    if (idle && now_ns_ >= peers_[place].next_dial_ns && AddressOf(id) != nullptr) {
      Dial(id);
    }
  }
}

const SocketAddress* Bootstrap::Impl::AddressOf(ReplicaId id) const {
  const Peer& peer = peers_[id.value()];
  if (!IsDialled(id)) {
    const bool introduces = id != options_.self && options_.began_with != 0 && !options_.own_address.empty();
    return introduces && peer.named.has_value() ? &*peer.named : nullptr;
  }
  const bool own_word = peer.introduced.has_value() && (peer.try_introduced || !peer.named.has_value());
  return own_word ? &*peer.introduced : peer.named.has_value() ? &*peer.named : nullptr;
}

void Bootstrap::Impl::Dial(ReplicaId id) {
  const SocketAddress address = *AddressOf(id);
  Remove(id.value());
  ++peers_[id.value()].attempt;
  ++counters_.connections_dialled;
  base::UniqueFd socket = bootstrap::Dial(address);
  if (socket.valid()) {
    std::unique_ptr<TlsChannel> channel = TlsChannel::Create(*tls_, socket.get(), /*dials=*/true);
    if (channel != nullptr) {
      auto connection = std::make_unique<Connection>(std::move(socket), std::move(channel), /*dialled=*/true,
                                                     AddressText(address));
      connection->peer = id;
      connection->introduces = !IsDialled(id);
      if (Register(id.value(), std::move(connection))) {
        return;
      }
    }
  }
  ++counters_.dials_failed;
  DialLater(id, /*refused=*/false);
}

void Bootstrap::Impl::DialLater(ReplicaId id, bool refused) {
  Peer& peer = peers_[id.value()];
  peer.try_introduced = !peer.try_introduced;
  if (refused || !IsDialled(id)) {
    peer.backoff_ns = options_.max_backoff_ns;
  } else {
    peer.backoff_ns = std::clamp(2 * peer.backoff_ns, options_.min_backoff_ns, options_.max_backoff_ns);
  }
  peer.next_dial_ns = now_ns_ + peer.backoff_ns - (Random() % ((peer.backoff_ns / 2) + 1));
}

// Spreads dials; need not be hard to guess. A step of a linear congruential generator, its low bits thrown
// away.
std::uint64_t Bootstrap::Impl::Random() {
  constexpr std::uint64_t kMultiplier = 6364136223846793005;
  constexpr std::uint64_t kIncrement = 1442695040888963407;
  random_state_ = (random_state_ * kMultiplier) + kIncrement;
  return random_state_ >> 24;
}

// ---- the calls of users

Connection* Bootstrap::Impl::Up(ReplicaId peer) const {
  Connection* const connection =
      peer.value() < paxos::kMaxReplicas ? connections_[peer.value()].get() : nullptr;
  const bool up = connection != nullptr && connection->stage == Stage::kUp && !connection->disconnect &&
                  !connection->broken;
  return up ? connection : nullptr;
}

Sent Bootstrap::Impl::Send(ReplicaId peer, std::span<const std::byte> bytes) {
  GAIOS_CHECK(!bytes.empty() && bytes.size() <= kMaxFrameBytes, "a frame of 1 to kMaxFrameBytes bytes");
  Connection* const connection = Up(peer);
  if (connection == nullptr) {
    return Sent::kDown;
  }
  if (connection->outbox.size() + sizeof(FrameHeader) + bytes.size() > options_.send_buffer_bytes) {
    return Sent::kFull;
  }
  GAIOS_CHECK(connection->outbox.Append(FrameType::kData, bytes), "the outbox has room beyond the user's");
  ++counters_.frames_sent;
  connection->spoke_ns = options_.clock->NowNs();
  FlushLater(*connection);
  WatchWrites(peer.value());
  return Sent::kTaken;
}

// Sends what the socket takes. A failure is dealt with in the next turn of Poll.
void Bootstrap::Impl::FlushLater(Connection& connection) {
  const TlsResult result = connection.Flush();
  if (result != TlsResult::kDone && result != TlsResult::kWait) {
    connection.broken = true;
    connection.ready = true;
  }
}

void Bootstrap::Impl::Disconnect(ReplicaId peer) {
  if (Connection* const connection = Up(peer); connection != nullptr) {
    connection->disconnect = true;
    connection->ready = true;
  }
}

void Bootstrap::Impl::SetAddress(ReplicaId id, const std::optional<SocketAddress>& address) {
  Peer& peer = peers_.at(id.value());
  const bool both = peer.named.has_value() && address.has_value();
  if (both ? AddressText(*peer.named) == AddressText(*address)
           : peer.named.has_value() == address.has_value()) {
    return;
  }
  peer.named = address;
  peer.introduced.reset();  // what it said before is older
  if (IsDialled(id) &&
      (connections_[id.value()] == nullptr || connections_[id.value()]->stage != Stage::kUp)) {
    Remove(id.value());
    peer.backoff_ns = 0;
    peer.next_dial_ns = 0;
  }
}

void Bootstrap::Impl::Expel(ReplicaId id, Incarnation incarnation) {
  admission_.Expel(id, incarnation);
  const Connection* const connection = Up(id);
  if (connection != nullptr && connection->hello.incarnation <= incarnation.value()) {
    Disconnect(id);
  }
}

std::uint64_t Bootstrap::Impl::NextTimeNs() const {
  std::uint64_t next_ns = std::numeric_limits<std::uint64_t>::max();
  for (Place place = 0; place < connections_.size(); ++place) {
    const Connection* const connection = connections_[place].get();
    if (connection != nullptr && connection->ready) {
      return 0;
    }
    if (connection != nullptr && connection->stage == Stage::kUp) {
      next_ns = std::min({next_ns, connection->heard_ns + options_.silence_timeout_ns,
                          connection->spoke_ns + options_.ping_interval_ns});
    } else if (connection != nullptr) {
      next_ns = std::min(next_ns, connection->deadline_ns);
    }
    const bool idle = connection == nullptr || connection->stage == Stage::kLingering;
    if (!IsPending(place) && idle && AddressOf(ReplicaId(static_cast<std::uint8_t>(place))) != nullptr) {
      next_ns = std::min(next_ns, peers_[place].next_dial_ns);
    }
  }
  if (accept_again_ns_ != 0) {
    next_ns = std::min(next_ns, accept_again_ns_);
  }
  return accepting_ ? 0 : next_ns;
}

}  // namespace gaios::transport::bootstrap

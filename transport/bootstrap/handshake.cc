// How a connection comes up, or is refused: TCP, TLS, the hellos. README.md has the sequence.

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <limits>
#include <string>

#include <absl/strings/str_cat.h>

#include "gaios/base/check.h"
#include "gaios/transport/bootstrap/impl.h"

namespace gaios::transport::bootstrap {
namespace {

// Of those that came in, so many are gone on with in one turn. Each may cost some hundred microseconds of
// computing, and peers that are up wait for it.
constexpr int kHandshakesPerTurn = 2;
// How long a refused connection is kept for the other end to read why; and what is read of it in a turn.
constexpr std::uint64_t kLingerNs = 1'000'000'000;
constexpr int kDiscardsPerTurn = 4;
// Of ends that have not proved to be of the cluster.
constexpr std::uint64_t kStrangerReportNs = 1'000'000'000;

template <typename Struct>
std::span<const std::byte> BytesOf(const Struct& value) {
  return std::as_bytes(std::span(&value, 1));
}

}  // namespace

void Bootstrap::Impl::ServeHandshakes() {
  for (Place place = 0; place < paxos::kMaxReplicas; ++place) {
    Advance(place);
  }
  const std::size_t pending = connections_.size() - paxos::kMaxReplicas;
  int left = kHandshakesPerTurn;
  for (std::size_t i = 0; i < pending && left > 0; ++i) {
    const Place place = next_handshake_;
    next_handshake_ = paxos::kMaxReplicas + ((next_handshake_ - paxos::kMaxReplicas + 1) % pending);
    if (connections_[place] != nullptr && connections_[place]->ready) {
      --left;
      Advance(place);
    }
  }
}

void Bootstrap::Impl::Advance(Place place) {
  // Each turn of the loop comes to a later stage, waits for the socket, or removes the connection.
  while (connections_[place] != nullptr && connections_[place]->ready &&
         connections_[place]->stage != Stage::kUp) {
    switch (connections_[place]->stage) {
      case Stage::kConnecting:
        FinishConnect(place);
        break;
      case Stage::kHandshaking:
        ShakeHands(place);
        break;
      case Stage::kGreeting:
      case Stage::kAdmitting:
        Greet(place);
        break;
      case Stage::kLingering:
        ServeLingering(place);
        break;
      case Stage::kUp:
        break;
    }
  }
  if (connections_[place] != nullptr) {
    WatchWrites(place);
  }
}

void Bootstrap::Impl::FinishConnect(Place place) {
  Connection& connection = *connections_[place];
  switch (StateOfDial(connection.socket.get())) {
    case DialState::kWaiting:
      connection.ready = false;
      break;
    case DialState::kConnected:
      connection.stage = Stage::kHandshaking;
      break;
    case DialState::kFailed:
      FailBeforeUp(place, TlsResult::kGone);
      break;
  }
}

void Bootstrap::Impl::ShakeHands(Place place) {
  Connection& connection = *connections_[place];
  const TlsResult result = connection.tls->Handshake();
  if (result == TlsResult::kWait) {
    connection.ready = false;
    return;
  }
  if (result != TlsResult::kDone) {
    FailBeforeUp(place, result);
    return;
  }
  connection.stage = Stage::kGreeting;
  if (connection.introduces) {
    const Visit visit = MakeVisit(VisitPurpose::kIntroduce, options_.self, options_.group, options_.cluster,
                                  options_.own_address);
    GAIOS_CHECK(connection.outbox.Append(FrameType::kVisit, BytesOf(visit)), "the first frame has room");
  } else if (connection.dialled_by_us) {
    const Hello hello = admission_.HelloTo(connection.peer, peers_[connection.peer.value()].attempt);
    GAIOS_CHECK(connection.outbox.Append(FrameType::kHello, BytesOf(hello)), "the first frame has room");
  }
}

void Bootstrap::Impl::Greet(Place place) {
  Connection& connection = *connections_[place];
  if (const TlsResult result = connection.Flush(); result != TlsResult::kDone && result != TlsResult::kWait) {
    FailBeforeUp(place, result);
    return;
  }
  Frame frame;
  switch (connection.reader.Next(frame)) {
    case FrameReader::Found::kFrame:
      OnGreeting(place, frame);
      return;
    case FrameReader::Found::kMalformed:
      Refuse(place,
             {Refusal::kMalformed, "a frame is not as this protocol has it: is it Gaios at both ends?"});
      return;
    case FrameReader::Found::kNothing:
      break;
  }
  const TlsResult result = connection.Fill();
  if (result == TlsResult::kWait) {
    connection.ready = false;
  } else if (result != TlsResult::kDone) {
    FailBeforeUp(place, result);
  }
}

void Bootstrap::Impl::OnGreeting(Place place, const Frame& frame) {
  const Stage stage = connections_[place]->stage;
  const bool introduces = connections_[place]->introduces;
  if (frame.type == FrameType::kAdmit && introduces) {
    // Now it is for the other end to dial.
    connections_[place]->tls->Close();
    DialLater(connections_[place]->peer, /*refused=*/true);
    Remove(place);
    return;
  }
  if (frame.type == FrameType::kVisit && stage == Stage::kGreeting && !connections_[place]->dialled_by_us) {
    OnVisit(place, frame.payload);
    return;
  }
  if (frame.type == FrameType::kHello && stage == Stage::kGreeting && !introduces) {
    OnHello(place, frame.payload);
    return;
  }
  if (frame.type == FrameType::kAdmit && stage == Stage::kAdmitting) {
    OnAdmit(place);
    return;
  }
  if (frame.type == FrameType::kRefuse) {
    if (const std::optional<RefuseFrame> refuse = ParseRefuse(frame.payload); refuse.has_value()) {
      RefusedByPeer(place, *refuse);
      return;
    }
  }
  Refuse(place,
         {Refusal::kMalformed, "a frame came out of turn: is it the same release of Gaios at both ends?"});
}

void Bootstrap::Impl::OnHello(Place place, std::span<const std::byte> payload) {
  Connection& connection = *connections_[place];
  const bool dialled = connection.dialled_by_us;
  const std::uint64_t attempt = dialled ? peers_[connection.peer.value()].attempt : 0;
  const Verdict verdict = admission_.Judge(payload, dialled ? std::optional(connection.peer) : std::nullopt,
                                           attempt, connection.hello);
  if (!dialled) {
    connection.peer = ReplicaId(connection.hello.from);
    connection.peer_known = admission_.known(connection.peer) && connection.hello.instance != 0;
  }
  if (!verdict.admitted()) {
    Refuse(place, verdict);
    return;
  }
  if (dialled) {
    GAIOS_CHECK(connection.outbox.Append(FrameType::kAdmit, {}), "the second frame has room");
    BringUp(place);
    return;
  }
  const Hello answer = admission_.HelloTo(connection.peer, connection.hello.attempt);
  GAIOS_CHECK(connection.outbox.Append(FrameType::kHello, BytesOf(answer)), "the first frame has room");
  connection.stage = Stage::kAdmitting;
}

void Bootstrap::Impl::OnAdmit(Place place) {
  if (const Verdict verdict = admission_.JudgeAgain(connections_[place]->hello); !verdict.admitted()) {
    Refuse(place, verdict);
    return;
  }
  BringUp(place);
}

void Bootstrap::Impl::OnVisit(Place place, std::span<const std::byte> payload) {
  Visit visit;
  if (const Verdict verdict = admission_.JudgeVisit(payload, visit); !verdict.admitted()) {
    Refuse(place, verdict);
  } else if (visit.purpose == static_cast<std::uint8_t>(VisitPurpose::kIntroduce)) {
    OnIntroduction(place, visit);
  } else if (options_.visitors == nullptr || !options_.visitors->Welcome()) {
    Refuse(place, {Refusal::kNoRoom,
                   absl::StrCat("replica ", options_.self.value(),
                                options_.visitors == nullptr ? " receives no visitors: go to another"
                                                             : " has others to serve: try again later")});
  } else {
    ReceiveVisitor(place, visit);
  }
}

void Bootstrap::Impl::OnIntroduction(Place place, const Visit& visit) {
  const ReplicaId from(visit.from);
  const std::optional<SocketAddress> address = ParseHostAndPort(visit.address_text());
  if (!address.has_value() || !IsDialled(from)) {
    Refuse(place, {Refusal::kMalformed,
                   absl::StrCat("replica ", visit.from, " introduces itself as being at \"",
                                std::string(visit.address_text()), "\" to replica ", options_.self.value(),
                                ": that must be an address in numbers and a port, told to a lower id")});
    return;
  }
  ++counters_.visitors;
  Peer& peer = peers_[from.value()];
  peer.introduced = address;
  if (Connection* const connection = connections_[from.value()].get();
      connection == nullptr || connection->stage == Stage::kConnecting ||
      connection->stage == Stage::kLingering) {
    Remove(from.value());
    peer.try_introduced = true;
    peer.next_dial_ns = 0;
  }
  GAIOS_CHECK(connections_[place]->outbox.Append(FrameType::kAdmit, {}), "the last frame has room");
  Linger(place);
}

// The connection leaves this loop, and is the visitors' from now on.
void Bootstrap::Impl::ReceiveVisitor(Place place, const Visit& visit) {
  Connection& connection = *connections_[place];
  GAIOS_CHECK(connection.outbox.Append(FrameType::kAdmit, {}), "the first frame has room");
  Frame early;
  // It says nothing more before it has been admitted, and a fresh socket takes a few bytes.
  if (connection.reader.Next(early) != FrameReader::Found::kNothing ||
      connection.Flush() != TlsResult::kDone) {
    ++counters_.strangers_garbage;
    Remove(place);
    return;
  }
  ++counters_.visitors;
  connection.tls->SetReceiveLimit(std::numeric_limits<std::size_t>::max());
  GAIOS_CHECK(::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, connection.socket.get(), nullptr) == 0,
              "a connection that is not watched");
  auto stream = std::make_unique<SecureStream>(std::move(connection.socket), std::move(connection.tls), tls_,
                                               connection.address);
  Remove(place);
  options_.visitors->OnVisitor(visit, std::move(stream));
}

void Bootstrap::Impl::BringUp(Place pending_place) {
  const Place place = connections_[pending_place]->peer.value();
  if (place != pending_place) {
    if (connections_[place] != nullptr && connections_[place]->stage == Stage::kUp) {
      Down(place, DownReason::kReplaced);
    }
    Remove(place);  // one by which this end was about to introduce itself
    Move(pending_place, place);
  }
  Connection& connection = *connections_[place];
  connection.stage = Stage::kUp;
  connection.reader.Allow(kMaxFrameBytes);
  connection.tls->SetReceiveLimit(std::numeric_limits<std::size_t>::max());
  connection.outbox.Reserve(std::max(options_.send_buffer_bytes, Connection::kGreetingRoom) +
                            Connection::kOwnRoom);
  connection.heard_ns = now_ns_;
  connection.spoke_ns = now_ns_;
  connection.ready = true;  // frames may have come with the greeting
  peers_[place].backoff_ns = 0;
  FlushLater(connection);
  WatchWrites(place);
  ++counters_.peers_up;
  ++events_;
  handler_->OnPeerUp(connection.peer, {.incarnation = Incarnation(connection.hello.incarnation),
                                       .instance = connection.hello.instance});
}

// ---- ends that do not come up

void Bootstrap::Impl::Refuse(Place place, const Verdict& verdict) {
  Connection& connection = *connections_[place];
  ++counters_.refused_by_us[static_cast<std::size_t>(verdict.refusal)];
  const std::string frame = EncodeRefuse(verdict.refusal, verdict.reason);
  GAIOS_CHECK(connection.outbox.Append(FrameType::kRefuse, std::as_bytes(std::span(frame))),
              "the last frame has room");
  Report(connection, verdict.refusal, /*by_us=*/true, verdict.reason);
  if (connection.dialled_by_us) {
    DialLater(connection.peer, /*refused=*/true);
  }
  Linger(place);
}

void Bootstrap::Impl::RefusedByPeer(Place place, const RefuseFrame& refuse) {
  Connection& connection = *connections_[place];
  ++counters_.refused_by_peer[static_cast<std::size_t>(refuse.refusal)];
  Report(connection, refuse.refusal, /*by_us=*/false, refuse.reason);
  if (connection.dialled_by_us) {
    DialLater(connection.peer, /*refused=*/true);
  }
  Remove(place);
}

void Bootstrap::Impl::FailBeforeUp(Place place, TlsResult result) {
  const bool dialled = connections_[place]->dialled_by_us;
  switch (result) {
    case TlsResult::kUntrusted:
    case TlsResult::kRejected:
      FailAuthentication(place, /*by_us=*/result == TlsResult::kUntrusted);
      return;
    case TlsResult::kOversized:
    case TlsResult::kNotThisProtocol:
      if (dialled) {
        Connection& connection = *connections_[place];
        ++counters_.refused_by_us[static_cast<std::size_t>(Refusal::kMalformed)];
        Report(connection, Refusal::kMalformed, /*by_us=*/true,
               absl::StrCat("what listens at the address of replica ", connection.peer.value(),
                            " does not speak TLS 1.3 as Gaios does: correct its address and port"));
        DialLater(connection.peer, /*refused=*/true);
      } else if (result == TlsResult::kOversized) {
        ++counters_.strangers_oversized;
      } else {
        ++counters_.strangers_garbage;
      }
      break;
    case TlsResult::kClosed:
    case TlsResult::kGone:
      if (dialled) {
        ++counters_.dials_failed;
        DialLater(connections_[place]->peer, /*refused=*/false);
      } else {
        ++counters_.strangers_gone;
      }
      break;
    case TlsResult::kDone:
    case TlsResult::kWait:
      GAIOS_CHECK(false, "a connection that goes well is no failure");
  }
  Remove(place);
}

void Bootstrap::Impl::FailAuthentication(Place place, bool by_us) {
  Connection& connection = *connections_[place];
  auto& counters = by_us ? counters_.refused_by_us : counters_.refused_by_peer;
  ++counters[static_cast<std::size_t>(Refusal::kAuthentication)];
  Report(connection, Refusal::kAuthentication, by_us, tls_->advice());
  if (connection.dialled_by_us) {
    DialLater(connection.peer, /*refused=*/true);
  }
  if (by_us) {
    Linger(place);  // the alert is on its way
  } else {
    Remove(place);
  }
}

// A socket that is closed while something lies in it unread sends a reset, which may overtake what was said
// last. So this end says that it is done, and reads until the other one is.
void Bootstrap::Impl::Linger(Place place) {
  Connection& connection = *connections_[place];
  connection.stage = Stage::kLingering;
  connection.deadline_ns = now_ns_ + kLingerNs;
  connection.ready = true;
}

void Bootstrap::Impl::ServeLingering(Place place) {
  Connection& connection = *connections_[place];
  if (!connection.said_all) {
    if (connection.Flush() == TlsResult::kWait) {
      connection.ready = false;
      return;
    }
    connection.tls->Close();
    static_cast<void>(::shutdown(connection.socket.get(), SHUT_WR));
    connection.said_all = true;
  }
  for (int reads = 0; reads < kDiscardsPerTurn; ++reads) {
    const TlsResult result = connection.Discard();
    if (result == TlsResult::kGone) {
      Remove(place);
      return;
    }
    if (result == TlsResult::kWait) {
      break;
    }
  }
  connection.ready = false;  // epoll says when there is more
}

void Bootstrap::Impl::CheckDeadline(Place place) {
  Connection& connection = *connections_[place];
  if (now_ns_ < connection.deadline_ns) {
    return;
  }
  if (connection.stage != Stage::kLingering) {
    if (connection.dialled_by_us) {
      ++counters_.dials_failed;
      DialLater(connection.peer, /*refused=*/false);
    } else {
      ++counters_.strangers_slow;
    }
  }
  Remove(place);
}

void Bootstrap::Impl::Report(const Connection& connection, Refusal refusal, bool by_us,
                             std::string_view reason) {
  const bool stranger = !connection.dialled_by_us && refusal == Refusal::kAuthentication;
  if (stranger) {
    if (now_ns_ < next_stranger_report_ns_) {
      return;
    }
    next_stranger_report_ns_ = now_ns_ + kStrangerReportNs;
  }
  ++events_;
  handler_->OnRefused({.refusal = refusal,
                       .by_us = by_us,
                       .peer_known = connection.dialled_by_us || connection.peer_known,
                       .peer = connection.peer,
                       .address = connection.address,
                       .reason = reason});
}

}  // namespace gaios::transport::bootstrap

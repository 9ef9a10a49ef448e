// Datagrams that come in.

#include <optional>

#include "gaios/transport/udp/udp_transport.h"

namespace gaios::transport::udp {

void UdpTransport::OnDatagram(Endpoint from, std::span<std::byte> payload) {
  const auto drop = [this](Drop why) { ++counters_.dropped[static_cast<std::size_t>(why)]; };
  Datagram datagram;
  if (const std::optional<Drop> why = ParseDatagram(payload, addressee_, datagram)) [[unlikely]] {
    return drop(*why);
  }
  Link& link = links_[datagram.header.from];
  if (link.state == LinkState::kClosed || from != link.endpoint) [[unlikely]] {
    return drop(Drop::kStranger);
  }
  if (datagram.header.to_incarnation != options_.incarnation.value() ||
      datagram.header.from_incarnation != link.incarnation.value() || datagram.header.tag != link.tag_in)
      [[unlikely]] {
    return drop(Drop::kStale);
  }
  if ((datagram.kind == Kind::kEncrypted) != link.seal.encrypts()) [[unlikely]] {
    return drop(Drop::kOtherSeal);
  }
  if (const std::optional<Drop> why = link.seal.Open(payload)) [[unlikely]] {
    return drop(*why);
  }
  if (datagram.kind == Kind::kEncrypted) {
    if (const std::optional<Drop> why = ParseDecrypted(datagram)) [[unlikely]] {
      return drop(*why);
    }
  }
  link.heard_ns = now_ns_;
  Take(link, datagram, payload.size());
}

void UdpTransport::Take(Link& link, const Datagram& datagram, std::size_t payload_bytes) {
  if (datagram.kind == Kind::kPing) {
    SendPing(link, Kind::kPong, BodyOf<PingBody>(datagram).stamp_ns,
             std::min(payload_bytes, link.payload_bytes));
    return;
  }
  if (datagram.kind == Kind::kPong) {
    TakePong(link, datagram, payload_bytes);
    return;
  }
  if (!link.up()) {
    return;  // this end is not sure yet; what matters is said again
  }
  switch (datagram.kind) {
    case Kind::kWrite:
      TakeWrite(link, datagram);
      return;
    case Kind::kAck:
      TakeAck(link, datagram);
      return;
    case Kind::kFenced:
      TakeFenced(link, BodyOf<GrantBody>(datagram));
      return;
    case Kind::kGrant:
      TakeGrant(link, BodyOf<GrantBody>(datagram));
      return;
    case Kind::kGrantTaken: {
      const auto body = BodyOf<GrantBody>(datagram);
      if (HoldsLatest(link, body.ballot, body.number)) {
        link.grant.Stop();
      }
      return;
    }
    case Kind::kAskControl: {
      const ControlBody body = {.nonce = BodyOf<AskControlBody>(datagram).nonce,
                                .ballot = latest_grant_.ballot.packed(),
                                .number = latest_grant_.number,
                                .words = control_words_};
      (void)SendDatagram(link, Kind::kControl, body);
      return;
    }
    case Kind::kControl:
      TakeControl(link, datagram);
      return;
    case Kind::kAskLog:
      TakeAskLog(link, BodyOf<LogBody>(datagram));
      return;
    case Kind::kLog:
      TakeLog(link, datagram);
      return;
    case Kind::kMessage:
      ++events_;
      handler_->OnMessage(link.peer, link.incarnation, BytesOf<MessageBody>(datagram));
      return;
    case Kind::kPing:
    case Kind::kPong:
    case Kind::kEncrypted:
      return;
  }
}

void UdpTransport::TakePong(Link& link, const Datagram& datagram, std::size_t payload_bytes) {
  const std::uint64_t stamp_ns = BodyOf<PingBody>(datagram).stamp_ns;
  if (stamp_ns == 0 || stamp_ns > now_ns_) {
    ++counters_.answers_late;
    return;
  }
  if (link.up()) {
    link.sender.SampleRtt(now_ns_ - stamp_ns);
  } else if (payload_bytes >= link.payload_bytes) {
    link.sender.SampleRtt(now_ns_ - stamp_ns);
    BringUp(link);
  } else {
    link.short_pong = true;
  }
}

// Whether this grant is the latest, and the one at the other end its holder.
bool UdpTransport::HoldsLatest(const Link& link, std::uint64_t ballot, std::uint64_t number) {
  if (link.peer != latest_to_ || ballot != latest_grant_.ballot.packed() || number != latest_grant_.number) {
    return false;
  }
  if (holder_ == Incarnation()) {
    holder_ = link.incarnation;
  }
  return holder_ == link.incarnation;
}

void UdpTransport::TakeWrite(Link& link, const Datagram& datagram) {
  const auto body = BodyOf<WriteBody>(datagram);
  if (!HoldsLatest(link, body.ballot, body.number)) [[unlikely]] {
    const Grant grant = {.ballot = paxos::Ballot::FromPacked(body.ballot), .number = body.number};
    if (grant < latest_grant_) {
      ++counters_.writes_fenced;
      link.fenced_due = true;
    } else {
      ++counters_.writes_ungranted;
    }
    return;
  }
  link.grant.Stop();
  const Position applied(control_words_[static_cast<std::size_t>(ControlWord::kApplied)]);
  switch (receiver_.Take(body, BytesOf<WriteBody>(datagram), applied, log_)) {
    case Receiver::Taken::kPlaced:
      ++counters_.writes_taken;
      break;
    case Receiver::Taken::kAgain:
      ++counters_.writes_again;
      break;
    case Receiver::Taken::kOutside:
    case Receiver::Taken::kFar:
      ++counters_.writes_outside;
      return;
  }
  link.ack_due = true;
  link.ack_stamp_ns = body.stamp_ns;
  link.ack_since_ns = now_ns_;
}

void UdpTransport::TakeAck(Link& link, const Datagram& datagram) {
  const auto body = BodyOf<AckBody>(datagram);
  const Path& path = link.path;
  if (path.state != PathState::kOpen || body.ballot != path.grant.ballot.packed() ||
      body.number != path.grant.number) {
    ++counters_.answers_late;
    return;
  }
  if (link.sender.OnAck(body, BytesOf<AckBody>(datagram), now_ns_)) {
    link.report_due = true;
  }
}

void UdpTransport::TakeControl(Link& link, const Datagram& datagram) {
  const auto body = BodyOf<ControlBody>(datagram);
  std::uint64_t answers = link.controls.Answer(body.nonce);
  if (answers == 0) {
    ++counters_.answers_late;
    return;
  }
  ControlView view;
  view.incarnation = link.incarnation;
  view.promised = {.ballot = paxos::Ballot::FromPacked(body.ballot), .number = body.number};
  std::copy(body.words.begin(), body.words.end(), view.words);
  for (; answers != 0; --answers) {
    ++events_;
    handler_->OnControl(link.peer, Outcome::kDone, view);
  }
}

void UdpTransport::TakeAskLog(Link& link, const LogBody& body) {
  if (HoldsLatest(link, body.ballot, body.number)) {
    if (body.bytes <= options_.capacity) {
      SendLog(link, body);
    }
    return;
  }
  const Grant grant = {.ballot = paxos::Ballot::FromPacked(body.ballot), .number = body.number};
  link.fenced_due = link.fenced_due || grant < latest_grant_;
}

void UdpTransport::TakeLog(Link& link, const Datagram& datagram) {
  const auto body = BodyOf<LogBody>(datagram);
  if (!read_.active() || read_.peer() != link.peer || read_.number() != body.read ||
      !read_.Take(Position(body.position), BytesOf<LogBody>(datagram))) {
    ++counters_.answers_late;
    return;
  }
  ++link.log_pieces;
  link.report_due = link.report_due || read_.complete();
}

}  // namespace gaios::transport::udp

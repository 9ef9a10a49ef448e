// Datagrams that go out.

#include <algorithm>
#include <array>
#include <cstring>

#include "gaios/transport/udp/udp_transport.h"

namespace gaios::transport::udp {

// Empty when the port has no room even after it has sent what waits.
std::span<std::byte> UdpTransport::ClaimDatagram() {
  std::span<std::byte> buffer = port_->Claim();
  if (buffer.empty()) [[unlikely]] {
    port_->Flush();
    buffer = port_->Claim();
  }
  return buffer;
}

void UdpTransport::WriteHeader(const Link& link, Kind kind, std::span<std::byte> buffer) const {
  const Header header = {.kind = static_cast<std::uint8_t>(kind),
                         .from = options_.self.value(),
                         .to = link.peer.value(),
                         .group = addressee_.group,
                         .from_incarnation = options_.incarnation.value(),
                         .to_incarnation = link.incarnation.value(),
                         .tag = link.tag_out};
  std::memcpy(buffer.data(), &header, sizeof(header));
}

// Completes the datagram whose body stands in `buffer`, and queues it.
void UdpTransport::SendClaimed(Link& link, Kind kind, std::span<std::byte> buffer, std::size_t body_bytes) {
  const bool encrypts = link.seal.encrypts();
  if (encrypts) {
    buffer[sizeof(Header) + body_bytes] = static_cast<std::byte>(kind);
    body_bytes += kKindBytes;
  }
  WriteHeader(link, encrypts ? Kind::kEncrypted : kind, buffer);
  const std::size_t bytes = sizeof(Header) + body_bytes + kTrailerBytes;
  if (link.seal.Close(buffer.first(bytes))) [[likely]] {
    port_->Send(bytes, link.endpoint);
  }
}

// False when there is no room.
template <typename Body>
bool UdpTransport::SendDatagram(Link& link, Kind kind, const Body& body, std::span<const std::byte> bytes) {
  const std::span<std::byte> buffer = ClaimDatagram();
  if (buffer.empty()) [[unlikely]] {
    return false;
  }
  std::memcpy(buffer.data() + sizeof(Header), &body, sizeof(body));
  if (!bytes.empty()) {
    std::memcpy(buffer.data() + sizeof(Header) + sizeof(body), bytes.data(), bytes.size());
  }
  SendClaimed(link, kind, buffer, sizeof(body) + bytes.size());
  return true;
}
template bool UdpTransport::SendDatagram(Link&, Kind, const GrantBody&, std::span<const std::byte>);
template bool UdpTransport::SendDatagram(Link&, Kind, const MessageBody&, std::span<const std::byte>);
template bool UdpTransport::SendDatagram(Link&, Kind, const AskControlBody&, std::span<const std::byte>);
template bool UdpTransport::SendDatagram(Link&, Kind, const ControlBody&, std::span<const std::byte>);
template bool UdpTransport::SendDatagram(Link&, Kind, const LogBody&, std::span<const std::byte>);

// Sends the piece that the sender of the link has given. False when there is no room.
bool UdpTransport::SendPiece(Link& link, const Piece& piece) {
  const std::span<std::byte> buffer = ClaimDatagram();
  if (buffer.empty()) [[unlikely]] {
    return false;
  }
  const WriteBody body = {.ballot = link.path.grant.ballot.packed(),
                          .number = link.path.grant.number,
                          .sequence = link.sender.next_sequence(),
                          .position = piece.position.value(),
                          .stamp_ns = now_ns_,
                          .words = piece.words,
                          .bytes = piece.bytes,
                          .word_set = piece.word_set};
  std::memcpy(buffer.data() + sizeof(Header), &body, sizeof(body));
  std::uint64_t loan = 0;
  if (const std::span<const std::byte> lent = Lendable(link, piece); !lent.empty()) {
    loan = SendLent(link, buffer, lent);
  } else {
    CopyOut(log_, piece.position, buffer.subspan(sizeof(Header) + sizeof(body), piece.bytes));
    SendClaimed(link, Kind::kWrite, buffer, sizeof(body) + piece.bytes);
  }
  link.sender.Sent(now_ns_, loan);
  return true;
}

// The bytes of a piece in the ring, where the port is to send them from there. Empty: by a copy. What is
// encrypted is another's bytes, and what goes round the end of the ring are two pieces.
std::span<const std::byte> UdpTransport::Lendable(const Link& link, const Piece& piece) const {
  const std::size_t at = piece.position.value() & (log_.capacity - 1);
  if (piece.bytes < port_->least_loan() || link.seal.encrypts() || at + piece.bytes > log_.capacity) {
    return {};
  }
  return {log_.ring + at, piece.bytes};
}

// Completes the datagram of a write whose body stands in `buffer`, and whose bytes are `lent`. Returns the
// loan; 0: there is none.
std::uint64_t UdpTransport::SendLent(Link& link, std::span<std::byte> buffer,
                                     std::span<const std::byte> lent) {
  constexpr std::size_t kHeadBytes = sizeof(Header) + sizeof(WriteBody);
  WriteHeader(link, Kind::kWrite, buffer);
  if (!link.seal.CloseAround(buffer.first(kHeadBytes), lent, buffer.subspan<kHeadBytes, kTrailerBytes>()))
      [[unlikely]] {
    return 0;
  }
  return port_->SendLent(kHeadBytes, lent, kTrailerBytes, link.endpoint);
}

// A ping or pong that makes a datagram of `payload_bytes`.
void UdpTransport::SendPing(Link& link, Kind kind, std::uint64_t stamp_ns, std::size_t payload_bytes) {
  const std::span<std::byte> buffer = ClaimDatagram();
  if (buffer.empty()) {
    return;
  }
  const PingBody body = {.stamp_ns = stamp_ns};
  const std::size_t body_bytes =
      payload_bytes - sizeof(Header) - kTrailerBytes - (link.seal.encrypts() ? kKindBytes : 0);
  std::memcpy(buffer.data() + sizeof(Header), &body, sizeof(body));
  std::fill_n(buffer.data() + sizeof(Header) + sizeof(body), body_bytes - sizeof(body), std::byte{0});
  SendClaimed(link, kind, buffer, body_bytes);
}

void UdpTransport::SendAck(Link& link) {
  std::array<std::uint64_t, kMaxBitmapWords> bitmap;
  const AckBody body = {
      .ballot = latest_grant_.ballot.packed(),
      .number = latest_grant_.number,
      .cumulative = receiver_.cumulative(),
      .stamp_ns = link.ack_stamp_ns,
      .held_ns = static_cast<std::uint32_t>(std::min<std::uint64_t>(now_ns_ - link.ack_since_ns, UINT32_MAX)),
      .bitmap_words = receiver_.Bitmap(bitmap)};
  const std::span<std::byte> buffer = ClaimDatagram();
  if (buffer.empty()) {
    return;  // with the next Poll
  }
  const std::size_t bitmap_bytes = body.bitmap_words * sizeof(std::uint64_t);
  std::memcpy(buffer.data() + sizeof(Header), &body, sizeof(body));
  std::memcpy(buffer.data() + sizeof(Header) + sizeof(body), bitmap.data(), bitmap_bytes);
  SendClaimed(link, Kind::kAck, buffer, sizeof(body) + bitmap_bytes);
  link.ack_due = false;
  ++counters_.acks_sent;
}

// Answers a question for bytes of the own log. What does not fit the port's queue is asked for again.
void UdpTransport::SendLog(Link& link, const LogBody& asked) {
  const std::size_t piece_bytes = PieceBytes(link);
  const std::size_t whole = std::min<std::size_t>(asked.bytes, LogRead::kStretch * piece_bytes);
  for (std::size_t done = 0; done < whole; done += piece_bytes) {
    const std::span<std::byte> buffer = ClaimDatagram();
    if (buffer.empty()) {
      return;
    }
    LogBody body = asked;
    body.position = asked.position + done;
    body.bytes = static_cast<std::uint32_t>(std::min(piece_bytes, whole - done));
    std::memcpy(buffer.data() + sizeof(Header), &body, sizeof(body));
    CopyOut(log_, Position(body.position), buffer.subspan(sizeof(Header) + sizeof(body), body.bytes));
    SendClaimed(link, Kind::kLog, buffer, sizeof(body) + body.bytes);
  }
}

void UdpTransport::SendOwed(Link& link) {
  if (!link.up()) {
    return;
  }
  if (link.ack_due) {
    SendAck(link);
  }
  const GrantBody latest = {.ballot = latest_grant_.ballot.packed(), .number = latest_grant_.number};
  if (link.fenced_due) [[unlikely]] {
    link.fenced_due = !SendDatagram(link, Kind::kFenced, latest);
  }
  if (link.grant.Ring(now_ns_, options_.max_timeout_ns)) [[unlikely]] {
    (void)SendDatagram(link, Kind::kGrant, latest);
  }
}

}  // namespace gaios::transport::udp

#include "gaios/rsm/client/network/ring_stream.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "gaios/base/check.h"

namespace gaios::rsm {

using transport::udp::Drop;
using transport::udp::Endpoint;
using transport::udp::Port;

RingStream::RingStream(NetworkKind sends, const StreamRings& rings, const StreamTerms& terms,
                       transport::udp::Seal seal, std::uint64_t now_ns)
    : sends_(sends),
      rings_(rings),
      terms_(terms),
      piece_bytes_(terms.payload_bytes - kNetworkOverheadBytes),
      seal_(std::move(seal)),
      heard_ns_(now_ns) {
  GAIOS_CHECK(std::has_single_bit(rings.out.size()) && std::has_single_bit(rings.in.size()),
              "rings are powers of two long");
}

// ---- what comes in

std::optional<Drop> RingStream::Take(NetworkDatagram& datagram, std::span<std::byte> payload,
                                     std::uint64_t now_ns) {
  const NetworkHeader& header = datagram.header;
  if (header.tag != terms_.tag_in) {
    return Drop::kStale;
  }
  if (datagram.encrypted != seal_.encrypts()) {
    return Drop::kOtherSeal;
  }
  if (const std::optional<Drop> drop = seal_.Open(payload); drop.has_value()) {
    return drop;
  }
  if (datagram.encrypted) {
    if (const std::optional<Drop> drop = ParseDecrypted(payload, datagram); drop.has_value()) {
      return drop;
    }
  }
  if (!Plausible(datagram)) {
    return Drop::kMalformed;
  }
  ++counters_.taken;
  heard_ns_ = now_ns;
  ack_now_ |= header.answer != 0;
  TakeTimes(header, now_ns);
  TakeAck(header, now_ns);
  TakeBytes(header.position, datagram.bytes);
  return std::nullopt;
}

// Nothing is acknowledged that was not sent, and nothing comes for which there is no room.
bool RingStream::Plausible(const NetworkDatagram& datagram) const {
  const NetworkHeader& header = datagram.header;
  return header.received <= sent_ && header.gap_end <= sent_ &&
         (header.bytes == 0 || header.position + header.bytes <= Consumed() + rings_.in.size());
}

void RingStream::TakeTimes(const NetworkHeader& header, std::uint64_t now_ns) {
  if (header.stamp_ns >= echo_ns_) {
    echo_ns_ = header.stamp_ns;
    echo_came_ns_ = now_ns;
  }
  if (header.echo_ns > echoed_ns_ && header.echo_ns <= now_ns) {
    echoed_ns_ = header.echo_ns;
    const std::uint64_t since_ns = now_ns - header.echo_ns;
    rtt_.Sample(since_ns - std::min<std::uint64_t>(since_ns, header.held_ns));
  }
}

void RingStream::TakeAck(const NetworkHeader& header, std::uint64_t now_ns) {
  if (header.consumed > peer_consumed_) {
    peer_consumed_ = header.consumed;
    ask_after_ns_ = kAskRoomNs;
    rings_.out_indexes->head.store(peer_consumed_, std::memory_order_release);
  }
  if (header.received > acked_) {
    const std::uint64_t pieces = (header.received - acked_ + piece_bytes_ - 1) / piece_bytes_;
    window_.OnAcked(static_cast<std::uint32_t>(pieces));
    acked_ = header.received;
    next_ = std::max(next_, acked_);
    repair_ = std::max(repair_, acked_);
    repair_end_ = std::max(repair_end_, repair_);
    timer_ns_ = now_ns;
    waiting_ns_ = now_ns;
    rtt_.Progress();
  }
  // A gap is filled once; what is lost of that, the timeout finds.
  if (header.received == acked_ && header.beyond >= kReordering && repair_end_ <= acked_) {
    repair_ = acked_;
    repair_end_ = header.gap_end;
    window_.OnLost(static_cast<std::uint32_t>((repair_end_ - repair_ + piece_bytes_ - 1) / piece_bytes_));
  }
}

void RingStream::TakeBytes(std::uint64_t position, std::span<const std::byte> bytes) {
  if (bytes.empty()) {
    return;
  }
  const std::uint64_t end = position + bytes.size();
  if (end <= received_) {
    ++counters_.again;
    ack_now_ = true;  // what told that it was here has been lost, or is late
    return;
  }
  const std::uint64_t begin = std::max(position, received_);
  CopyIn(begin, bytes.subspan(static_cast<std::size_t>(begin - position)));
  if (begin > received_) {
    ack_now_ = true;
    if (KeepRange({begin, end})) {
      beyond_ = static_cast<std::uint8_t>(std::min<unsigned>(beyond_ + 1U, UINT8_MAX));
    } else {
      ++counters_.again;
    }
    return;
  }
  received_ = end;
  std::size_t joined = 0;
  for (; joined < range_count_ && ranges_.at(joined).begin <= received_; ++joined) {
    received_ = std::max(received_, ranges_.at(joined).end);
  }
  std::copy(ranges_.begin() + static_cast<std::ptrdiff_t>(joined),
            ranges_.begin() + static_cast<std::ptrdiff_t>(range_count_), ranges_.begin());
  range_count_ -= joined;
  if (range_count_ == 0) {
    beyond_ = 0;
  }
  ack_now_ |= joined != 0 || range_count_ != 0 || received_ - told_received_ >= 2 * piece_bytes_;
  Publish();
}

// Remembers what is here beyond a gap. False: it is known, or there are so many gaps that it comes again.
bool RingStream::KeepRange(Range range) {
  std::size_t first = 0;
  while (first < range_count_ && ranges_.at(first).end < range.begin) {
    ++first;
  }
  std::size_t last = first;  // behind those that touch it
  while (last < range_count_ && ranges_.at(last).begin <= range.end) {
    if (ranges_.at(last).begin <= range.begin && ranges_.at(last).end >= range.end) {
      return false;
    }
    range.begin = std::min(range.begin, ranges_.at(last).begin);
    range.end = std::max(range.end, ranges_.at(last).end);
    ++last;
  }
  if (first == last && range_count_ == kMostRanges) {
    return false;
  }
  const std::array<Range, kMostRanges> before = ranges_;
  ranges_.at(first) = range;
  std::copy(before.begin() + static_cast<std::ptrdiff_t>(last),
            before.begin() + static_cast<std::ptrdiff_t>(range_count_),
            ranges_.begin() + static_cast<std::ptrdiff_t>(first + 1));
  range_count_ = range_count_ - (last - first) + 1;
  return true;
}

// The reader of a ring expects whole records, and a filler together with what follows it.
void RingStream::Publish() {
  while (received_ - walked_ >= sizeof(RecordHeader)) {
    // Records are aligned, so that no header lies across the end of a lap.
    const auto at = static_cast<std::size_t>(walked_ & (rings_.in.size() - 1));
    RecordHeader header;
    std::memcpy(&header, rings_.in.data() + at, sizeof(header));
    const std::size_t size = RecordBytes(header.bytes);
    const std::size_t to_end = rings_.in.size() - at;
    if (header.filler > 1 || size > to_end) {
      broken_ = true;
      return;
    }
    if (received_ - walked_ < size) {
      break;
    }
    walked_ += size;
    if (header.filler == 0) {
      published_ = walked_;
    }
  }
  rings_.in_indexes->tail.store(published_, std::memory_order_release);
}

// ---- what goes out

bool RingStream::SendDue(Port& port, Endpoint to, std::uint64_t now_ns) {
  if (broken_) {
    return false;
  }
  RunTimer(now_ns);
  bool any = false;
  while (repair_ < repair_end_) {
    const std::uint64_t end = std::min(repair_ + piece_bytes_, repair_end_);
    if (!SendPiece(port, to, now_ns, repair_, end, false)) {
      return any;
    }
    repair_ = end;
    any = true;
  }
  const std::uint64_t published = Published();
  while (next_ < published && next_ - acked_ < window_.size() * piece_bytes_ &&
         window_.Paced(now_ns, rtt_.smoothed_ns())) {
    const std::uint64_t end = std::min<std::uint64_t>(next_ + piece_bytes_, published);
    if (!SendPiece(port, to, now_ns, next_, end, false)) {
      return any;
    }
    window_.OnSent();
    next_ = end;
    if (next_ > sent_) {
      if (idle()) {
        timer_ns_ = waiting_ns_ = now_ns;
      }
      sent_ = next_;
    }
    any = true;
  }
  if (!any) {
    const bool answer = AnswerIsWanted(now_ns);
    any = (answer || AckIsDue(now_ns)) && SendPiece(port, to, now_ns, next_, next_, answer);
  }
  return any;
}

void RingStream::RunTimer(std::uint64_t now_ns) {
  if (idle() || now_ns < timer_ns_ + rtt_.timeout_ns()) {
    return;
  }
  rtt_.BackOff();
  window_.OnTimeout();
  ++counters_.timeouts;
  timer_ns_ = now_ns;
  next_ = acked_;
  repair_ = repair_end_ = acked_;
}

bool RingStream::AckIsDue(std::uint64_t now_ns) {
  const std::uint64_t consumed = Consumed();
  if (ack_now_ || consumed - told_consumed_ >= rings_.in.size() / 4) {
    return true;
  }
  if (received_ == told_received_ && consumed == told_consumed_) {
    return false;
  }
  if (ack_at_ns_ == 0) {
    ack_at_ns_ = now_ns + kAckDelayNs;
  }
  return now_ns >= ack_at_ns_;
}

// Whether to ask the other end to say something: how much room there is, when it has not taken everything
// out and what told of it may be lost; or, of a client, only to be heard.
bool RingStream::AnswerIsWanted(std::uint64_t now_ns) {
  const bool room = idle() && peer_consumed_ != acked_;
  if (!room && sends_ != NetworkKind::kRequests) {
    return false;
  }
  const std::uint64_t after_ns = room ? ask_after_ns_ : kKeepAliveNs;
  if (now_ns < std::max(heard_ns_, asked_ns_) + after_ns) {
    return false;
  }
  asked_ns_ = now_ns;
  if (room) {
    ask_after_ns_ = std::min(2 * ask_after_ns_, kKeepAliveNs);
  }
  return true;
}

bool RingStream::SendPiece(Port& port, Endpoint to, std::uint64_t now_ns, std::uint64_t position,
                           std::uint64_t end, bool answer) {
  std::span<std::byte> buffer = port.Claim();
  if (buffer.empty()) {
    port.Flush();
    buffer = port.Claim();
    if (buffer.empty()) {
      return false;
    }
  }
  const auto bytes = static_cast<std::size_t>(end - position);
  NetworkHeader header;
  header.kind =
      static_cast<std::uint8_t>(static_cast<std::uint8_t>(sends_) | (seal_.encrypts() ? kEncryptedFlag : 0U));
  header.place = terms_.place;
  header.group = terms_.group;
  header.tag = terms_.tag_out;
  header.position = position;
  header.received = told_received_ = received_;
  header.consumed = told_consumed_ = Consumed();
  header.gap_end = range_count_ == 0 ? 0 : ranges_.front().begin;
  header.stamp_ns = now_ns;
  const std::uint64_t held_ns = now_ns - echo_came_ns_;
  if (echo_ns_ != 0 && held_ns <= std::numeric_limits<std::uint32_t>::max()) {
    header.echo_ns = echo_ns_;
    header.held_ns = static_cast<std::uint32_t>(held_ns);
  }
  header.bytes = static_cast<std::uint16_t>(bytes);
  header.answer = answer ? 1 : 0;
  header.beyond = beyond_;
  std::memcpy(buffer.data(), &header, sizeof(header));
  CopyOut(position, buffer.subspan(sizeof(header), bytes));
  const std::size_t size = kNetworkOverheadBytes + bytes;
  if (!seal_.Close(buffer.first(size))) {
    broken_ = true;  // the numbers have run out
    return false;
  }
  port.Send(size, to);
  ++counters_.sent;
  counters_.sent_again += bytes != 0 && position < sent_ ? 1 : 0;
  ack_now_ = false;
  ack_at_ns_ = 0;
  return true;
}

std::uint64_t RingStream::SilentNs(std::uint64_t now_ns) const {
  return idle() ? 0 : now_ns - std::max(waiting_ns_, heard_ns_);
}

// ---- rings

void RingStream::CopyIn(std::uint64_t position, std::span<const std::byte> bytes) {
  const auto at = static_cast<std::size_t>(position & (rings_.in.size() - 1));
  const std::size_t first = std::min(bytes.size(), rings_.in.size() - at);
  std::memcpy(rings_.in.data() + at, bytes.data(), first);
  std::memcpy(rings_.in.data(), bytes.data() + first, bytes.size() - first);
}

void RingStream::CopyOut(std::uint64_t position, std::span<std::byte> bytes) const {
  if (bytes.empty()) {
    return;
  }
  const auto at = static_cast<std::size_t>(position & (rings_.out.size() - 1));
  const std::size_t first = std::min(bytes.size(), rings_.out.size() - at);
  std::memcpy(bytes.data(), rings_.out.data() + at, first);
  std::memcpy(bytes.data() + first, rings_.out.data(), bytes.size() - first);
}

}  // namespace gaios::rsm

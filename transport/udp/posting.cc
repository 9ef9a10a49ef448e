// What is posted to peers' logs and control regions, and how it completes.

#include <optional>

#include "gaios/transport/udp/udp_transport.h"

namespace gaios::transport::udp {

// Decides about an operation that does not simply belong to the path: it is late, early, or there is no path.
Post UdpTransport::Admit(Link& link, Operation operation, const Grant& grant, Incarnation acceptor,
                         std::uint64_t token) {
  const Path& path = link.path;
  if (!link.up() || path.state == PathState::kNone) {
    return Post::kDown;
  }
  if (acceptor > path.acceptor || (acceptor == path.acceptor && grant > path.grant)) {
    return Post::kDown;  // not granted yet, as far as is known here
  }
  link.posted.PushDecided(link.peer, operation, grant, token, Outcome::kFenced);
  link.report_due = true;
  return Post::kPosted;
}

Post UdpTransport::Write(ReplicaId peer, Grant grant, Incarnation acceptor, Range range,
                         std::uint64_t token) {
  Link& link = LinkTo(peer);
  GAIOS_CHECK(range.size() <= options_.capacity, "a range of the log fits into its ring");
  if (link.posted.full()) [[unlikely]] {
    return Post::kFull;
  }
  if (!link.path.Is(grant, acceptor)) [[unlikely]] {
    return Admit(link, Operation::kWrite, grant, acceptor, token);
  }
  link.posted.Push(peer, Operation::kWrite, grant, token).range = range;
  return Post::kPosted;
}

Post UdpTransport::WriteWord(ReplicaId peer, Grant grant, Incarnation acceptor, LogWord which,
                             std::uint64_t value, std::uint64_t token) {
  Link& link = LinkTo(peer);
  if (link.posted.full()) [[unlikely]] {
    return Post::kFull;
  }
  if (!link.path.Is(grant, acceptor)) [[unlikely]] {
    return Admit(link, Operation::kWriteWord, grant, acceptor, token);
  }
  PostedOperation& posted = link.posted.Push(peer, Operation::kWriteWord, grant, token);
  posted.word = which;
  posted.value = value;
  return Post::kPosted;
}

Post UdpTransport::ReadLog(ReplicaId peer, Grant grant, Incarnation acceptor, Range range,
                           std::uint64_t token) {
  Link& link = LinkTo(peer);
  GAIOS_CHECK(range.from <= range.to && range.size() <= std::min(options_.capacity, paxos::kMaxWriteBytes),
              "a read of the log takes kMaxWriteBytes at most");
  if (link.posted.full() || read_.active()) [[unlikely]] {
    return Post::kFull;
  }
  if (!link.path.Is(grant, acceptor)) [[unlikely]] {
    return Admit(link, Operation::kReadLog, grant, acceptor, token);
  }
  link.posted.Push(peer, Operation::kReadLog, grant, token).range = range;
  read_.Reserve(peer, grant, range);
  return Post::kPosted;
}

Post UdpTransport::ReadControl(ReplicaId peer) {
  Link& link = LinkTo(peer);
  if (!link.up()) {
    return Post::kDown;
  }
  if (link.controls.full()) {
    return Post::kFull;
  }
  link.controls.Post();
  return Post::kPosted;
}

void UdpTransport::Send(ReplicaId peer, std::span<const std::byte> message) {
  Link& link = LinkTo(peer);
  GAIOS_CHECK(message.size() <= paxos::kMaxMessageBytes, "a message is at most kMaxMessageBytes long");
  const MessageBody body = {.bytes = static_cast<std::uint32_t>(message.size())};
  if (link.up() && SendDatagram(link, Kind::kMessage, body, message)) {
    ++counters_.messages_sent;
  } else {
    ++counters_.messages_dropped;
  }
}

void UdpTransport::Abandon(ReplicaId peer) {
  DropPath(LinkTo(peer), Outcome::kDown, PathState::kNone);
}

// The path is over, or makes way for another; all that is posted on it has this outcome. When it returns no
// byte of the ring is read for it any more (P8), and no read of it lands (P4).
void UdpTransport::DropPath(Link& link, Outcome outcome, PathState state) {
  if (read_.active() && read_.peer() == link.peer) {
    read_.End();
  }
  link.posted.DecideAll(outcome);
  link.report_due = !link.posted.empty();
  if (link.sender.latest_loan() != 0) {
    port_->EndLoans(link.sender.latest_loan());
  }
  link.sender.Restart();
  link.path.state = state;
}

// Reports what is done or decided, as far as nothing older is open.
std::size_t UdpTransport::Report(Link& link, EventHandler& handler) {
  link.report_due = false;
  std::size_t events = 0;
  // The latest write or word that is done: its report is that of those before it.
  std::optional<Completion> done;
  const auto report_done = [&] {
    if (done.has_value()) {
      const Completion completion = *done;
      done.reset();
      handler.OnCompletion(completion);
      ++events;
    }
  };
  while (!link.posted.empty()) {
    const PostedOperation& oldest = link.posted.front();
    const Completion completion = oldest.completion;
    const bool read = completion.operation == Operation::kReadLog;
    if (!oldest.decided) {
      if (!oldest.cut || oldest.last_sequence > link.sender.settled() || (read && !read_.complete())) {
        break;
      }
      link.posted.Pop();
      if (!read) [[likely]] {
        done = completion;
        continue;
      }
      // Before its report, and before a handler may end the path.
      read_.Land(log_);
      read_.End();
    } else {
      link.posted.Pop();
    }
    report_done();
    handler.OnCompletion(completion);
    ++events;
  }
  report_done();
  return events;
}

void UdpTransport::Transmit(Link& link) {
  for (;;) {
    if (const Piece* const piece = link.sender.Next(link.posted, now_ns_); piece != nullptr) {
      if (!SendPiece(link, *piece)) {
        return;
      }
      continue;
    }
    // A read begins behind what was posted before it.
    PostedOperation* const next = link.posted.ToCut();
    if (next == nullptr || next->completion.operation != Operation::kReadLog) {
      return;
    }
    next->cut = true;
    next->last_sequence = link.sender.last();
    read_.Begin(PieceBytes(link));
    link.report_due = true;  // there may be nothing to read
  }
}

void UdpTransport::TransmitAll() {
  for (Link& link : used_) {
    if (!link.up()) {
      continue;
    }
    if (link.path.state == PathState::kOpen) {
      Transmit(link);
    }
    const std::uint64_t timeout_ns = link.sender.rtt().timeout_ns();
    if (const std::uint64_t nonce = link.controls.ToAsk(now_ns_, timeout_ns); nonce != 0) {
      if (SendDatagram(link, Kind::kAskControl, AskControlBody{.nonce = nonce})) {
        link.controls.Asked(now_ns_);
      }
    }
  }
  if (read_.active()) [[unlikely]] {
    Link& link = links_[read_.peer().value()];
    if (const std::optional<Range> range = read_.ToAsk(now_ns_, link.sender.rtt().timeout_ns())) {
      (void)SendDatagram(link, Kind::kAskLog,
                         LogBody{.ballot = read_.grant().ballot.packed(),
                                 .number = read_.grant().number,
                                 .read = read_.number(),
                                 .position = range->from.value(),
                                 .bytes = static_cast<std::uint32_t>(range->size())});
    }
  }
}

}  // namespace gaios::transport::udp

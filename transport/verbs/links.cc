// Links: how they come and go, what they carry beside writes, and what peers say of their grants.

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/transport/verbs/verbs_transport.h"

namespace gaios::transport::verbs {
namespace {

// The share of a new sample in the smoothed round trip is one of so many.
constexpr std::uint64_t kRttSmoothing = 8;

}  // namespace

std::size_t VerbsTransport::TakeNews(EventHandler& handler) {
  std::size_t events = 0;
  bool failed = false;
  for (News& news : connector_->TakeNews()) {
    Link& link = links_[news.peer.value()];
    const bool current = link.state != LinkState::kClosed && link.life == news.life;
    switch (news.kind) {
      case News::Kind::kConnected:
        Connected(std::move(news));
        break;
      case News::Kind::kReady:
        if (current) {
          Greet(link);
        }
        break;
      case News::Kind::kLost:
        if (current) {
          events += CloseLink(link, handler);
        }
        break;
      case News::Kind::kOwnPair:
        if (current && !link.own.pair) {
          link.own = {.id = news.id, .pair = std::move(news.pair)};
          attention_ |= link.bit;
        } else {
          connector_->Ask({.kind = Task::Kind::kDestroy, .pair = std::move(news.pair)});
        }
        break;
      case News::Kind::kPeerPair:
        if (!current) {
          connector_->Ask({.kind = Task::Kind::kDestroy, .pair = std::move(news.pair)});
          break;
        }
        if (link.theirs.size() == kPreparedPairs) {
          DropPrepared(link, link.theirs.front().id + 1);
        }
        link.theirs.push_back({.id = news.id, .pair = std::move(news.pair)});
        break;
      case News::Kind::kRegistration:
        spare_asked_ = false;
        spare_ = std::move(news.region);
        break;
      case News::Kind::kNoLoopback:
        flush_fails_ = true;
        break;
      case News::Kind::kLoopback:
        loopback_asked_ = false;
        loopback_ = std::move(news.pair);
        loopback_answering_ = std::move(news.answering);
        break;
      case News::Kind::kDeviceEvent:
        ++counters_.device_events;
        break;
      case News::Kind::kDeviceLost:
        failed = true;
        break;
      case News::Kind::kPortDown:
        ++counters_.port_failures;
        port_down_ = true;
        events += CloseLinks(handler);
        break;
      case News::Kind::kPortUp:
        port_down_ = false;
        break;
    }
  }
  return failed ? events + LoseDevice("has failed, as it says itself", handler) : events;
}

std::size_t VerbsTransport::CloseLinks(EventHandler& handler) {
  std::size_t events = 0;
  for (Link& link : links_) {
    if (link.state != LinkState::kClosed) {
      events += CloseLink(link, handler);
    }
  }
  return events;
}

// What has been posted is not known any more, and nothing that will be posted would be. So every link ends,
// here and thereby at the peers. Grants are given without it from now on.
std::size_t VerbsTransport::LoseDevice(std::string_view what, EventHandler& handler) {
  if (lost_) {
    return 0;  // it has told of that, and been found out too
  }
  lost_ = true;
  ++counters_.devices_lost;
  connector_->Lose(absl::StrCat("RDMA device ", device_->facts().name, " ", std::string(what),
                                ": it was taken away, or its driver has failed. No link goes by it any more; "
                                "look into the kernel's log "
                                "(dmesg). ",
                                DestroysWhenLost(device_->facts())
                                    ? "Start this replica again when the device is back"
                                    : "Nobody vouches that it has let go of the log, so this replica "
                                      "promises nothing to anybody any more, "
                                      "by no path: start it again, which can be done without the device "
                                      "where links have another path"));
  const std::size_t events = CloseLinks(handler);
  chained_ = 0;
  attention_ = 0;
  return events;
}

// Of a device that is lost: links go back to the connector, all else goes with its letter.
void VerbsTransport::RefuseNews() {
  if (!connector_->any_news()) {
    return;
  }
  for (News& news : connector_->TakeNews()) {
    if (news.kind == News::Kind::kConnected) {
      connector_->Ask(
          {.kind = Task::Kind::kClose, .peer = news.peer, .life = news.life, .pair = std::move(news.pair)});
    }
  }
}

void VerbsTransport::Connected(News news) {
  Link& link = links_[news.peer.value()];
  GAIOS_CHECK(link.state == LinkState::kClosed,
              "the connector makes a link when the one before was given back");
  link.state = LinkState::kConnected;
  link.life = news.life;
  link.incarnation = news.incarnation;
  link.control = std::move(news.pair);
  link.control_address = news.hello.control_address;
  link.control_key = news.hello.control_key;
  link.log_address = news.hello.log_address;
  link.reads = {};
  link.rtt_ns = 0;
  link.ask = false;
  link.broken = link.refused = false;
  link.sent = link.taken_there = link.taken = link.taken_told = 0;
  link.free_sends = ~std::uint32_t{0};
  static_assert(kSendSlots == 32);
  link.grant_untold = link.fence_untold = false;
  link.waiting = 0;
  // What the peer sends from now on finds this link.
  connector_->Ask({.kind = Task::Kind::kTellReady, .peer = link.peer, .life = link.life});
}

// The peer's end takes messages, as the channel says. That goes another way than what it is about: a link is
// up when the peer's memory has been read.
void VerbsTransport::Greet(Link& link) {
  if (link.state == LinkState::kConnected) {
    (void)StartControl(link, Look::kGreet);
  }
}

std::size_t VerbsTransport::BringUp(Link& link, EventHandler& handler) {
  if (link.state != LinkState::kConnected) {
    return 0;
  }
  link.state = LinkState::kUp;
  ++counters_.links_up;
  connector_->Ask({.kind = Task::Kind::kUp, .peer = link.peer, .life = link.life});
  handler.OnLinkUp(link.peer, link.incarnation);
  return 1;
}

// Everything posted is answered before the end of the link is. Its control queue pair goes back to the
// connector, which makes the next one when this one is gone.
std::size_t VerbsTransport::CloseLink(Link& link, EventHandler& handler) {
  const bool was_up = link.up();
  const bool unanswered = link.broken && !was_up && !link.refused;
  const bool refused = link.refused && !was_up;
  link.state = LinkState::kClosed;
  DropPath(link, Outcome::kDown, PathState::kNone);
  link.broken = link.refused = false;
  link.grant_untold = link.fence_untold = false;
  link.waiting = 0;
  const std::uint32_t looks = std::exchange(link.reads.reported, 0);
  link.reads = {};
  if (link.own.pair) {
    connector_->Ask({.kind = Task::Kind::kDestroy, .pair = std::exchange(link.own.pair, QueuePair())});
  }
  for (PreparedPair& prepared : link.theirs) {
    connector_->Ask({.kind = Task::Kind::kDestroy, .pair = std::move(prepared.pair)});
  }
  link.theirs.clear();
  connector_->Ask({.kind = Task::Kind::kClose,
                   .peer = link.peer,
                   .life = link.life,
                   .unanswered = unanswered,
                   .refused = refused,
                   .pair = std::exchange(link.control, QueuePair())});
  if (!was_up) {
    return 0;
  }
  ++counters_.links_down;
  const std::size_t events = ReportDecided(link, handler);
  for (std::uint32_t i = 0; i < looks; ++i) {
    handler.OnControl(link.peer, Outcome::kDown, {});
  }
  handler.OnLinkDown(link.peer);
  return events + looks + 1;
}

// What is off the fast path, for links that have some of it.
std::size_t VerbsTransport::Attend(EventHandler& handler) {
  if (device_fails_) {
    return LoseDevice("does not answer", handler);
  }
  std::size_t events = 0;
  for (std::uint32_t rest = std::exchange(attention_, 0); rest != 0; rest &= rest - 1) {
    Link& link = links_[static_cast<std::size_t>(std::countr_zero(rest))];
    if (link.broken) {
      events += CloseLink(link, handler);
      continue;
    }
    events += ReportDecided(link, handler);
    if (link.ask && link.up()) {
      if (StartControl(link, Look::kAsk)) {
        link.ask = false;
        link.asked_life = link.path.life;
      } else {
        attention_ |= link.bit;
      }
    }
    SendWaiting(link);
  }
  return events;
}

// ---- looks at control regions

Post VerbsTransport::ReadControl(ReplicaId peer) {
  Link& link = LinkTo(peer);
  if (!link.up() || link.broken) {
    return Post::kDown;
  }
  if (link.reads.reported == paxos::kMaxPostedPerLink || link.reads.size == kControlSlots) {
    return Post::kFull;
  }
  return StartControl(link, Look::kPosted) ? Post::kPosted : Post::kDown;
}

bool VerbsTransport::StartControl(Link& link, Look look) {
  ControlReads& reads = link.reads;
  if (reads.size == kControlSlots) {
    return false;
  }
  const std::uint32_t slot = (reads.head + reads.size) % kControlSlots;
  reads.slots[slot] = {.look = look};
  if (!PostControl(link, slot)) {
    return false;
  }
  ++reads.size;
  reads.reported += look == Look::kPosted ? 1 : 0;
  return true;
}

bool VerbsTransport::PostControl(Link& link, std::uint32_t slot) {
  ibv_sge where = {.addr = reinterpret_cast<std::uintptr_t>(local_.control_slot(link.peer.value(), slot)),
                   .length = sizeof(ControlRegion),
                   .lkey = local_registration_.get()->lkey};
  ibv_send_wr work = {};
  work.wr_id =
      WorkId{.kind = WorkKind::kControl, .peer = link.peer.value(), .life = link.life, .number = slot}
          .Packed();
  work.sg_list = &where;
  work.num_sge = 1;
  work.opcode = IBV_WR_RDMA_READ;
  work.send_flags = IBV_SEND_SIGNALED;
  work.wr.rdma.remote_addr = link.control_address;
  work.wr.rdma.rkey = link.control_key;
  ibv_send_wr* bad = nullptr;
  if (device_->PostSend(link.control.handle(), &work, &bad) != 0) {
    ++counters_.posts_failed;
    link.broken = link.refused = true;
    attention_ |= link.bit;
    return false;
  }
  link.reads.slots[slot].posted_ns = options_.clock->NowNs();
  return true;
}

// A look has come back, torn or whole: how long that took, as the loop sees it.
void VerbsTransport::SampleRtt(Link& link, std::uint32_t slot) {
  const std::uint64_t now_ns = options_.clock->NowNs();
  const std::uint64_t posted_ns = link.reads.slots[slot].posted_ns;
  const std::uint64_t sample_ns = std::max<std::uint64_t>(now_ns > posted_ns ? now_ns - posted_ns : 0, 1);
  link.rtt_ns =
      link.rtt_ns == 0 ? sample_ns : link.rtt_ns - link.rtt_ns / kRttSmoothing + sample_ns / kRttSmoothing;
}

std::size_t VerbsTransport::OnControlWork(Link& link, std::uint32_t slot, EventHandler& handler) {
  SampleRtt(link, slot);
  ControlReads& reads = link.reads;
  const auto copy = [&](std::uint32_t at) {
    return std::span<const std::byte>(local_.control_slot(link.peer.value(), at), sizeof(ControlRegion));
  };
  if (!DecodeControl(copy(slot), reads.slots[slot].again).has_value()) {
    ++counters_.controls_torn;
    reads.slots[slot].again = true;
    (void)PostControl(link, slot);
    return 0;
  }
  reads.slots[slot].done = true;
  std::size_t events = 0;
  while (reads.size != 0 && reads.slots[reads.head].done) {
    const ControlReads::Slot oldest = reads.slots[reads.head];
    const std::optional<ControlView> view = DecodeControl(copy(reads.head), oldest.again);
    reads.head = (reads.head + 1) % kControlSlots;
    --reads.size;
    if (oldest.look == Look::kGreet) {
      events += BringUp(link, handler);
      continue;
    }
    if (oldest.look == Look::kAsk) {
      OnAsked(link, *view);
      continue;
    }
    --reads.reported;
    const bool same_life = view->incarnation == link.incarnation;
    handler.OnControl(link.peer, same_life ? Outcome::kDone : Outcome::kDown, *view);
    ++events;
  }
  return events;
}

// What the peer promises after a path to it has failed. It publishes a promise before it fences for it: so
// if it still promises our grant, this was no fence.
void VerbsTransport::OnAsked(Link& link, const ControlView& view) {
  const Path& path = link.path;
  if (path.state != PathState::kBroken || path.life != link.asked_life) {
    return;
  }
  if (view.incarnation == path.acceptor && view.promised <= path.grant) {
    ++counters_.paths_broken;
    DropPath(link, Outcome::kDown, PathState::kNone);
  } else {
    ++counters_.paths_fenced;
    DropPath(link, Outcome::kFenced, PathState::kFenced);
  }
}

// ---- messages

void VerbsTransport::Send(ReplicaId peer, std::span<const std::byte> message) {
  GAIOS_CHECK(message.size() <= paxos::kMaxMessageBytes, "a message has a bounded size");
  Link& link = LinkTo(peer);
  if (!link.up() || link.broken || link.waiting == kWaitingMessages) {
    ++counters_.messages_dropped;
    return;
  }
  // A message never overtakes the grant before it, nor another message.
  if (!link.grant_untold && link.waiting == 0 && CanSend(link)) {
    (void)SendMessage(link, MessageType::kMessage, message);
    return;
  }
  WaitingMessage& waiting = link.messages[(link.waiting_head + link.waiting) % kWaitingMessages];
  waiting.size = static_cast<std::uint16_t>(message.size());
  std::memcpy(waiting.bytes.data(), message.data(), message.size());
  ++link.waiting;
  attention_ |= link.bit;
}

bool VerbsTransport::CanSend(const Link& link) {
  return link.free_sends != 0 && link.sent - link.taken_there < kCredits;
}

bool VerbsTransport::SendMessage(Link& link, MessageType type, std::span<const std::byte> body) {
  const auto slot = static_cast<std::uint32_t>(std::countr_zero(link.free_sends));
  std::byte* const at = local_.send_slot(link.peer.value(), slot);
  const MessageHeader header = {
      .type = type, .size = static_cast<std::uint16_t>(body.size()), .taken = link.taken};
  std::memcpy(at, &header, sizeof(header));
  if (!body.empty()) {
    std::memcpy(at + sizeof(header), body.data(), body.size());
  }
  ibv_sge where = {.addr = reinterpret_cast<std::uintptr_t>(at),
                   .length = static_cast<std::uint32_t>(sizeof(header) + body.size()),
                   .lkey = local_registration_.get()->lkey};
  ibv_send_wr work = {};
  work.wr_id =
      WorkId{.kind = WorkKind::kSend, .peer = link.peer.value(), .life = link.life, .number = slot}.Packed();
  work.sg_list = &where;
  work.num_sge = 1;
  work.opcode = IBV_WR_SEND;
  work.send_flags =
      IBV_SEND_SIGNALED | (where.length <= link.control.inline_bytes() ? unsigned{IBV_SEND_INLINE} : 0U);
  ibv_send_wr* bad = nullptr;
  if (device_->PostSend(link.control.handle(), &work, &bad) != 0) {
    ++counters_.posts_failed;
    link.broken = link.refused = true;
    attention_ |= link.bit;
    return false;
  }
  link.free_sends &= ~(std::uint32_t{1} << slot);
  link.taken_told = link.taken;
  if (type != MessageType::kCredit) {
    ++link.sent;
  }
  if (type == MessageType::kMessage) {
    ++counters_.messages_sent;
  }
  return true;
}

// Sends what has waited, in this order: the end of a grant, a grant, messages; and how many of the peer's
// have been taken, when it does not hear of it otherwise.
void VerbsTransport::SendWaiting(Link& link) {
  if (!link.up() || link.broken) {
    return;
  }
  if (link.fence_untold && CanSend(link)) {
    const Fenced body = {.ballot = link.fenced.ballot.packed(), .number = link.fenced.number};
    link.fence_untold = !SendMessage(link, MessageType::kFenced, std::as_bytes(std::span(&body, 1)));
  }
  if (link.grant_untold) {
    OpenToHolder();
    if (holder_.pair && CanSend(link)) {
      const Granted body = {.ballot = holder_.grant.ballot.packed(),
                            .number = holder_.grant.number,
                            .pair = holder_.pair_id,
                            .key = registration_.get()->rkey};
      link.grant_untold = !SendMessage(link, MessageType::kGranted, std::as_bytes(std::span(&body, 1)));
    }
  }
  while (!link.grant_untold && link.waiting != 0 && CanSend(link) && !link.broken) {
    const WaitingMessage& waiting = link.messages[link.waiting_head];
    if (SendMessage(link, MessageType::kMessage, std::span(waiting.bytes.data(), waiting.size))) {
      link.waiting_head = (link.waiting_head + 1) % kWaitingMessages;
      --link.waiting;
    }
  }
  const bool credit_due = link.taken - link.taken_told >= kCreditStep;
  if (credit_due && link.free_sends != 0 && !link.broken) {
    (void)SendMessage(link, MessageType::kCredit, {});
  }
  if (link.fence_untold || link.grant_untold || link.waiting != 0 ||
      link.taken - link.taken_told >= kCreditStep) {
    attention_ |= link.bit;
  }
}

std::size_t VerbsTransport::OnReceive(Link& link, std::uint32_t slot, std::uint32_t bytes,
                                      EventHandler& handler) {
  // It sends when it knows that this end is ready, and then is itself.
  std::size_t events = BringUp(link, handler);
  std::byte* const at = local_.receive_slot(link.peer.value(), slot);
  const std::optional<DecodedMessage> message =
      bytes <= kMessageSlotBytes ? DecodeMessage(std::span<const std::byte>(at, bytes)) : std::nullopt;
  if (!message.has_value()) {
    ++counters_.messages_malformed;
    link.broken = true;
    attention_ |= link.bit;
    return events;
  }
  const std::uint16_t life = link.life;
  events += OnMessage(link, *message, handler);
  if (!link.up() || link.life != life) {
    return events;  // the news that came with it was that the link, or the device, is lost
  }
  ibv_sge where = {.addr = reinterpret_cast<std::uintptr_t>(at),
                   .length = kMessageSlotBytes,
                   .lkey = local_registration_.get()->lkey};
  ibv_recv_wr work = {};
  work.wr_id =
      WorkId{.kind = WorkKind::kReceive, .peer = link.peer.value(), .life = link.life, .number = slot}
          .Packed();
  work.sg_list = &where;
  work.num_sge = 1;
  ibv_recv_wr* bad = nullptr;
  if (device_->PostReceive(link.control.handle(), &work, &bad) != 0) {
    ++counters_.posts_failed;
    link.broken = link.refused = true;
    attention_ |= link.bit;
    return events;
  }
  if (message->header.type != MessageType::kCredit) {
    ++link.taken;
    if (link.taken - link.taken_told >= kCreditStep) {
      attention_ |= link.bit;
    }
  }
  return events;
}

std::size_t VerbsTransport::OnMessage(Link& link, const DecodedMessage& message, EventHandler& handler) {
  link.taken_there = message.header.taken;
  switch (message.header.type) {
    case MessageType::kMessage:
      handler.OnMessage(link.peer, link.incarnation, message.body);
      return 1;
    case MessageType::kGranted: {
      Granted granted;
      std::memcpy(&granted, message.body.data(), sizeof(granted));
      std::size_t events = 0;
      if (!TakeGrant(link, granted)) {
        // The connector has posted the news of the queue pair before it told the peer: it may be there by
        // now.
        const std::uint16_t life = link.life;
        events = TakeNews(handler);
        const bool current = link.up() && link.life == life;
        if (current && !TakeGrant(link, granted)) {
          ++counters_.messages_malformed;
          link.broken = true;
          attention_ |= link.bit;
        }
      }
      return events;
    }
    case MessageType::kFenced: {
      Fenced fenced;
      std::memcpy(&fenced, message.body.data(), sizeof(fenced));
      const Grant over = {.ballot = paxos::Ballot::FromPacked(fenced.ballot), .number = fenced.number};
      const bool open = link.path.state == PathState::kOpen || link.path.state == PathState::kBroken;
      if (open && link.path.grant <= over) {
        ++counters_.paths_fenced;
        DropPath(link, Outcome::kFenced, PathState::kFenced);
      }
      return 0;
    }
    case MessageType::kCredit:
      return 0;
  }
  return 0;
}

// Gives back the queue pairs that were offered before number `id`: the peer does not grant them any more.
void VerbsTransport::DropPrepared(Link& link, std::uint32_t id) {
  while (!link.theirs.empty() && link.theirs.front().id < id) {
    connector_->Ask({.kind = Task::Kind::kDestroy, .pair = std::move(link.theirs.front().pair)});
    link.theirs.erase(link.theirs.begin());
  }
}

// False when it names a queue pair that there is not.
bool VerbsTransport::TakeGrant(Link& link, const Granted& granted) {
  DropPrepared(link, granted.pair);
  if (!link.theirs.empty() && link.theirs.front().id == granted.pair) {
    PreparedPair& prepared = link.theirs.front();
    // What is still posted was posted under a grant that this one has ended.
    DropPath(link, Outcome::kFenced, PathState::kNone);
    link.path.state = PathState::kOpen;
    link.path.grant = {.ballot = paxos::Ballot::FromPacked(granted.ballot), .number = granted.number};
    link.path.acceptor = link.incarnation;
    link.path.key = granted.key;
    link.path.next_work = 1;
    link.path.pair = std::move(prepared.pair);
    link.theirs.erase(link.theirs.begin());
    return true;
  }
  return false;
}

}  // namespace gaios::transport::verbs

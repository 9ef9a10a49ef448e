// Packets between replicas that are linked, in one order: by the socket where they carry a descriptor, else
// through memory as long as there is room.

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "gaios/base/check.h"
#include "gaios/transport/shm/inbox.h"
#include "gaios/transport/shm/shm_transport.h"
#include "gaios/transport/shm/wire.h"

namespace gaios::transport::shm {
namespace {

// How long packets keep the sockets under closer watch.
constexpr std::uint64_t kBusyTimeNs = 10'000'000;
// How long after a packet another is still expected.
constexpr std::uint64_t kQuietTimeNs = 1'000'000;
// Packets taken from one link at one look, so that one peer cannot hold up the rest.
constexpr int kPacketsPerLook = 64;

static_assert(sizeof(PacketHeader) + sizeof(Granted) <= kMaxFramedBytes);

// Whether a frame may be taken by who has taken `received` packets from the socket. Both wrap.
bool IsDue(const Framed& framed, std::uint32_t received) {
  return static_cast<std::int32_t>(received - framed.after) >= 0;
}

}  // namespace

// ---- sending

void ShmTransport::Send(ReplicaId peer, std::span<const std::byte> message) {
  GAIOS_CHECK(message.size() <= paxos::kMaxMessageBytes, "a message has a bounded size");
  Link& link = LinkTo(peer);
  // A message never overtakes the grant before it.
  if (!link.up() || link.grant_unsent || SendInOrder(link, Packet::Message(message)) != SendResult::kSent) {
    ++counters_.messages_dropped;
    return;
  }
  ++counters_.messages_sent;
}

SendResult ShmTransport::SendInOrder(Link& link, const Packet& packet) {
  // Who is asked whether a leader is gone should see that its link has ended, if it has: so when one has just
  // ended here, the peer is made to look at its sockets, and before it finds what is sent now.
  if (link_has_ended_) {
    Ring(link, kSocketRing);
  }
  if (link.outbox.Put(packet.bytes(), link.sent)) {
    ++counters_.packets_through_memory;
    Ring(link, link_has_ended_ ? kSocketRing : kInboxRing);
    return SendResult::kSent;
  }
  const SendResult result = SendBySocket(link, packet);
  if (result == SendResult::kSent) {
    Ring(link, kSocketRing);
  }
  return result;
}

SendResult ShmTransport::SendBySocket(Link& link, const Packet& packet, std::span<const int> fds) {
  const SendResult result = SendPacket(link.socket.get(), packet, fds);
  link.sent += result == SendResult::kSent ? 1U : 0U;
  return result;
}

void ShmTransport::Ring(const Link& link, std::uint64_t by) {
  reinterpret_cast<Doorbell*>(link.doorbell.data())->rung.value.fetch_add(by, std::memory_order_release);
}

// ---- the memory

// For the peer, if it understands what that is. Without it packets go by the socket.
void ShmTransport::PassInbox(Link& link) {
  if ((link.control->header.understands & kUnderstandsInbox) == 0) {
    return;
  }
  absl::StatusOr<Region> region = Region::Create("gaios-inbox", kInboxBytes);
  if (!region.ok() || !region->PrepareStep().ok()) {
    ++counters_.regions_failed;
    return;
  }
  const int fd = region->fd();
  // Before it is passed: from then on the peer writes to it.
  InboxPage* const page = ::new (region->data()) InboxPage;
  if (SendBySocket(link, Packet(PacketType::kInbox, Inbox{.bytes = kInboxBytes}),
                   std::span<const int>(&fd, 1)) == SendResult::kSent) {
    link.inbox_region = *std::move(region);
    link.inbox = InboxReader(page);
    Ring(link, kSocketRing);
  }
}

bool ShmTransport::TakeOutbox(Link& link, const Inbox& inbox, base::UniqueFd fd) {
  if (inbox.bytes != kInboxBytes || !link.outbox_region.empty()) {
    return false;
  }
  absl::StatusOr<Region> region = Region::Adopt(std::move(fd), kInboxBytes);
  if (!region.ok()) {
    return false;
  }
  if (!region->PrepareStep().ok()) {
    ++counters_.regions_failed;
    return true;  // there is no memory for it: what is sent goes by the socket
  }
  link.outbox_region = *std::move(region);
  link.outbox = InboxWriter(reinterpret_cast<InboxPage*>(link.outbox_region.data()));
  return true;
}

// ---- receiving

void ShmTransport::NotePacket(std::uint64_t now_ns) {
  busy_until_ns_ = now_ns + kBusyTimeNs;
  next_poll_ns_ = std::min(next_poll_ns_, now_ns + options_.busy_poll_interval_ns);
  quiet_until_ns_ = now_ns + kQuietTimeNs;
}

std::size_t ShmTransport::Malformed(Link& link, std::uint64_t now_ns, EventHandler& handler) {
  ++counters_.packets_malformed;
  return CloseLink(link, now_ns + kRefusedBackoffNs, handler);
}

// No call of the system, unless a packet by the socket comes first.
std::size_t ShmTransport::ReadInboxes(EventHandler& handler) {
  // Before the look, so that a ring during it leads to another. One that concerns the sockets is not lost,
  // and no rings keep anybody from looking at them when it is time.
  const std::uint64_t bell = bell_->load(std::memory_order_acquire);
  const std::uint64_t now_ns = options_.clock->NowNs();
  if ((bell - bell_seen_) % kInboxRing != 0 || now_ns >= next_poll_ns_) {
    return PollConnections(now_ns, handler);
  }
  bell_seen_ = bell;
  std::size_t events = 0;
  for (Link& link : links_) {
    events += ReadInbox(link, now_ns, handler);
  }
  return events;
}

std::size_t ShmTransport::ReadInbox(Link& link, std::uint64_t now_ns, EventHandler& handler) {
  bool waits = false;
  const std::size_t events = TakeFrames(link, now_ns, handler, waits);
  return waits ? events + ReadLink(link, now_ns, handler) : events;
}

// The frames whose turn it is. `waits`: there is one whose turn it is not, before a packet of the socket.
std::size_t ShmTransport::TakeFrames(Link& link, std::uint64_t now_ns, EventHandler& handler, bool& waits) {
  std::size_t events = 0;
  waits = false;
  // What was sent before the packet that is looked at next is there already: no more than a page holds.
  for (std::size_t i = 0; i < kInboxFrames; ++i) {
    Framed framed;
    const InboxReader::Look look = link.inbox.Next(framed);
    if (look == InboxReader::Look::kNothing) {
      return events;
    }
    if (look == InboxReader::Look::kMalformed) {
      return events + Malformed(link, now_ns, handler);
    }
    if (!IsDue(framed, link.received)) {
      waits = true;
      return events;
    }
    NotePacket(now_ns);
    link.inbox.Take();
    Received no_descriptors;
    events +=
        HandlePacket(link, std::span(framed.packet).first(framed.bytes), no_descriptors, now_ns, handler);
  }
  return events;
}

std::size_t ShmTransport::ReadLink(Link& link, std::uint64_t now_ns, EventHandler& handler) {
  std::size_t events = 0;
  bool waited = false;  // for a packet that its sender says to have sent
  for (int i = 0; i < kPacketsPerLook && link.socket.valid(); ++i) {
    std::array<std::byte, kMaxPacketBytes> buffer;
    Received received = ReceivePacket(link.socket.get(), buffer);
    // What was sent through memory before it, and before the end of the connection, has been there for as
    // long.
    bool waits = false;
    events += TakeFrames(link, now_ns, handler, waits);
    if (!link.socket.valid()) {
      return events;
    }
    switch (received.kind) {
      case Received::Kind::kNothing:
        if (!waits) {
          return events;
        }
        if (std::exchange(waited, true)) {
          return events + Malformed(link, now_ns, handler);
        }
        break;
      case Received::Kind::kClosed:
        return events + CloseLink(link, now_ns + kFirstBackoffNs, handler);
      case Received::Kind::kMalformed:
        return events + Malformed(link, now_ns, handler);
      case Received::Kind::kPacket: {
        waited = false;
        const bool was_up = link.up();
        events += HandlePacket(link, std::span(buffer.data(), received.size), received, now_ns, handler);
        link.received += was_up && link.up() ? 1U : 0U;
        break;
      }
    }
  }
  return events;
}

}  // namespace gaios::transport::shm

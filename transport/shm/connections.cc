// Sockets, handshake and packets: how links come up, what they carry, and how the death of a peer is noticed.

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

#include "gaios/base/check.h"
#include "gaios/transport/shm/shm_transport.h"
#include "gaios/transport/shm/wire.h"

namespace gaios::transport::shm {
namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kHandshakeTimeoutNs = 1000 * kMillisecond;
// How long peers are made to look whether a link of theirs has ended too.
constexpr std::uint64_t kEndedTimeNs = 1000 * kMillisecond;
constexpr std::uint64_t kLongestBackoffNs = 100 * kMillisecond;

constexpr bool IsReadable(short events) {
  return (events & (POLLIN | POLLHUP | POLLERR)) != 0;
}

// Text from outside is shown to a user: printable characters only.
std::string Printable(const Refuse& refuse) {
  std::string text(refuse.text.data(), std::min<std::size_t>(refuse.text_bytes, refuse.text.size()));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return !absl::ascii_isprint(static_cast<unsigned char>(c)); },
      '?');
  return text;
}

}  // namespace

std::size_t ShmTransport::PollConnections(std::uint64_t now_ns, EventHandler& handler) {
  // Before the look, so that a ring during it leads to another.
  bell_seen_ = bell_->load(std::memory_order_acquire);
  std::array<pollfd, 2 * paxos::kMaxReplicas + 1> polled;
  nfds_t count = 0;
  polled[count++] = {.fd = claim_.listener_fd(), .events = POLLIN, .revents = 0};
  // A negative descriptor is skipped by the system and reports nothing.
  for (const Link& link : links_) {
    polled[count++] = {.fd = link.socket.get(), .events = POLLIN, .revents = 0};
  }
  for (const Candidate& candidate : candidates_) {
    polled[count++] = {.fd = candidate.socket.get(), .events = POLLIN, .revents = 0};
  }
  const bool any = ::poll(polled.data(), count, 0) > 0;
  link_has_ended_ = now_ns < ended_until_ns_;
  std::size_t events = 0;
  // Links before candidates: a peer that died and came back has left its old connection before it made the
  // new one. Of links those first that have ended: who asks whether the leader is gone is told so.
  for (const bool ended : {true, false}) {
    for (std::size_t id = 0; any && id < links_.size(); ++id) {
      const short revents = polled[1 + id].revents;
      if (IsReadable(revents) && ((revents & POLLHUP) != 0) == ended) {
        NotePacket(now_ns);
        events += ReadLink(links_[id], now_ns, handler);
      }
    }
  }
  for (Link& link : links_) {
    events += ReadInbox(link, now_ns, handler);
  }
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    Candidate& candidate = candidates_[i];
    if (any && IsReadable(polled[1 + links_.size() + i].revents)) {
      NotePacket(now_ns);
      ReadCandidate(candidate, now_ns);
    } else if (candidate.socket.valid() && now_ns >= candidate.deadline_ns) {
      candidate.socket.Close();
    }
  }
  if (any && IsReadable(polled[0].revents)) {
    NotePacket(now_ns);
    AcceptConnections(now_ns);
  }
  for (std::size_t id = 0; id < ids(); ++id) {
    Link& link = links_[id];
    // The higher id connects to the lower.
    if (link.state == LinkState::kClosed && id < options_.self.value() && now_ns >= link.next_attempt_ns) {
      ConnectTo(link, now_ns);
    } else if (link.up() && link.grant_unsent) {
      link.grant_unsent = !SendGrant(link);
    } else if (link.up()) {
      SendSpare(link);
    } else if (link.state != LinkState::kClosed && now_ns >= link.deadline_ns) {
      events += CloseLink(link, now_ns + kRefusedBackoffNs, handler);
    }
  }
  const bool under_way = now_ns < quiet_until_ns_ || granting_ != Granting::kNothing;
  const bool pressing = left_paths_.HalfFull() || store_.pressing();
  if (!hold_back_.Holds(under_way, now_ns) || pressing) {
    Maintain();
  }
  const bool closely = now_ns < busy_until_ns_ || granting_ != Granting::kNothing;
  next_poll_ns_ = now_ns + (closely ? options_.busy_poll_interval_ns : options_.poll_interval_ns);
  return events;
}

void ShmTransport::Maintain() {
  if (left_paths_.Step()) {
    return;
  }
  for (Link& link : links_) {
    if (!link.spare.empty() && !link.spare.ready()) {
      if (!link.spare.PrepareStep().ok()) {
        ++counters_.regions_failed;
      }
      return;
    }
  }
  for (Link& link : links_) {
    if (!link.granted.empty() && !link.granted.ready()) {
      if (!link.granted.PrepareStep().ok()) {
        ++counters_.regions_failed;
      }
      return;
    }
  }
  if (!store_.Maintain().ok()) {
    ++counters_.regions_failed;
  }
}

void ShmTransport::AcceptConnections(std::uint64_t now_ns) {
  for (Candidate& candidate : candidates_) {
    if (candidate.socket.valid()) {
      continue;
    }
    base::UniqueFd socket = Accept(claim_.listener_fd());
    if (!socket.valid()) {
      return;
    }
    if (!PeerIsTrusted(socket.get())) {
      RefusePeer(socket.get(), Notices::kUnknownPeer, Refusal::kUser,
                 absl::StrCat("replica ", options_.self.value(), " talks to processes of its own user only"));
      continue;
    }
    candidate.socket = std::move(socket);
    candidate.deadline_ns = now_ns + kHandshakeTimeoutNs;
  }
}

void ShmTransport::ConnectTo(Link& link, std::uint64_t now_ns) {
  base::UniqueFd socket = Connect(SocketPath(options_.directory, link.peer));
  link.backoff_ns = std::clamp(link.backoff_ns * 2, kFirstBackoffNs, kLongestBackoffNs);
  link.next_attempt_ns = now_ns + link.backoff_ns;
  if (!socket.valid()) {
    return;
  }
  if (!PeerIsTrusted(socket.get())) {
    RefusePeer(socket.get(), link.peer.value(), Refusal::kUser,
               absl::StrCat("replica ", options_.self.value(), " talks to processes of its own user only"));
    link.next_attempt_ns = now_ns + kRefusedBackoffNs;
    return;
  }
  if (SendHello(socket.get())) {
    link.socket = std::move(socket);
    link.state = LinkState::kHello;
    link.deadline_ns = now_ns + kHandshakeTimeoutNs;
  }
}

bool ShmTransport::SendHello(int socket) {
  const Hello hello = {.version = kWireVersion,
                       .replica = options_.self.value(),
                       .incarnation = options_.incarnation.value(),
                       .replicas = static_cast<std::uint32_t>(options_.replicas),
                       .group_id = options_.group_id.value(),
                       .capacity = options_.capacity};
  return SendPacket(socket, Packet(PacketType::kHello, hello)) == SendResult::kSent;
}

bool ShmTransport::SendRegions(int socket) {
  const std::array<int, 2> fds = {claim_.read_only_control_fd(), doorbell_.fd()};
  return SendPacket(socket, Packet(PacketType::kRegions, Regions{.control_bytes = sizeof(ControlRegion)}),
                    fds) == SendResult::kSent;
}

void ShmTransport::ReadCandidate(Candidate& candidate, std::uint64_t now_ns) {
  std::array<std::byte, kMaxPacketBytes> buffer;
  const Received received = ReceivePacket(candidate.socket.get(), buffer);
  if (received.kind == Received::Kind::kNothing) {
    return;
  }
  // Closed on return unless it becomes a link.
  base::UniqueFd socket = std::move(candidate.socket);
  if (received.kind == Received::Kind::kClosed) {
    return;
  }
  const std::span<const std::byte> packet(buffer.data(), received.size);
  const std::optional<Hello> hello =
      received.kind == Received::Kind::kPacket && DecodeType(packet) == PacketType::kHello
          ? DecodeHello(packet)
          : std::nullopt;
  if (!hello.has_value() || received.fd_count != 0) {
    ++counters_.packets_malformed;
    return;
  }
  if (!CheckHello(*hello, std::nullopt, socket.get())) {
    return;
  }
  Link& link = links_[hello->replica];
  if (link.state != LinkState::kClosed) {
    RefusePeer(socket.get(), hello->replica, Refusal::kDuplicate,
               absl::StrCat("replica ", options_.self.value(), " already has a live link to a replica ",
                            hello->replica, "; ids must be unique"));
    return;
  }
  if (!SendHello(socket.get()) || !SendRegions(socket.get())) {
    return;
  }
  link.socket = std::move(socket);
  link.state = LinkState::kRegions;
  link.incarnation = Incarnation(hello->incarnation);
  link.deadline_ns = now_ns + kHandshakeTimeoutNs;
}

bool ShmTransport::CheckHello(const Hello& hello, std::optional<ReplicaId> expected, int socket) {
  const std::string self = absl::StrCat("replica ", options_.self.value());
  const bool known = hello.version == kWireVersion && hello.replica < ids();
  const std::size_t peer = expected.has_value() ? expected->value()
                           : known              ? static_cast<std::size_t>(hello.replica)
                                                : Notices::kUnknownPeer;
  const auto refuse = [&](Refusal cause, const std::string& text) {
    RefusePeer(socket, peer, cause, text);
    return false;
  };
  if (hello.version != kWireVersion) {
    return refuse(Refusal::kVersion,
                  absl::StrCat(self, " speaks version ", kWireVersion, ", the peer version ", hello.version,
                               "; run the same release everywhere"));
  }
  if (hello.group_id != options_.group_id.value()) {
    return refuse(Refusal::kGroup,
                  absl::StrCat("replica ", hello.replica, " is not of the group of ", self, ", ",
                               options_.group_name.empty() ? absl::StrCat("group ", options_.group_id.value())
                                                           : options_.group_name));
  }
  if (hello.replicas != options_.replicas) {
    return refuse(Refusal::kReplicas,
                  absl::StrCat(self, " is of a group that began with ", options_.replicas,
                               " replicas, replica ", hello.replica, " of one with ", hello.replicas));
  }
  if (hello.capacity != options_.capacity) {
    return refuse(Refusal::kCapacity,
                  absl::StrCat(self, " has a log capacity of ", options_.capacity, " bytes, replica ",
                               hello.replica, " of ", hello.capacity));
  }
  const bool from_above = hello.replica > options_.self.value();
  if (hello.replica >= ids() || (expected.has_value() ? hello.replica != expected->value() : !from_above)) {
    return refuse(Refusal::kIdentity, absl::StrCat("a peer of ", self, " calls itself replica ",
                                                   hello.replica, "; ids must be unique and below ", ids()));
  }
  const Incarnation newest = links_[hello.replica].newest_incarnation;
  if (hello.incarnation == 0 || Incarnation(hello.incarnation) < newest) {
    return refuse(Refusal::kIncarnation,
                  absl::StrCat(self, " has seen incarnation ", newest.value(), " of replica ", hello.replica,
                               ", now it claims ", hello.incarnation));
  }
  return true;
}

void ShmTransport::RefusePeer(int socket, std::size_t peer, Refusal cause, const std::string& text) {
  ++counters_.connections_refused;
  (void)SendPacket(socket, Packet(PacketType::kRefuse, MakeRefuse(cause, text)));
  notices_.Add(peer, cause, absl::StrCat("refused a peer: ", text));
}

std::size_t ShmTransport::HandlePacket(Link& link, std::span<const std::byte> packet, Received& received,
                                       std::uint64_t now_ns, EventHandler& handler) {
  const std::optional<PacketType> type = DecodeType(packet);
  const auto malformed = [&] { return Malformed(link, now_ns, handler); };
  if (!type.has_value()) {
    return malformed();
  }
  switch (*type) {
    case PacketType::kHello: {
      const std::optional<Hello> hello = DecodeHello(packet);
      if (!hello.has_value() || link.state != LinkState::kHello || received.fd_count != 0) {
        return malformed();
      }
      if (!CheckHello(*hello, link.peer, link.socket.get()) || !SendRegions(link.socket.get())) {
        return CloseLink(link, now_ns + kRefusedBackoffNs, handler);
      }
      link.incarnation = Incarnation(hello->incarnation);
      link.state = LinkState::kRegions;
      return 0;
    }
    case PacketType::kRefuse: {
      const std::optional<Refuse> refuse = DecodeBody<Refuse>(packet);
      if (!refuse.has_value() || refuse->cause < Refusal::kVersion ||
          static_cast<std::uint32_t>(refuse->cause) >= kRefusals) {
        return malformed();
      }
      ++counters_.refusals_received;
      notices_.Add(link.peer.value(), refuse->cause,
                   absl::StrCat("replica ", link.peer.value(), " refuses this one: ", Printable(*refuse)));
      return CloseLink(link, now_ns + kRefusedBackoffNs, handler);
    }
    case PacketType::kRegions: {
      const std::optional<Regions> regions = DecodeBody<Regions>(packet);
      if (!regions.has_value() || regions->control_bytes != sizeof(ControlRegion) ||
          link.state != LinkState::kRegions || received.fd_count != 2) {
        return malformed();
      }
      absl::StatusOr<Region> control =
          Region::MapFile(std::move(received.fds[0]), kControlRegionBytes, /*writable=*/false);
      absl::StatusOr<Region> doorbell = Region::Adopt(std::move(received.fds[1]), kDoorbellBytes);
      if (!control.ok() || !doorbell.ok()) {
        RefusePeer(link.socket.get(), link.peer.value(), Refusal::kRegions,
                   std::string((control.ok() ? doorbell : control).status().message()));
        return CloseLink(link, now_ns + kRefusedBackoffNs, handler);
      }
      return BringUp(link, *std::move(control), *std::move(doorbell), handler);
    }
    case PacketType::kSpare: {
      const std::optional<Spare> spare = DecodeBody<Spare>(packet);
      if (!spare.has_value() || !link.up() || received.fd_count != 1) {
        return malformed();
      }
      return TakeSpare(link, spare->region_id, std::move(received.fds[0])) ? 0 : malformed();
    }
    case PacketType::kGrant: {
      const std::optional<Granted> granted = DecodeBody<Granted>(packet);
      if (!granted.has_value() || !link.up() || received.fd_count > 1) {
        return malformed();
      }
      if (received.fd_count == 1 && !TakeSpare(link, granted->region_id, std::move(received.fds[0]))) {
        return malformed();
      }
      return TakeGrant(link, *granted) ? 0 : malformed();
    }
    case PacketType::kInbox: {
      const std::optional<Inbox> inbox = DecodeBody<Inbox>(packet);
      if (!inbox.has_value() || !link.up() || received.fd_count != 1) {
        return malformed();
      }
      return TakeOutbox(link, *inbox, std::move(received.fds[0])) ? 0 : malformed();
    }
    case PacketType::kMessage: {
      if (!link.up() || received.fd_count != 0) {
        return malformed();
      }
      handler.OnMessage(link.peer, link.incarnation, packet.subspan(sizeof(PacketHeader)));
      return 1;
    }
  }
  return malformed();
}

std::size_t ShmTransport::BringUp(Link& link, Region control, Region doorbell, EventHandler& handler) {
  link.control_region = std::move(control);
  link.doorbell = std::move(doorbell);
  link.control = reinterpret_cast<const ControlRegion*>(link.control_region.data());
  link.newest_incarnation = link.incarnation;
  link.backoff_ns = 0;
  link.sent = 0;
  link.received = 0;
  link.state = LinkState::kUp;
  ++counters_.links_up;
  notices_.Forget(link.peer.value());
  store_.Expect(link.peer, true);
  PassInbox(link);
  SendSpare(link);
  handler.OnLinkUp(link.peer, link.incarnation);
  return 1;
}

bool ShmTransport::TakeSpare(Link& link, std::uint64_t region_id, base::UniqueFd fd) {
  absl::StatusOr<Region> region = Region::Adopt(std::move(fd), LogRegionBytes(options_.capacity));
  if (!region.ok()) {
    return false;
  }
  left_paths_.Add(std::move(link.spare));
  link.spare = *std::move(region);
  link.spare_id = region_id;
  return true;
}

bool ShmTransport::TakeGrant(Link& link, const Granted& granted) {
  if (link.spare.empty() || link.spare_id != granted.region_id) {
    return false;
  }
  // What is still posted was stored under the grant that this one has ended.
  DropPath(link, Outcome::kFenced);
  link.granted = std::move(link.spare);
  link.path = {.ring = link.granted.data(),
               .words = &LogStore::WordsOf(link.granted, options_.capacity),
               .grant = {.ballot = paxos::Ballot::FromPacked(granted.ballot), .number = granted.number},
               .promise = granted.promise,
               .acceptor = link.incarnation};
  return true;
}

std::size_t ShmTransport::CloseLink(Link& link, std::uint64_t retry_at_ns, EventHandler& handler) {
  const bool was_up = link.up();
  link.state = LinkState::kClosed;
  link.socket.Close();
  link.control = nullptr;
  link.grant_unsent = false;
  link.next_attempt_ns = retry_at_ns;
  DropPath(link, Outcome::kDown);
  left_paths_.Add(std::exchange(link.spare, Region()));
  store_.DropPassedSpare(link.peer);
  if (link.peer.value() >= options_.replicas) {
    store_.Expect(link.peer, false);  // it may never come again
  }
  if (!was_up) {
    return 0;
  }
  ++counters_.links_down;
  link_has_ended_ = true;
  ended_until_ns_ = options_.clock->NowNs() + kEndedTimeNs;
  std::size_t events = CompleteOneByOne(link, link.posted.size(), Outcome::kDown, handler);
  events += AnswerControlReads(link, handler);
  link.control_region = {};
  link.doorbell = {};
  link.inbox = {};
  link.outbox = {};
  link.inbox_region = {};
  link.outbox_region = {};
  handler.OnLinkDown(link.peer);
  return events + 1;
}

}  // namespace gaios::transport::shm

#include "tests/transport/bootstrap/channel_hub.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "gaios/base/check.h"

namespace gaios::transport::bootstrap {

class ChannelHub::Channel final : public PeerChannel {
 public:
  struct Event {
    enum class Kind : std::uint8_t { kUp, kFrame, kDown };
    Kind kind = Kind::kUp;
    ReplicaId peer = {};
    std::uint64_t connection = 0;
    Incarnation incarnation = {};
    std::vector<std::byte> bytes = {};
  };

  Channel(ChannelHub& hub, const HubMember& member) : hub_(hub), member_(member) {
    fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    GAIOS_CHECK(fd_ >= 0, "no descriptor is left");
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel() override {
    hub_.Leave(*this);
    ::close(fd_);
  }

  std::size_t Poll(PeerChannelHandler& handler) override {
    std::deque<Event> events;
    {
      const std::lock_guard lock(hub_.mutex_);
      eventfd_t ignored = 0;
      (void)::eventfd_read(fd_, &ignored);
      events.swap(events_);
    }
    for (const Event& event : events) {
      std::uint64_t& seen = seen_[event.peer.value()];
      switch (event.kind) {
        case Event::Kind::kUp:
          seen = event.connection;
          handler.OnPeerUp(event.peer, event.incarnation);
          break;
        case Event::Kind::kFrame:
          handler.OnFrame(event.peer, event.bytes);
          break;
        case Event::Kind::kDown:
          seen = 0;
          handler.OnPeerDown(event.peer);
          break;
      }
    }
    return events.size();
  }

  bool Send(ReplicaId peer, std::span<const std::byte> bytes) override {
    const std::lock_guard lock(hub_.mutex_);
    const std::uint64_t connection = seen_[peer.value()];
    Channel* const other = hub_.members_[peer.value()];
    if (connection == 0 || other == nullptr || hub_.LineOf(member_.id, peer).connection != connection) {
      return false;
    }
    other->Push({.kind = Event::Kind::kFrame, .peer = member_.id, .bytes = {bytes.begin(), bytes.end()}});
    return true;
  }

  // As good as secret: another for each connection and label.
  [[nodiscard]] bool ExportKey(ReplicaId peer, std::string_view label,
                               std::span<std::byte> key) const override {
    const std::uint64_t connection = seen_[peer.value()];
    std::uint64_t state = (connection + 1) * 0x9e3779b97f4a7c15;
    for (const char letter : label) {
      state = (state ^ static_cast<unsigned char>(letter)) * 0xff51afd7ed558ccd;
    }
    for (std::byte& byte : key) {
      state ^= state >> 29;
      state *= 0xc4ceb9fe1a85ec53;
      byte = static_cast<std::byte>(state >> 56);
    }
    return connection != 0;
  }
  // The connection that its user knows of; one that has ended since is ended.
  void Disconnect(ReplicaId peer) override { hub_.End(member_.id, peer, seen_[peer.value()]); }
  [[nodiscard]] int poll_fd() const override { return fd_; }
  [[nodiscard]] std::uint64_t NextTimeNs() const override { return ~std::uint64_t{0}; }
  [[nodiscard]] std::vector<std::string> TakeNotices() override { return {}; }

  // With the hub's lock.
  void Push(Event event) {
    events_.push_back(std::move(event));
    (void)::eventfd_write(fd_, 1);
  }
  [[nodiscard]] const HubMember& member() const { return member_; }

 private:
  ChannelHub& hub_;
  const HubMember member_;
  int fd_ = -1;
  std::deque<Event> events_;
  std::array<std::uint64_t, paxos::kMaxReplicas> seen_ = {};  // connections that the user knows to be up
};

std::unique_ptr<PeerChannel> ChannelHub::Join(const HubMember& member) {
  auto channel = std::make_unique<Channel>(*this, member);
  const std::lock_guard lock(mutex_);
  GAIOS_CHECK(members_[member.id.value()] == nullptr, "one life at a time");
  members_[member.id.value()] = channel.get();
  for (Channel* other : members_) {
    if (other != nullptr && other != channel.get()) {
      ConnectLocked(*channel, *other);
    }
  }
  return channel;
}

void ChannelHub::Leave(const Channel& channel) {
  const std::lock_guard lock(mutex_);
  const ReplicaId id = channel.member().id;
  for (Channel* other : members_) {
    if (other != nullptr && other != &channel) {
      DisconnectLocked(*members_[id.value()], *other);
    }
  }
  members_[id.value()] = nullptr;
}

void ChannelHub::ConnectLocked(Channel& a, Channel& b) {
  Line& line = LineOf(a.member().id, b.member().id);
  if (line.cut || line.connection != 0 || a.member().group != b.member().group ||
      a.member().capacity != b.member().capacity) {
    return;
  }
  line.connection = ++connections_;
  for (int end = 0; end < 2; ++end) {
    const Channel& from = end == 0 ? a : b;
    Channel& to = end == 0 ? b : a;
    to.Push({.kind = Channel::Event::Kind::kUp,
             .peer = from.member().id,
             .connection = line.connection,
             .incarnation = from.member().incarnation});
  }
}

void ChannelHub::DisconnectLocked(Channel& a, Channel& b) {
  Line& line = LineOf(a.member().id, b.member().id);
  if (line.connection == 0) {
    return;
  }
  line.connection = 0;
  a.Push({.kind = Channel::Event::Kind::kDown, .peer = b.member().id});
  b.Push({.kind = Channel::Event::Kind::kDown, .peer = a.member().id});
}

void ChannelHub::Reconnect(ReplicaId a, ReplicaId b) {
  const std::lock_guard lock(mutex_);
  ReconnectLocked(a, b);
}

void ChannelHub::End(ReplicaId a, ReplicaId b, std::uint64_t connection) {
  const std::lock_guard lock(mutex_);
  if (LineOf(a, b).connection == connection) {
    ReconnectLocked(a, b);
  }
}

void ChannelHub::ReconnectLocked(ReplicaId a, ReplicaId b) {
  Channel* const one = members_[a.value()];
  Channel* const other = members_[b.value()];
  if (one != nullptr && other != nullptr) {
    DisconnectLocked(*one, *other);
    ConnectLocked(*one, *other);
  }
}

void ChannelHub::Cut(ReplicaId a, ReplicaId b) {
  const std::lock_guard lock(mutex_);
  LineOf(a, b).cut = true;
  Channel* const one = members_[a.value()];
  Channel* const other = members_[b.value()];
  if (one != nullptr && other != nullptr) {
    DisconnectLocked(*one, *other);
  }
}

std::uint64_t ChannelHub::connections() {
  const std::lock_guard lock(mutex_);
  return connections_;
}

void ChannelHub::Heal(ReplicaId a, ReplicaId b) {
  const std::lock_guard lock(mutex_);
  LineOf(a, b).cut = false;
  Channel* const one = members_[a.value()];
  Channel* const other = members_[b.value()];
  if (one != nullptr && other != nullptr) {
    ConnectLocked(*one, *other);
  }
}

}  // namespace gaios::transport::bootstrap

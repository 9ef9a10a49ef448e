#include "tests/transport/verbs/socket_channel.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "gaios/base/check.h"

namespace gaios::transport::verbs {
namespace {

constexpr std::uint64_t kRedialNs = 5'000'000;
constexpr std::size_t kLargestFrame = 1024;

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  GAIOS_CHECK(path.size() < sizeof(address.sun_path), "a short path");
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

int NewSocket() {
  const int socket = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  GAIOS_CHECK(socket >= 0, "no socket is left");
  return socket;
}

}  // namespace

SocketChannel::SocketChannel(const SocketChannelOptions& options) : options_(options) {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  listener_ = NewSocket();
  const std::string path = PathOf(options_.self);
  ::unlink(path.c_str());
  const sockaddr_un address = AddressOf(path);
  GAIOS_CHECK(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
                  ::listen(listener_, 16) == 0,
              "the directory takes sockets");
  Watch(listener_);
}

SocketChannel::~SocketChannel() {
  for (const Line& line : lines_) {
    if (line.socket >= 0) {
      ::close(line.socket);
    }
  }
  for (const int stranger : strangers_) {
    ::close(stranger);
  }
  ::close(listener_);
  ::close(epoll_);
}

std::string SocketChannel::PathOf(ReplicaId id) const {
  return options_.directory + "/channel-" + std::to_string(id.value());
}

void SocketChannel::Watch(int socket) const {
  epoll_event event = {};
  event.events = EPOLLIN;
  GAIOS_CHECK(::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event) == 0, "a socket can be watched");
}

bool SocketChannel::Greet(int socket) const {
  const Greeting greeting = {.group = options_.group,
                             .capacity = options_.capacity,
                             .incarnation = options_.incarnation.value(),
                             .replica = options_.self.value()};
  return ::send(socket, &greeting, sizeof(greeting), MSG_NOSIGNAL) == sizeof(greeting);
}

bool SocketChannel::Fits(const Greeting& greeting) const {
  return greeting.group == options_.group && greeting.capacity == options_.capacity &&
         greeting.replica < options_.replicas && greeting.replica != options_.self.value() &&
         Incarnation(greeting.incarnation) >= lines_[greeting.replica].newest;
}

std::uint64_t SocketChannel::NextTimeNs() const {
  std::uint64_t next = ~std::uint64_t{0};
  for (std::size_t id = 0; id < options_.self.value(); ++id) {
    if (lines_[id].socket < 0) {
      next = std::min(next, lines_[id].dial_at_ns);
    }
  }
  return std::any_of(lines_.begin(), lines_.end(), [](const Line& line) { return line.end; }) ? 0 : next;
}

std::size_t SocketChannel::Poll(bootstrap::PeerChannelHandler& handler) {
  std::size_t events = 0;
  if (options_.sever != nullptr && options_.sever->exchange(false)) {
    for (Line& line : lines_) {
      line.end = line.socket >= 0;
    }
  }
  for (std::size_t id = 0; id < options_.replicas; ++id) {
    events += ReadLine(ReplicaId(static_cast<std::uint8_t>(id)), handler);
  }
  for (;;) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket < 0) {
      break;
    }
    Watch(socket);
    strangers_.push_back(socket);
  }
  for (std::size_t i = strangers_.size(); i-- > 0;) {
    ReadStranger(i, handler);
  }
  const std::uint64_t now_ns = options_.clock->NowNs();
  for (std::size_t id = 0; id < options_.self.value(); ++id) {
    if (lines_[id].socket < 0 && now_ns >= lines_[id].dial_at_ns) {
      lines_[id].dial_at_ns = now_ns + kRedialNs;
      Dial(ReplicaId(static_cast<std::uint8_t>(id)));
    }
  }
  return events;
}

void SocketChannel::Dial(ReplicaId peer) {
  const int socket = NewSocket();
  const sockaddr_un address = AddressOf(PathOf(peer));
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      !Greet(socket)) {
    ::close(socket);
    return;
  }
  Watch(socket);
  lines_[peer.value()].socket = socket;
}

void SocketChannel::ReadStranger(std::size_t index, bootstrap::PeerChannelHandler& handler) {
  const int socket = strangers_[index];
  Greeting greeting;
  const ssize_t size = ::recv(socket, &greeting, sizeof(greeting), MSG_DONTWAIT);
  if (size < 0 && errno == EAGAIN) {
    return;
  }
  strangers_.erase(strangers_.begin() + static_cast<std::ptrdiff_t>(index));
  if (size != sizeof(greeting) || !Fits(greeting) || greeting.replica < options_.self.value() ||
      lines_[greeting.replica].socket >= 0 || !Greet(socket)) {
    ::close(socket);
    return;
  }
  Line& line = lines_[greeting.replica];
  line.socket = socket;
  line.up = true;
  line.newest = Incarnation(greeting.incarnation);
  handler.OnPeerUp(ReplicaId(static_cast<std::uint8_t>(greeting.replica)), line.newest);
}

std::size_t SocketChannel::ReadLine(ReplicaId peer, bootstrap::PeerChannelHandler& handler) {
  Line& line = lines_[peer.value()];
  std::size_t events = 0;
  while (line.socket >= 0) {
    if (line.end) {
      return events + Close(peer, handler);
    }
    std::array<std::byte, kLargestFrame> frame;
    const ssize_t size = ::recv(line.socket, frame.data(), frame.size(), MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) {
      return events;
    }
    if (size <= 0) {
      return events + Close(peer, handler);
    }
    ++events;
    if (line.up) {
      handler.OnFrame(peer, std::span(frame.data(), static_cast<std::size_t>(size)));
      continue;
    }
    Greeting greeting;
    std::memcpy(&greeting, frame.data(),
                std::min<std::size_t>(sizeof(greeting), static_cast<std::size_t>(size)));
    if (size != sizeof(greeting) || !Fits(greeting) || greeting.replica != peer.value()) {
      return events + Close(peer, handler);
    }
    line.up = true;
    line.newest = Incarnation(greeting.incarnation);
    handler.OnPeerUp(peer, line.newest);
  }
  return events;
}

std::size_t SocketChannel::Close(ReplicaId peer, bootstrap::PeerChannelHandler& handler) {
  Line& line = lines_[peer.value()];
  ::close(std::exchange(line.socket, -1));
  line.end = false;
  if (!std::exchange(line.up, false)) {
    return 0;
  }
  handler.OnPeerDown(peer);
  return 1;
}

bool SocketChannel::Send(ReplicaId peer, std::span<const std::byte> bytes) {
  const Line& line = lines_[peer.value()];
  return line.up && !line.end &&
         ::send(line.socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
             static_cast<ssize_t>(bytes.size());
}

void SocketChannel::Disconnect(ReplicaId peer) {
  if (lines_[peer.value()].socket >= 0) {
    lines_[peer.value()].end = true;
  }
}

}  // namespace gaios::transport::verbs

#include "gaios/transport/bootstrap/socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <system_error>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

namespace gaios::transport::bootstrap {
namespace {

constexpr int kBacklog = 128;

std::string ErrorText(int error) {
  return std::generic_category().message(error);
}

void SetOption(int socket, int level, int option) {
  const int on = 1;
  static_cast<void>(::setsockopt(socket, level, option, &on, sizeof(on)));
}

struct AddressesDeleter {
  void operator()(addrinfo* found) const { ::freeaddrinfo(found); }
};

}  // namespace

std::optional<SocketAddress> ParseAddress(const std::string& address, std::uint16_t port) {
  addrinfo hints = {};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (address.empty() || ::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
    return std::nullopt;
  }
  const std::unique_ptr<addrinfo, AddressesDeleter> owner(found);
  SocketAddress parsed;
  std::memcpy(&parsed.storage, found->ai_addr, found->ai_addrlen);
  parsed.size = found->ai_addrlen;
  return parsed;
}

std::optional<SocketAddress> ParseHostAndPort(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  std::string_view host = text.substr(0, colon);
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) {
    host = host.substr(1, host.size() - 2);
  }
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port == 0 ||
      brackets != (host.find(':') != std::string_view::npos)) {
    return std::nullopt;
  }
  return ParseAddress(std::string(host), port);
}

std::string AddressText(const SocketAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text = {};
  if (address.storage.ss_family == AF_INET6) {
    sockaddr_in6 in = {};
    std::memcpy(&in, &address.storage, sizeof(in));
    ::inet_ntop(AF_INET6, &in.sin6_addr, text.data(), text.size());
    return absl::StrCat("[", text.data(), "]:", ntohs(in.sin6_port));
  }
  sockaddr_in in = {};
  std::memcpy(&in, &address.storage, sizeof(in));
  ::inet_ntop(AF_INET, &in.sin_addr, text.data(), text.size());
  return absl::StrCat(text.data(), ":", ntohs(in.sin_port));
}

absl::StatusOr<base::UniqueFd> Listen(const SocketAddress& address, bool wait_for_address) {
  base::UniqueFd socket(
      ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!socket.valid()) {
    return absl::UnavailableError(
        absl::StrCat("the system gives no socket: ", ErrorText(errno), "; raise the limit of open files"));
  }
  // A process that starts again gets its port back at once.
  SetOption(socket.get(), SOL_SOCKET, SO_REUSEADDR);
  if (wait_for_address) {
    SetOption(socket.get(), IPPROTO_IP, IP_FREEBIND);  // which is for IPv6 too
  }
  if (::bind(socket.get(), address.get(), address.size) != 0 || ::listen(socket.get(), kBacklog) != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen at ", AddressText(address), ": ", ErrorText(errno),
                     "; give the address of an interface of this host, and a port that nobody else uses"));
  }
  return socket;
}

std::uint16_t ListeningPort(int listener) {
  SocketAddress address;
  address.size = sizeof(address.storage);
  if (::getsockname(listener, reinterpret_cast<sockaddr*>(&address.storage), &address.size) != 0) {
    return 0;
  }
  sockaddr_in in = {};  // the port is at the same place in both
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  std::memcpy(&in, &address.storage, sizeof(in));
  return ntohs(in.sin_port);
}

base::UniqueFd Dial(const SocketAddress& address) {
  base::UniqueFd socket(
      ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!socket.valid()) {
    return {};
  }
  SetOption(socket.get(), IPPROTO_TCP, TCP_NODELAY);
  if (::connect(socket.get(), address.get(), address.size) != 0 && errno != EINPROGRESS) {
    return {};
  }
  return socket;
}

DialState StateOfDial(int socket) {
  int error = 0;
  socklen_t size = sizeof(error);
  if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
    return DialState::kFailed;
  }
  SocketAddress peer;
  peer.size = sizeof(peer.storage);
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&peer.storage), &peer.size) == 0) {
    return DialState::kConnected;
  }
  return errno == ENOTCONN ? DialState::kWaiting : DialState::kFailed;
}

base::UniqueFd Accept(int listener, SocketAddress& from) {
  for (;;) {
    from.size = sizeof(from.storage);
    base::UniqueFd socket(::accept4(listener, reinterpret_cast<sockaddr*>(&from.storage), &from.size,
                                    SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.valid()) {
      SetOption(socket.get(), IPPROTO_TCP, TCP_NODELAY);
      return socket;
    }
    // One that has gone again says nothing of those behind it.
    if (errno != EINTR && errno != ECONNABORTED) {
      return {};
    }
  }
}

}  // namespace gaios::transport::bootstrap

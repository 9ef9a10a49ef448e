#include "gaios/transport/shm/socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

namespace gaios::transport::shm {
namespace {

constexpr int kSocketType = SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC;
constexpr int kBacklog = 16;

union ControlBuffer {
  cmsghdr align;
  // Room for one descriptor more than any packet has, so that an excess is seen.
  std::array<char, CMSG_SPACE(sizeof(int) * (kMaxPassedFds + 1))> bytes;
};

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(&address.sun_path, path.data(), std::min(path.size(), sizeof(address.sun_path) - 1));
  return address;
}

const sockaddr* Generic(const sockaddr_un* address) {
  return reinterpret_cast<const sockaddr*>(address);
}

// Takes every descriptor out of a received message, so that none leaks. True when all of them fit and none
// was cut off.
bool TakeFds(msghdr& message, Received& received) {
  bool fits = (message.msg_flags & MSG_CTRUNC) == 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      base::UniqueFd owned(fd);
      if (received.fd_count < kMaxPassedFds) {
        received.fds[received.fd_count++] = std::move(owned);
      } else {
        fits = false;
      }
    }
  }
  return fits;
}

}  // namespace

absl::Status CheckSocketPath(const std::string& path) {
  constexpr std::size_t kLimit = sizeof(sockaddr_un{}.sun_path) - 1;
  if (path.size() > kLimit) {
    return absl::InvalidArgumentError(absl::StrCat("socket path ", path, " has ", path.size(),
                                                   " characters, the system's limit is ", kLimit,
                                                   "; choose a shorter directory"));
  }
  return absl::OkStatus();
}

absl::StatusOr<base::UniqueFd> Listen(const std::string& path) {
  base::UniqueFd fd(::socket(AF_UNIX, kSocketType, 0));
  const sockaddr_un address = AddressOf(path);
  if (!fd.valid() || ::bind(fd.get(), Generic(&address), sizeof(address)) != 0 ||
      ::listen(fd.get(), kBacklog) != 0) {
    return absl::UnavailableError(absl::StrCat("cannot listen on socket ", path, ": ",
                                               std::generic_category().message(errno),
                                               "; check that the directory exists and is writable"));
  }
  return fd;
}

base::UniqueFd Connect(const std::string& path) {
  base::UniqueFd fd(::socket(AF_UNIX, kSocketType, 0));
  const sockaddr_un address = AddressOf(path);
  if (!fd.valid() || ::connect(fd.get(), Generic(&address), sizeof(address)) != 0) {
    return {};
  }
  return fd;
}

base::UniqueFd Accept(int listener) {
  return base::UniqueFd(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

bool PeerIsTrusted(int socket) {
  ucred credentials = {};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return false;
  }
  return credentials.uid == 0 || credentials.uid == ::geteuid();
}

SendResult SendPacket(int socket, const Packet& packet, std::span<const int> fds) {
  // The kernel only reads what iov_base points to; its type has no const for either direction's sake.
  iovec part = {.iov_base = const_cast<std::byte*>(
                    packet.bytes().data()),  // NOLINT(cppcoreguidelines-pro-type-const-cast)
                .iov_len = packet.bytes().size()};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  ControlBuffer control = {};
  if (!fds.empty()) {
    message.msg_control = control.bytes.data();
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* const rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
  }
  for (;;) {
    if (::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
      return SendResult::kSent;
    }
    if (errno == EINTR) {
      continue;
    }
    return errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS ? SendResult::kWouldBlock
                                                                        : SendResult::kClosed;
  }
}

Received ReceivePacket(int socket, std::span<std::byte> buffer) {
  Received received;
  bool reset = false;
  for (;;) {
    iovec part = {.iov_base = buffer.data(), .iov_len = buffer.size()};
    ControlBuffer control = {};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    const ssize_t size = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size > 0) {
      const bool fits = TakeFds(message, received);
      received.size = static_cast<std::size_t>(size);
      received.kind =
          fits && (message.msg_flags & MSG_TRUNC) == 0 ? Received::Kind::kPacket : Received::Kind::kMalformed;
      return received;
    }
    if (size == 0) {
      received.kind = Received::Kind::kClosed;
      return received;
    }
    if (errno == EINTR) {
      continue;
    }
    if (errno == ECONNRESET && !reset) {
      // Reported once, ahead of what the peer had sent before it closed: read that first.
      reset = true;
      continue;
    }
    received.kind = errno == EAGAIN ? Received::Kind::kNothing : Received::Kind::kClosed;
    return received;
  }
}

}  // namespace gaios::transport::shm

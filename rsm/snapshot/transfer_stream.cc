#include "gaios/rsm/snapshot/transfer_stream.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <absl/strings/str_cat.h>

#include "gaios/transport/shm/socket.h"

namespace gaios::rsm {
namespace {

constexpr int kSocketType = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
// Whoever waits behind these is told that the donor is busy, by the system.
constexpr int kBacklog = 4;

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(&address.sun_path, path.data(), std::min(path.size(), sizeof(address.sun_path) - 1));
  return address;
}

absl::Status Gone() {
  return absl::UnavailableError("the other end has ended the connection");
}

}  // namespace

absl::StatusOr<std::unique_ptr<TransferStream>> UnixStream::Connect(const std::string& path, int stop_fd,
                                                                    int patience_ms) {
  if (absl::Status status = transport::shm::CheckSocketPath(path); !status.ok()) {
    return status;
  }
  base::UniqueFd socket(::socket(AF_UNIX, kSocketType, 0));
  const sockaddr_un address = AddressOf(path);
  if (!socket.valid() ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const int error = errno;
    return absl::UnavailableError(
        error == EAGAIN
            ? absl::StrCat(path, " has others to serve; try again later")
            : absl::StrCat("nobody gives snapshots at ", path, " (", std::generic_category().message(error),
                           "); start the replica, or name one that runs on this host"));
  }
  return std::make_unique<UnixStream>(std::move(socket), stop_fd, patience_ms);
}

absl::Status UnixStream::Await(short events, Clock::time_point deadline) const {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    std::array<pollfd, 2> waited = {pollfd{.fd = socket_.get(), .events = events, .revents = 0},
                                    pollfd{.fd = stop_fd_, .events = POLLIN, .revents = 0}};
    const int ready = ::poll(waited.data(), waited.size(), static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (ready < 0 && errno == EINTR) {
      continue;
    }
    if (ready > 0 && waited[1].revents != 0) {
      return absl::CancelledError("the transfer was given up");
    }
    return ready > 0 ? CheckTime(deadline) : TooSlow();
  }
}

absl::Status UnixStream::TooSlow() const {
  return absl::DeadlineExceededError(
      absl::StrCat("the other end has not done its part within ", patience_ms_, " ms"));
}

// Also one that always does a little must be done in time.
absl::Status UnixStream::CheckTime(Clock::time_point deadline) const {
  return Clock::now() < deadline ? absl::OkStatus() : TooSlow();
}

absl::Status UnixStream::Send(std::span<const std::byte> bytes) {
  const Clock::time_point deadline = Deadline();
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
      if (absl::Status status = CheckTime(deadline); !bytes.empty() && !status.ok()) {
        return status;
      }
    } else if (errno == EAGAIN) {
      if (absl::Status status = Await(POLLOUT, deadline); !status.ok()) {
        return status;
      }
    } else if (errno != EINTR) {
      return Gone();
    }
  }
  return absl::OkStatus();
}

absl::Status UnixStream::Receive(std::span<std::byte> bytes) {
  const Clock::time_point deadline = Deadline();
  while (!bytes.empty()) {
    const ssize_t received = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (received > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(received));
      if (absl::Status status = CheckTime(deadline); !bytes.empty() && !status.ok()) {
        return status;
      }
    } else if (received < 0 && errno == EAGAIN) {
      if (absl::Status status = Await(POLLIN, deadline); !status.ok()) {
        return status;
      }
    } else if (received == 0 || errno != EINTR) {
      return Gone();
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<base::UniqueFd> ListenForTransfers(const std::string& path) {
  if (absl::Status status = transport::shm::CheckSocketPath(path); !status.ok()) {
    return status;
  }
  struct stat facts = {};
  if (::lstat(path.c_str(), &facts) == 0 && S_ISSOCK(facts.st_mode)) {
    ::unlink(path.c_str());
  }
  base::UniqueFd socket(::socket(AF_UNIX, kSocketType, 0));
  const sockaddr_un address = AddressOf(path);
  if (!socket.valid() ||
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(socket.get(), kBacklog) != 0) {
    const int error = errno;
    const std::string text =
        absl::StrCat("cannot listen on socket ", path, ": ", std::generic_category().message(error));
    return error == EADDRINUSE
               ? absl::AlreadyExistsError(absl::StrCat(text, "; something else is there: remove it"))
               : absl::UnavailableError(
                     absl::StrCat(text, "; check that the directory exists and is writable"));
  }
  return socket;
}

}  // namespace gaios::rsm

#ifndef GAIOS_TRANSPORT_SHM_SOCKET_H_
#define GAIOS_TRANSPORT_SHM_SOCKET_H_

// Non-blocking SOCK_SEQPACKET Unix sockets that carry packets and file descriptors. Thin and stateless: what
// the packets mean is decided elsewhere. No call waits.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include <absl/status/statusor.h>

#include "gaios/base/unique_fd.h"
#include "gaios/transport/shm/wire.h"

namespace gaios::transport::shm {

inline constexpr std::size_t kMaxPassedFds = 2;

// Fails with InvalidArgument when `path` does not fit into a socket address.
absl::Status CheckSocketPath(const std::string& path);

// Listens at `path`, where no file may be.
absl::StatusOr<base::UniqueFd> Listen(const std::string& path);

// A connection to the socket at `path`, or an invalid descriptor when nobody listens there (yet).
base::UniqueFd Connect(const std::string& path);

// The next connection that waits, or an invalid descriptor.
base::UniqueFd Accept(int listener);

// Whether the process at the other end belongs to the user of this one, or to root.
bool PeerIsTrusted(int socket);

enum class SendResult : std::uint8_t { kSent, kWouldBlock, kClosed };
SendResult SendPacket(int socket, const Packet& packet, std::span<const int> fds = {});

struct Received {
  enum class Kind : std::uint8_t {
    kPacket,
    kNothing,    // none waits
    kClosed,     // the other end is gone and all it sent has been read
    kMalformed,  // longer than any packet, or with more descriptors than any
  };
  Kind kind = Kind::kNothing;
  std::size_t size = 0;
  std::array<base::UniqueFd, kMaxPassedFds> fds;
  std::size_t fd_count = 0;
};

// Reads one packet into `buffer`.
Received ReceivePacket(int socket, std::span<std::byte> buffer);

}  // namespace gaios::transport::shm

#endif  // GAIOS_TRANSPORT_SHM_SOCKET_H_

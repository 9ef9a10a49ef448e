#include "gaios/rsm/client/client_port.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "gaios/base/align.h"
#include "gaios/base/check.h"
#include "gaios/rsm/client/wire.h"
#include "gaios/transport/shm/socket.h"

namespace gaios::rsm {
namespace {

using base::UniqueFd;

// Requests taken from one client in one turn, so that many clients and the protocol have their turns too.
constexpr std::size_t kRequestsPerTurn = 32;
// Turns with something to do in a row before the clock is read; reading it costs as much as serving.
constexpr std::uint32_t kBusyTurns = 32;

bool IsRingSize(std::size_t bytes) {
  return base::IsPowerOfTwo(bytes) && bytes >= kMinRingBytes && bytes <= kMaxRingBytes;
}

absl::Status RemoveStaleSocket(const std::string& path) {
  struct stat facts = {};
  if (::lstat(path.c_str(), &facts) != 0) {
    return absl::OkStatus();
  }
  if (!S_ISSOCK(facts.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " exists and is not a socket; remove it or choose another directory"));
  }
  if (transport::shm::Connect(path).valid()) {
    return absl::AlreadyExistsError(absl::StrCat("another process listens on ", path,
                                                 "; stop it, or give this replica another directory"));
  }
  ::unlink(path.c_str());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ClientPort>> ClientPort::Open(const std::string& directory,
                                                             paxos::ReplicaId id, paxos::GroupId group,
                                                             const ClientPortOptions& options,
                                                             const base::Clock& clock) {
  GAIOS_CHECK(IsRingSize(options.request_ring_bytes) && IsRingSize(options.response_ring_bytes),
              "rings are a power of two long, within bounds");
  GAIOS_CHECK(options.response_ring_bytes >= 2 * kMaxResponseRecordBytes, "the largest response fits");
  const std::string path = ClientSocketPath(directory, id);
  if (absl::Status status = transport::shm::CheckSocketPath(path); !status.ok()) {
    return status;
  }
  if (absl::Status status = RemoveStaleSocket(path); !status.ok()) {
    return status;
  }
  absl::StatusOr<base::UniqueFd> listener = transport::shm::Listen(path);
  if (!listener.ok()) {
    return listener.status();
  }
  const PortIdentity identity = {.group = group,
                                 .group_name = options.group_name,
                                 .replica = id,
                                 .request_ring_bytes = options.request_ring_bytes,
                                 .response_ring_bytes = options.response_ring_bytes};
  return std::unique_ptr<ClientPort>(new ClientPort(path, *std::move(listener), identity, options, clock));
}

ClientPort::ClientPort(const std::string& path, base::UniqueFd listener, const PortIdentity& identity,
                       const ClientPortOptions& options, const base::Clock& clock)
    : path_(path), listener_(std::move(listener)), identity_(identity), options_(options), clock_(clock) {
  connections_.reserve(options.max_clients);
}

bool ClientPort::Poll(Replica& replica) {
  bool worked = false;
  const std::size_t count = connections_.size();
  const std::size_t max_command_bytes = std::min(
      replica.max_command_bytes(), MaxRecordBytes(options_.request_ring_bytes) - sizeof(RequestHeader));
  if (count != 0) {
    first_ = first_ + 1 < count ? first_ + 1 : 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t at = first_ + i < count ? first_ + i : first_ + i - count;
      PortConnection& connection = *connections_[at];
      worked |= connection.Prepare(max_command_bytes) || connection.Serve(replica, kRequestsPerTurn);
    }
  }
  if (worked && ++busy_turns_ < kBusyTurns) {
    return true;
  }
  busy_turns_ = 0;
  const std::uint64_t now_ns = clock_.NowNs();
  if (now_ns >= next_check_ns_) {
    next_check_ns_ = now_ns + kCheckIntervalNs;
    CheckSockets(now_ns, max_command_bytes);
  }
  return worked;
}

void ClientPort::CheckSockets(std::uint64_t now_ns, std::size_t max_command_bytes) {
  Accept(now_ns);
  for (const std::unique_ptr<PortConnection>& connection : connections_) {
    connection->CheckSocket(now_ns, max_command_bytes);
  }
  RemoveFinished();
}

void ClientPort::Accept(std::uint64_t now_ns) {
  while (connections_.size() < options_.max_clients) {
    base::UniqueFd socket = transport::shm::Accept(listener_.get());
    if (!socket.valid()) {
      return;
    }
    if (!transport::shm::PeerIsTrusted(socket.get())) {
      ++counters_.untrusted;
      continue;
    }
    ++counters_.accepted;
    connections_.push_back(std::make_unique<PortConnection>(std::move(socket), identity_, now_ns));
  }
}

void ClientPort::RemoveFinished() {
  std::erase_if(connections_, [this](const std::unique_ptr<PortConnection>& connection) {
    if (!connection->finished()) {
      return false;
    }
    Count(connection->end());
    return true;
  });
}

void ClientPort::Count(PortConnection::End end) {
  switch (end) {
    case PortConnection::End::kNone:
      break;
    case PortConnection::End::kLeft:
      ++counters_.left;
      break;
    case PortConnection::End::kRefused:
      ++counters_.refused;
      break;
    case PortConnection::End::kMisbehaved:
      ++counters_.misbehaved;
      break;
    case PortConnection::End::kNoMemory:
      ++counters_.no_memory;
      break;
  }
}

}  // namespace gaios::rsm

#ifndef GAIOS_RSM_CLIENT_CLIENT_PORT_H_
#define GAIOS_RSM_CLIENT_CLIENT_PORT_H_

// Where the clients of this host come in to a replica: a Unix socket to connect by and, for each client, two
// rings in memory shared with it, so that a request costs no system call on either side.
//
// Poll it in the replica's loop. Sockets are looked at every kCheckIntervalNs by the clock, and each turn
// while a new client's memory is prepared; apart from that no call of it is a system call, and nothing
// allocates while clients stay. One thread, the replica's.
//
// Only processes of the same user, or of root, are let in; even so nothing they do can harm more than their
// own connection. See port_connection.h.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "gaios/base/clock.h"
#include "gaios/base/unique_fd.h"
#include "gaios/paxos/types.h"
#include "gaios/rsm/client/port_connection.h"
#include "gaios/rsm/replica.h"
#include "gaios/transport/shm/owned_path.h"

namespace gaios::rsm {

struct ClientPortOptions {
  // Connections at once; one more waits. Each has rings of its own.
  std::size_t max_clients = 64;
  // Both are powers of two. A command must fit twice into the first. The second bounds the requests of one
  // client that are under way: each sets aside the room of the largest reply.
  std::size_t request_ring_bytes = std::size_t{512} << 10;
  std::size_t response_ring_bytes = std::size_t{2} << 20;
  // How the group is called where a client of another one is refused.
  std::string group_name;
};

struct ClientPortCounters {
  std::uint64_t accepted = 0;
  std::uint64_t untrusted = 0;   // of another user
  std::uint64_t refused = 0;     // of another group, version or for another replica
  std::uint64_t misbehaved = 0;  // closed for what it did
  std::uint64_t left = 0;
  std::uint64_t no_memory = 0;
};

class ClientPort {
 public:
  static constexpr std::uint64_t kCheckIntervalNs = 500'000;

  // Listens in `directory`, which must exist. `clock` must outlive the port. A socket left by a crashed life
  // of this replica is replaced; AlreadyExists when a live process listens there.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ClientPort>> Open(const std::string& directory,
                                                                        paxos::ReplicaId id,
                                                                        paxos::GroupId group,
                                                                        const ClientPortOptions& options,
                                                                        const base::Clock& clock);
  ClientPort(const ClientPort&) = delete;
  ClientPort& operator=(const ClientPort&) = delete;
  // The replica must not be polled any more: it may still have to answer to connections.
  ~ClientPort() = default;

  // One turn: takes what clients have asked for. Always of the same replica. Returns whether there was
  // anything to do. Responses go out from within Replica::Poll.
  bool Poll(Replica& replica);

  [[nodiscard]] const ClientPortCounters& counters() const { return counters_; }
  // Connections, those included that are closed and wait for the replica's last answers.
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }

 private:
  ClientPort(const std::string& path, base::UniqueFd listener, const PortIdentity& identity,
             const ClientPortOptions& options, const base::Clock& clock);
  void CheckSockets(std::uint64_t now_ns, std::size_t max_command_bytes);
  void Accept(std::uint64_t now_ns);
  void RemoveFinished();
  void Count(PortConnection::End end);

  const transport::shm::OwnedPath path_;
  const base::UniqueFd listener_;
  const PortIdentity identity_;
  const ClientPortOptions options_;
  const base::Clock& clock_;
  std::vector<std::unique_ptr<PortConnection>> connections_;
  std::size_t first_ = 0;  // served first in the next turn
  std::uint64_t next_check_ns_ = 0;
  std::uint32_t busy_turns_ = 0;  // since the clock was last read
  ClientPortCounters counters_;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_CLIENT_CLIENT_PORT_H_

#ifndef GAIOS_RSM_CLIENT_SHM_CONNECTION_H_
#define GAIOS_RSM_CLIENT_SHM_CONNECTION_H_

// A client's way to one replica of its host: the socket to connect by, then the shared rings.
//
// Advance() makes the system calls: connecting, and looking whether the replica still lives. The rest makes
// none and allocates nothing. One thread.

#include <cstddef>
#include <span>
#include <string>

#include "gaios/base/unique_fd.h"
#include "gaios/paxos/types.h"
#include "gaios/rsm/client/connection.h"
#include "gaios/transport/shm/region.h"

namespace gaios::rsm {

class ShmConnection final : public ClientConnection {
 public:
  ShmConnection(const std::string& directory, paxos::ReplicaId replica, paxos::GroupId group);

  void Advance() override;
  void Close() override;

 private:
  void Connect();
  void Receive();
  void TakeWelcome(std::span<const std::byte> packet, std::span<base::UniqueFd> fds);
  void Fail(std::string why);

  const paxos::ReplicaId replica_;
  const paxos::GroupId group_;
  const std::string path_;
  base::UniqueFd socket_;
  transport::shm::Region memory_;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_CLIENT_SHM_CONNECTION_H_

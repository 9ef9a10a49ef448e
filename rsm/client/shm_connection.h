#ifndef GAIOS_RSM_CLIENT_SHM_CONNECTION_H_
#define GAIOS_RSM_CLIENT_SHM_CONNECTION_H_

// A client's way to one replica of its host: the socket to connect by, then the shared rings. It carries
// requests and responses; what they mean is the client's business.
//
// Advance() makes the system calls: connecting, and looking whether the replica still lives. The rest makes
// none and allocates nothing. A replica that dies leaves what it had answered in the ring: read that before
// Close(). One thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "gaios/base/unique_fd.h"
#include "gaios/paxos/types.h"
#include "gaios/rsm/client/byte_ring.h"
#include "gaios/rsm/client/wire.h"
#include "gaios/transport/shm/region.h"

namespace gaios::rsm {

class ShmConnection {
 public:
  enum class State : std::uint8_t {
    kDown,      // not connected
    kGreeting,  // connected; the replica has yet to pass its memory
    kReady,
    kLost,  // was ready; the replica is gone, or does what no replica does. Responses may be left
  };

  ShmConnection(const std::string& directory, paxos::ReplicaId replica, paxos::GroupId group);

  // Connects when down, greets, and notices that the replica is gone. Makes system calls and returns at once.
  void Advance();
  // Back to kDown, whatever was under way.
  void Close();

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool ready() const { return state_ == State::kReady; }
  // kReady: bytes that the replica takes.
  [[nodiscard]] std::size_t max_command_bytes() const { return max_command_bytes_; }
  // Why the last attempt to connect failed; empty when none did.
  [[nodiscard]] const std::string& failure() const { return failure_; }

  // False when the ring is full, or the connection not ready.
  [[nodiscard]] bool Send(const RequestHeader& header, std::span<const std::byte> command);

  struct Response {
    ResponseHeader header;
    std::span<const std::byte> reply;  // valid until PopResponse() or Close()
  };
  // The oldest response, also of a connection that was lost; nothing when there is none.
  [[nodiscard]] std::optional<Response> FrontResponse();
  void PopResponse() { responses_.Pop(); }

 private:
  void Connect();
  void Receive();
  void TakeWelcome(std::span<const std::byte> packet, std::span<base::UniqueFd> fds);
  void Fail(std::string why);

  const paxos::ReplicaId replica_;
  const paxos::GroupId group_;
  const std::string path_;
  State state_ = State::kDown;
  std::string failure_;
  base::UniqueFd socket_;
  transport::shm::Region memory_;
  RingWriter requests_;   // kReady
  RingReader responses_;  // kReady, kLost
  std::size_t max_command_bytes_ = 0;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_CLIENT_SHM_CONNECTION_H_

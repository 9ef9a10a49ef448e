#ifndef GAIOS_RSM_CLIENT_CONNECTION_H_
#define GAIOS_RSM_CLIENT_CONNECTION_H_

// A client's way to one replica: a ring of requests that it fills and one of responses that it empties. How
// the rings come about, and how their bytes reach the replica, is the business of what derives from it:
// memory that both share (shm_connection.h), or datagrams (network/network_connection.h). What requests and
// responses mean is the client's.
//
// What a replica has answered before it was lost stays in the ring: read that before Close(). One thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "gaios/rsm/client/byte_ring.h"
#include "gaios/rsm/client/wire.h"

namespace gaios::rsm {

class ClientConnection {
 public:
  enum class State : std::uint8_t {
    kDown,      // not connected
    kGreeting,  // on the way to it
    kReady,
    kLost,  // was ready; the replica is gone, or does what no replica does. Responses may be left
  };

  ClientConnection() = default;
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;
  virtual ~ClientConnection() = default;

  // Connects when down, greets, and notices that the replica is gone. Makes system calls and returns at once.
  virtual void Advance() = 0;
  // Back to kDown, whatever was under way.
  virtual void Close() = 0;
  // Fetches what has arrived into the ring of responses. Does nothing where rings are shared.
  virtual void Fetch(std::uint64_t /*now_ns*/) {}
  // Passes on what was put into the ring of requests. Does nothing where rings are shared.
  virtual void PassOn(std::uint64_t /*now_ns*/) {}
  // The same when nothing is under way; else PassOn will take it together with what follows.
  virtual void PassOnIfIdle(std::uint64_t /*now_ns*/) {}

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

 protected:
  State state_ = State::kDown;
  std::string failure_;
  RingWriter requests_;   // kReady
  RingReader responses_;  // kReady, kLost
  std::size_t max_command_bytes_ = 0;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_CLIENT_CONNECTION_H_

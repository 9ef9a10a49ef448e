#ifndef GAIOS_TRANSPORT_BOOTSTRAP_CONNECTION_H_
#define GAIOS_TRANSPORT_BOOTSTRAP_CONNECTION_H_

// One TCP connection: its socket, TLS, and the bytes of frames that came in and are to go out. It moves
// bytes; what frames mean is decided by Impl. One thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gaios/base/unique_fd.h"
#include "gaios/transport/bootstrap/tls.h"
#include "gaios/transport/bootstrap/wire.h"

namespace gaios::transport::bootstrap {

// How far a connection has come. It only goes forward.
enum class Stage : std::uint8_t {
  kConnecting,   // TCP, of the end that dials
  kHandshaking,  // TLS
  kGreeting,     // waits for a hello
  kAdmitting,    // of the other end: has answered the hello, waits for the admit
  kUp,
  kLingering,  // refused: the last frame or alert goes out, then what comes in is thrown away until it ends
};

// Bytes on their way out. The room is made once and again when it grows, never while bytes go through.
class Outbox {
 public:
  // Keeps what is in it. `bytes` is not less than before.
  void Reserve(std::size_t bytes);
  [[nodiscard]] std::size_t size() const { return end_ - begin_; }
  [[nodiscard]] bool empty() const { return begin_ == end_; }
  // False, and nothing is taken, when there is no room for all of it.
  [[nodiscard]] bool Append(FrameType type, std::span<const std::byte> payload);
  [[nodiscard]] std::span<const std::byte> front() const;
  void Drop(std::size_t bytes);

 private:
  std::vector<std::byte> bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

struct Connection {
  // Room for what an end says before it is up: a hello and a refusal.
  static constexpr std::size_t kGreetingRoom = 2 * (sizeof(FrameHeader) + kMaxGreetingBytes);
  // Beside that of the user, for pings.
  static constexpr std::size_t kOwnRoom = 64;

  Connection(base::UniqueFd socket, std::unique_ptr<TlsChannel> channel, bool dialled_by_us,
             std::string address_text);

  // Moves what is in `outbox` to TLS, as far as the socket takes it. kDone: all of it, or nothing to do.
  [[nodiscard]] TlsResult Flush();
  // Fills `reader`, whose frames have all been taken. kDone: there may be more.
  [[nodiscard]] TlsResult Fill();
  // Throws away what comes in. kDone: there may be more.
  [[nodiscard]] TlsResult Discard();

  base::UniqueFd socket;
  std::unique_ptr<TlsChannel> tls;  // after `socket`, which it uses to its end
  const bool dialled_by_us;
  const std::string address;

  Stage stage;
  ReplicaId peer;           // when dialled, or from its hello on
  bool introduces = false;  // dialled for a visit of kIntroduce alone
  bool peer_known = false;  // of one that came in: its hello was of a replica of the group
  Hello hello;              // of the peer, from kAdmitting on
  FrameReader reader;
  Outbox outbox;

  bool ready = true;              // its socket may have something to say, or TLS has kept something back
  bool watches_write = false;     // what epoll was told
  bool disconnect = false;        // by the user
  bool broken = false;            // found while sending
  bool said_all = false;          // of kLingering: nothing more goes out
  std::uint64_t order = 0;        // in which connections were made
  std::uint64_t deadline_ns = 0;  // until kUp, and for kLingering
  std::uint64_t heard_ns = 0;     // when something came in last, from kUp on
  std::uint64_t spoke_ns = 0;     // when something was put into the outbox last, from kUp on
};

}  // namespace gaios::transport::bootstrap

#endif  // GAIOS_TRANSPORT_BOOTSTRAP_CONNECTION_H_

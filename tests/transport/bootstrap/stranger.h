#ifndef GAIOS_TESTS_TRANSPORT_BOOTSTRAP_STRANGER_H_
#define GAIOS_TESTS_TRANSPORT_BOOTSTRAP_STRANGER_H_

// Ends that are no Bootstrap: a bare TCP connection that says what it likes, and a dialler that has the key,
// speaks TLS, and says what it likes inside. One thread; nothing waits.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gaios/base/unique_fd.h"
#include "gaios/transport/bootstrap/connection.h"
#include "gaios/transport/bootstrap/tls.h"
#include "gaios/transport/bootstrap/wire.h"

namespace gaios::transport::bootstrap {

// A connection to a port of this host.
class Stranger {
 public:
  explicit Stranger(std::uint16_t port);

  // As much of it as the socket takes. What has been closed by the other end takes nothing.
  void Say(std::string_view bytes) const;
  // Whether the other end has closed it.
  [[nodiscard]] bool Closed();
  [[nodiscard]] const std::string& heard() const { return heard_; }
  void Leave() { socket_.Close(); }

 private:
  base::UniqueFd socket_;
  std::string heard_;
  bool closed_ = false;
};

// Speaks TLS with the credentials it is given; frames are up to the test.
class Puppet {
 public:
  Puppet(std::uint16_t port, const Credentials& credentials);
  ~Puppet();

  // Goes on with what is under way. To be called between turns of the end that it talks to.
  void Turn();
  void Say(FrameType type, std::span<const std::byte> payload);
  // Bytes inside of TLS that need not be a frame.
  void SayRaw(std::span<const std::byte> bytes);

  [[nodiscard]] bool shook_hands() const { return shook_hands_; }
  [[nodiscard]] bool over() const { return over_; }
  // Frames that came in: their types, and the last refusal and hello.
  [[nodiscard]] const std::vector<FrameType>& heard() const { return heard_; }
  [[nodiscard]] const std::optional<RefuseFrame>& refuse() const { return refuse_; }

 private:
  std::unique_ptr<TlsContext> context_;
  std::unique_ptr<Connection> connection_;
  std::string raw_;
  bool shook_hands_ = false;
  bool over_ = false;
  std::vector<FrameType> heard_;
  std::optional<RefuseFrame> refuse_;
};

}  // namespace gaios::transport::bootstrap

#endif  // GAIOS_TESTS_TRANSPORT_BOOTSTRAP_STRANGER_H_

#ifndef GAIOS_TRANSPORT_BOOTSTRAP_SECURE_STREAM_H_
#define GAIOS_TRANSPORT_BOOTSTRAP_SECURE_STREAM_H_

// A connection of a visitor, once both ends have proved to be of the cluster: bytes both ways, in order,
// inside of TLS. For threads that may wait; each wait has an end, and can be ended by another thread.
//
// One thread at a time. Errors: Unavailable when the other end is gone, DeadlineExceeded when a call takes
// longer than it may, Cancelled when this end is to stop. After an error the stream is of no more use.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/unique_fd.h"
#include "gaios/transport/bootstrap/socket.h"
#include "gaios/transport/bootstrap/tls.h"
#include "gaios/transport/bootstrap/wire.h"

namespace gaios::transport::bootstrap {

// How long a call may take, and what ends it early.
struct Patience {
  int stop_fd = -1;  // readable: this end is to stop
  int limit_ms = 0;  // for the whole call, not for each byte
};

class SecureStream {
 public:
  // The end that was dialled. `socket` is connected and non-blocking, `tls` uses it and has shaken hands.
  SecureStream(base::UniqueFd socket, std::unique_ptr<TlsChannel> tls, std::shared_ptr<TlsContext> context,
               std::string address)
      : context_(std::move(context)),
        socket_(std::move(socket)),
        tls_(std::move(tls)),
        address_(std::move(address)) {}
  SecureStream(const SecureStream&) = delete;
  SecureStream& operator=(const SecureStream&) = delete;
  ~SecureStream();

  // Goes to the replica at `address` with `visit`, and waits until that admits it, all within `patience`.
  // Errors as above; and PermissionDenied: the two do not trust each other; FailedPrecondition: refused by
  // name. Each names the address and what to do.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<SecureStream>> Go(std::shared_ptr<TlsContext> context,
                                                                        const SocketAddress& address,
                                                                        const Visit& visit,
                                                                        const Patience& patience);

  // All of `bytes`, or an error.
  [[nodiscard]] absl::Status Send(std::span<const std::byte> bytes, const Patience& patience);
  [[nodiscard]] absl::Status Receive(std::span<std::byte> bytes, const Patience& patience);

  // Of the other end, with the port.
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  class Deadline;
  [[nodiscard]] absl::Status Await(const Deadline& deadline, bool connecting = false) const;
  [[nodiscard]] absl::Status CheckTime(const Deadline& deadline) const;
  [[nodiscard]] absl::Status TooSlow(const Deadline& deadline) const;
  [[nodiscard]] absl::Status Shake(const Deadline& deadline);
  // Until all bytes have gone one way or the other; `move` is the channel's Read or Write.
  template <typename Bytes>
  [[nodiscard]] absl::Status MoveBy(const Deadline& deadline, Bytes bytes,
                                    TlsResult (TlsChannel::*move)(Bytes, std::size_t&));
  [[nodiscard]] absl::Status SendBy(const Deadline& deadline, std::span<const std::byte> bytes);
  [[nodiscard]] absl::Status ReceiveBy(const Deadline& deadline, std::span<std::byte> bytes);
  [[nodiscard]] absl::Status AwaitAdmission(const Deadline& deadline);
  [[nodiscard]] absl::Status Failure(TlsResult result) const;

  const std::shared_ptr<TlsContext> context_;
  const base::UniqueFd socket_;
  const std::unique_ptr<TlsChannel> tls_;  // after `socket_`, which it uses to its end
  const std::string address_;
};

// Receives visitors. Called by the thread that polls the Bootstrap; must not wait.
class VisitorHandler {
 public:
  virtual ~VisitorHandler() = default;
  // Whether there is room for one more. What Welcome has said yes to comes by OnVisitor at once, or not at
  // all.
  [[nodiscard]] virtual bool Welcome() = 0;
  virtual void OnVisitor(const Visit& visit, std::unique_ptr<SecureStream> stream) = 0;
};

}  // namespace gaios::transport::bootstrap

#endif  // GAIOS_TRANSPORT_BOOTSTRAP_SECURE_STREAM_H_

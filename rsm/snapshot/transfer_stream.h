#ifndef GAIOS_RSM_SNAPSHOT_TRANSFER_STREAM_H_
#define GAIOS_RSM_SNAPSHOT_TRANSFER_STREAM_H_

// The bytes between who gives a snapshot and who takes it, both ways and in order; over a Unix socket
// between processes of a host, or from host to host (donor_route.h). One thread.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/unique_fd.h"

namespace gaios::rsm {

// Errors: Unavailable when the other end is gone, DeadlineExceeded when a call takes too long, Cancelled when
// this end is to stop. After an error the stream is of no more use.
class TransferStream {
 public:
  virtual ~TransferStream() = default;
  // All of `bytes`, or an error.
  [[nodiscard]] virtual absl::Status Send(std::span<const std::byte> bytes) = 0;
  [[nodiscard]] virtual absl::Status Receive(std::span<std::byte> bytes) = 0;
  // How long the other end may take for its part of a call from now on.
  virtual void set_patience_ms(int patience_ms) = 0;
  // The socket to a process of this host, for a look whether that is still there; -1: to none.
  [[nodiscard]] virtual int socket() const { return -1; }
};

class UnixStream final : public TransferStream {
 public:
  // `socket` is connected and non-blocking. Waiting ends when `stop_fd` is readable; a call takes
  // `patience_ms` at most, so that also an end that trickles is done with.
  UnixStream(base::UniqueFd socket, int stop_fd, int patience_ms)
      : socket_(std::move(socket)), stop_fd_(stop_fd), patience_ms_(patience_ms) {}

  // To the socket at `path`. Unavailable when nobody takes it there.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<TransferStream>> Connect(const std::string& path,
                                                                               int stop_fd, int patience_ms);

  [[nodiscard]] absl::Status Send(std::span<const std::byte> bytes) override;
  [[nodiscard]] absl::Status Receive(std::span<std::byte> bytes) override;
  void set_patience_ms(int patience_ms) override { patience_ms_ = patience_ms; }
  [[nodiscard]] int socket() const override { return socket_.get(); }

 private:
  using Clock = std::chrono::steady_clock;
  [[nodiscard]] Clock::time_point Deadline() const {
    return Clock::now() + std::chrono::milliseconds(patience_ms_);
  }
  [[nodiscard]] absl::Status CheckTime(Clock::time_point deadline) const;
  [[nodiscard]] absl::Status TooSlow() const;
  [[nodiscard]] absl::Status Await(short events, Clock::time_point deadline) const;

  const base::UniqueFd socket_;
  const int stop_fd_;
  int patience_ms_;
};

// Listens at `path`; a socket that a life that has ended left there is replaced. AlreadyExists when
// something else is there.
[[nodiscard]] absl::StatusOr<base::UniqueFd> ListenForTransfers(const std::string& path);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_SNAPSHOT_TRANSFER_STREAM_H_

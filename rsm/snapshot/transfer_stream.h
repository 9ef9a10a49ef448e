#ifndef GAIOS_RSM_SNAPSHOT_TRANSFER_STREAM_H_
#define GAIOS_RSM_SNAPSHOT_TRANSFER_STREAM_H_

// The bytes between who gives a snapshot and who takes it, both ways and in order; over a Unix socket between
// processes of a host. One thread.

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

// Errors: Unavailable when the other end is gone, DeadlineExceeded when it does nothing for too long,
// Cancelled when this end is to stop. After an error the stream is of no more use.
class TransferStream {
 public:
  virtual ~TransferStream() = default;
  // All of `bytes`, or an error.
  [[nodiscard]] virtual absl::Status Send(std::span<const std::byte> bytes) = 0;
  [[nodiscard]] virtual absl::Status Receive(std::span<std::byte> bytes) = 0;
};

class UnixStream final : public TransferStream {
 public:
  // `socket` is connected and non-blocking. Waiting ends when `stop_fd` is readable; the other end may do
  // nothing for `silence_ms` at most.
  UnixStream(base::UniqueFd socket, int stop_fd, int silence_ms)
      : socket_(std::move(socket)), stop_fd_(stop_fd), silence_ms_(silence_ms) {}

  // To the socket at `path`. Unavailable when nobody takes it there.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<TransferStream>> Connect(const std::string& path,
                                                                               int stop_fd, int silence_ms);

  [[nodiscard]] absl::Status Send(std::span<const std::byte> bytes) override;
  [[nodiscard]] absl::Status Receive(std::span<std::byte> bytes) override;
  void set_silence_ms(int silence_ms) { silence_ms_ = silence_ms; }

 private:
  [[nodiscard]] absl::Status Await(short events) const;

  const base::UniqueFd socket_;
  const int stop_fd_;
  int silence_ms_;
};

// Listens at `path`; a socket that a life that has ended left there is replaced. AlreadyExists when something
// else is there.
[[nodiscard]] absl::StatusOr<base::UniqueFd> ListenForTransfers(const std::string& path);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_SNAPSHOT_TRANSFER_STREAM_H_

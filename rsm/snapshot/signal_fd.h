#ifndef GAIOS_RSM_SNAPSHOT_SIGNAL_FD_H_
#define GAIOS_RSM_SNAPSHOT_SIGNAL_FD_H_

// Something that happens in one thread and that another waits for together with sockets. Any thread.

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include <absl/status/statusor.h>

#include "gaios/base/unique_fd.h"

namespace gaios::rsm {

class SignalFd {
 public:
  [[nodiscard]] static absl::StatusOr<SignalFd> Create() {
    base::UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!fd.valid()) {
      return absl::ResourceExhaustedError(
          "no descriptors are left for snapshots; raise the limit of open files");
    }
    return SignalFd(std::move(fd));
  }

  // From now on fd() is readable, until Clear().
  void Raise() const {
    const std::uint64_t one = 1;
    while (::write(fd_.get(), &one, sizeof(one)) < 0 && errno == EINTR) {
    }
  }
  void Clear() const {
    std::uint64_t count = 0;
    // NOLINTNEXTLINE(clang-analyzer-unix.BlockInCriticalSection): it does not block
    while (::read(fd_.get(), &count, sizeof(count)) < 0 && errno == EINTR) {
    }
  }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  explicit SignalFd(base::UniqueFd fd) : fd_(std::move(fd)) {}
  base::UniqueFd fd_;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_SNAPSHOT_SIGNAL_FD_H_

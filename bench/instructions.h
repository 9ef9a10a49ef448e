#ifndef GAIOS_BENCH_INSTRUCTIONS_H_
#define GAIOS_BENCH_INSTRUCTIONS_H_

// Counts instructions that the calling thread executes in user mode, where the kernel lets us. One thread.

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <optional>

namespace gaios::bench {

class Instructions {
 public:
  Instructions() {
    perf_event_attr attributes = {};
    attributes.size = sizeof(attributes);
    attributes.type = PERF_TYPE_HARDWARE;
    attributes.config = PERF_COUNT_HW_INSTRUCTIONS;
    attributes.exclude_kernel = 1;
    attributes.exclude_hv = 1;
    fd_ = static_cast<int>(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
  }
  Instructions(const Instructions&) = delete;
  Instructions& operator=(const Instructions&) = delete;
  ~Instructions() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }

  // Executed so far; nothing where counting is not permitted.
  [[nodiscard]] std::optional<std::uint64_t> Read() const {
    std::uint64_t count = 0;
    if (fd_ < 0 || read(fd_, &count, sizeof(count)) != sizeof(count)) {
      return std::nullopt;
    }
    return count;
  }

 private:
  int fd_;
};

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_INSTRUCTIONS_H_

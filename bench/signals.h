#ifndef GAIOS_BENCH_SIGNALS_H_
#define GAIOS_BENCH_SIGNALS_H_

#include <poll.h>
#include <unistd.h>

#include <array>

namespace gaios::bench {

// Bytes that replicas send to the process that measures when something has happened, so that nobody sleeps to
// wait for it. Made before the fork.
class Signals {
 public:
  static constexpr int kPatienceMs = 20'000;

  Signals() { valid_ = pipe(ends_.data()) == 0; }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals() {
    if (valid_) {
      close(ends_[0]);
      close(ends_[1]);
    }
  }
  [[nodiscard]] bool Send(char byte) const { return write(ends_[1], &byte, 1) == 1; }
  // Whether the next byte comes in time and is `expected`.
  [[nodiscard]] bool Await(char expected, int patience_ms = kPatienceMs) const {
    pollfd source{.fd = ends_[0], .events = POLLIN, .revents = 0};
    char byte = 0;
    return valid_ && ::poll(&source, 1, patience_ms) == 1 && read(ends_[0], &byte, 1) == 1 &&
           byte == expected;
  }

 private:
  std::array<int, 2> ends_ = {-1, -1};
  bool valid_ = false;
};

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_SIGNALS_H_

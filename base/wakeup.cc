#include "gaios/base/wakeup.h"

#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <memory>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/check.h"

namespace gaios::base {

absl::StatusOr<std::unique_ptr<Wakeup>> Wakeup::Create() {
  const int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (event_fd < 0) {
    return absl::ErrnoToStatus(
        errno,
        "cannot create the eventfd of a blocking idle strategy; raise the limit of open files (ulimit -n)");
  }
  return std::unique_ptr<Wakeup>(new Wakeup(event_fd));
}

Wakeup::Wakeup(int event_fd)
    : event_fd_(event_fd), polled_{{.fd = event_fd, .events = POLLIN, .revents = 0}} {}

void Wakeup::Watch(std::span<const int> descriptors) {
  polled_.resize(1);
  for (const int descriptor : descriptors) {
    polled_.push_back({.fd = descriptor, .events = POLLIN, .revents = 0});
  }
}

Wakeup::~Wakeup() {
  close(event_fd_);
}

void Wakeup::NotifyWaiter() {
  // Of several notifiers one makes the system call.
  if (!waiting_.value.exchange(false, std::memory_order_acq_rel)) {
    return;
  }
  const std::uint64_t one = 1;
  ssize_t written = 0;
  do {
    written = write(event_fd_, &one, sizeof one);
  } while (written < 0 && errno == EINTR);
  // The counter cannot overflow: the waiter is announced at most once per drain or withdrawal.
  GAIOS_CHECK(written == static_cast<ssize_t>(sizeof one), "an eventfd of ours refused a write");
}

bool Wakeup::Wait(std::uint64_t timeout_ns) {
  constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;
  // A bound that fits every time_t; such a wait ends long after anyone cares.
  constexpr std::uint64_t kMaxSeconds = INT32_MAX;
  const timespec timeout{
      .tv_sec = static_cast<time_t>(std::min(timeout_ns / kNanosecondsPerSecond, kMaxSeconds)),
      .tv_nsec = static_cast<std::int64_t>(timeout_ns % kNanosecondsPerSecond)};
  // A failed or interrupted poll is an early return, which callers expect.
  const bool notified =
      ppoll(polled_.data(), polled_.size(), &timeout, nullptr) > 0 && polled_.front().revents != 0;
  Withdraw();
  if (!notified) {
    return false;
  }
  std::uint64_t notifications = 0;
  return read(event_fd_, &notifications, sizeof notifications) == static_cast<ssize_t>(sizeof notifications);
}

}  // namespace gaios::base

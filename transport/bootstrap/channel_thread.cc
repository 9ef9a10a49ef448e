#include "gaios/transport/bootstrap/channel_thread.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <bit>
#include <system_error>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/base/background.h"
#include "gaios/base/pinning.h"

namespace gaios::transport::bootstrap {
namespace {

constexpr std::size_t kMaxNotices = 64;
// Nothing is waited for longer than this, whatever the channel says.
constexpr std::uint64_t kLongestWaitNs = 100'000'000;
using Numbers = std::array<std::uint64_t, sizeof(ChannelCounters) / sizeof(std::uint64_t)>;

}  // namespace

ChannelThread::~ChannelThread() {
  Stop();
}

void ChannelThread::Stop() {
  if (thread_.joinable()) {
    stop_.store(true, std::memory_order_release);
    Wake();
    thread_.join();
  }
}

absl::Status ChannelThread::Prepare(bool own_thread, const std::string& who) {
  wake_fd_ = base::UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_fd_.valid()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the system has no descriptor left for ", who, "; raise the limit (ulimit -n)"));
  }
  if (own_thread) {
    try {
      thread_ = std::thread([this] { Run(); });
    } catch (const std::system_error&) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the system gives no thread for ", who, "; raise the limit (ulimit -u)"));
    }
  }
  return absl::OkStatus();
}

void ChannelThread::Begin() {
  begun_.store(true, std::memory_order_release);
  Wake();
}

void ChannelThread::Wake() const {
  if (thread_.joinable()) {
    (void)::eventfd_write(wake_fd_.get(), 1);
  }
}

void ChannelThread::Run() {
  base::SetThisThreadName("channel");
  base::GoToBackground(base::BackgroundPriority::kOrdinary);  // the loop may be pinned
  while (!stop_.load(std::memory_order_acquire)) {
    if (begun_.load(std::memory_order_acquire)) {
      Wait(step_());
    } else {
      pollfd polled = {.fd = wake_fd_.get(), .events = POLLIN, .revents = 0};
      eventfd_t ignored = 0;
      if (::poll(&polled, 1, -1) > 0) {
        (void)::eventfd_read(wake_fd_.get(), &ignored);
      }
    }
  }
}

void ChannelThread::Wait(std::uint64_t again_at_ns) const {
  const std::uint64_t now_ns = clock_.NowNs();
  std::uint64_t until_ns = std::min(channel_.NextTimeNs(), now_ns + kLongestWaitNs);
  if (again_at_ns != 0) {
    until_ns = std::min(until_ns, again_at_ns);
  }
  const std::uint64_t wait_ns = until_ns > now_ns ? until_ns - now_ns : 0;
  std::array<pollfd, 2> polled = {pollfd{.fd = wake_fd_.get(), .events = POLLIN, .revents = 0},
                                  pollfd{.fd = channel_.poll_fd(), .events = POLLIN, .revents = 0}};
  const timespec timeout = {.tv_sec = 0, .tv_nsec = static_cast<long>(wait_ns)};
  if (::ppoll(polled.data(), polled.size(), &timeout, nullptr) > 0 && polled[0].revents != 0) {
    eventfd_t ignored = 0;
    (void)::eventfd_read(wake_fd_.get(), &ignored);
  }
}

void ChannelThread::Tell(std::string text) {
  const std::lock_guard lock(notices_mutex_);
  if (notices_.size() < kMaxNotices && std::find(notices_.begin(), notices_.end(), text) == notices_.end()) {
    notices_.push_back(std::move(text));
  }
}

std::vector<std::string> ChannelThread::TakeNotices() {
  const std::lock_guard lock(notices_mutex_);
  return std::exchange(notices_, {});
}

void ChannelThread::Count() {
  const auto counted = std::bit_cast<Numbers>(channel_.counters());
  for (std::size_t i = 0; i < counted.size(); ++i) {
    counters_[i].store(counted[i], std::memory_order_relaxed);
  }
}

ChannelCounters ChannelThread::counters() const {
  Numbers counted;
  for (std::size_t i = 0; i < counted.size(); ++i) {
    counted[i] = counters_[i].load(std::memory_order_relaxed);
  }
  return std::bit_cast<ChannelCounters>(counted);
}

}  // namespace gaios::transport::bootstrap

#include "gaios/transport/udp/lasting_port.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/base/background.h"
#include "gaios/base/pinning.h"

namespace gaios::transport::udp {
namespace {

PortCounters Sum(const PortCounters& one, const PortCounters& other) {
  PortCounters sum = one;
  sum.sent += other.sent;
  sum.sent_bytes += other.sent_bytes;
  sum.not_sent += other.not_sent;
  sum.unreachable += other.unreachable;
  sum.received += other.received;
  sum.received_bytes += other.received_bytes;
  sum.malformed += other.malformed;
  sum.foreign += other.foreign;
  sum.missed += other.missed;
  sum.lent += other.lent;
  sum.links_down += other.links_down;
  sum.wrong_checksums += other.wrong_checksums;
  sum.arp_asked += other.arp_asked;
  sum.arp_answered += other.arp_answered;
  sum.arp_conflicts += other.arp_conflicts;
  return sum;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LastingPort>> LastingPort::Make(LastingPortOptions options,
                                                               std::unique_ptr<Port> first) {
  std::unique_ptr<LastingPort> port(new LastingPort(std::move(options), std::move(first)));
  try {
    port->thread_ = std::thread([lasting = port.get()] { lasting->Run(); });
  } catch (const std::system_error&) {
    return absl::ResourceExhaustedError(absl::StrCat("the system gives no thread to open ",
                                                     port->options_.name,
                                                     " again when it is gone; raise the limit (ulimit -u)"));
  }
  return port;
}

LastingPort::LastingPort(LastingPortOptions options, std::unique_ptr<Port> first)
    : options_(std::move(options)),
      port_(std::move(first)),
      why_gone_(absl::StrCat(options_.name, " is not there yet")),
      wanted_(port_ == nullptr),
      told_(options_.told) {}

LastingPort::~LastingPort() {
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
}

std::string LastingPort::WhyDown() const {
  return port_ != nullptr ? port_->WhyDown() : why_gone_;
}

const PortCounters& LastingPort::counters() const {
  total_ = port_ != nullptr ? Sum(before_, port_->counters()) : before_;
  return total_;
}

void LastingPort::Look(std::uint64_t now_ns) {
  if (port_ == nullptr) {
    if (news_.load(std::memory_order_acquire)) {
      const std::lock_guard lock(mutex_);
      news_.store(false, std::memory_order_relaxed);
      port_ = std::move(opened_);
      why_gone_ = port_ == nullptr ? why_given_up_ : why_gone_;
    }
    LendToPort();
    return;
  }
  port_->Look(now_ns);
  if (port_->gone()) [[unlikely]] {
    GiveUp();
  }
}

void LastingPort::Lend(std::span<std::byte> memory) {
  lent_ = memory;
  LendToPort();
}

void LastingPort::LendToPort() {
  if (port_ == nullptr || lent_.empty()) {
    return;
  }
  port_->Lend(lent_);
  const std::lock_guard lock(mutex_);
  Tell(port_->TakeNotices());
}

// By the mutex. What has been told before is not.
void LastingPort::Tell(std::vector<std::string> notices) {
  for (std::string& notice : notices) {
    if (std::ranges::find(told_, notice) == told_.end()) {
      told_.push_back(notice);
      notices_.push_back(std::move(notice));
    }
  }
}

void LastingPort::GiveUp() {
  EndLoans(latest_loan_);
  loans_before_ = latest_loan_;
  why_gone_ = port_->WhyDown();
  before_ = Sum(before_, port_->counters());
  {
    const std::lock_guard lock(mutex_);
    retired_ = std::move(port_);
    wanted_ = true;
    notices_.push_back(absl::StrCat(
        why_gone_, ": ", options_.name, " is closed, and opened again when it is there (tried each ",
        options_.pause_ns / 1'000'000, " ms)", options_.remark.empty() ? "" : "; ", options_.remark));
  }
  wake_.notify_one();
}

std::vector<std::string> LastingPort::TakeNotices() {
  const std::lock_guard lock(mutex_);
  return std::exchange(notices_, {});
}

void LastingPort::Run() {
  base::SetThisThreadName("port");
  base::GoToBackground(base::BackgroundPriority::kOrdinary);  // the loop may be pinned
  std::unique_lock lock(mutex_);
  while (!stop_) {
    if (!wanted_) {
      wake_.wait(lock);
      continue;
    }
    OpenAgain(lock);
  }
}

// One attempt, a pause after the one before.
void LastingPort::OpenAgain(std::unique_lock<std::mutex>& lock) {
  std::unique_ptr<Port> retired = std::move(retired_);
  lock.unlock();
  retired.reset();
  lock.lock();
  if (wake_.wait_until(lock, next_attempt_, [this] { return stop_; })) {
    return;
  }
  lock.unlock();
  absl::StatusOr<std::unique_ptr<Port>> opened = Open();
  lock.lock();
  next_attempt_ = std::chrono::steady_clock::now() + std::chrono::nanoseconds(options_.pause_ns);
  if (!opened.ok()) {
    Failed(opened.status());
    return;
  }
  Tell((*opened)->TakeNotices());
  notices_.push_back(absl::StrCat(options_.name, " is open"));
  last_failure_.clear();
  opened_ = *std::move(opened);
  wanted_ = false;
  news_.store(true, std::memory_order_release);
}

// One that holds what peers have been told.
absl::StatusOr<std::unique_ptr<Port>> LastingPort::Open() const {
  absl::StatusOr<std::unique_ptr<Port>> opened = options_.open();
  if (!opened.ok()) {
    return opened;
  }
  const Port& port = **opened;
  if (port.receive_room() < options_.receive_room || port.max_payload() < options_.max_payload) {
    return absl::FailedPreconditionError(absl::StrCat("it holds ", port.receive_room(), " datagrams of ",
                                                      port.max_payload(), " bytes, and peers count on ",
                                                      options_.receive_room, " of ", options_.max_payload,
                                                      ": give it what it had, or start this process again"));
  }
  return opened;
}

void LastingPort::Failed(const absl::Status& status) {
  std::string failure(status.message());
  if (absl::IsAborted(status)) {
    why_given_up_ = absl::StrCat(options_.name, " cannot be opened before this process is started again");
    notices_.push_back(absl::StrCat(why_given_up_, ": ", failure));
    wanted_ = false;
    news_.store(true, std::memory_order_release);
  } else if (failure != last_failure_) {
    notices_.push_back(absl::StrCat(options_.name, " cannot be opened yet: ", failure));
  }
  last_failure_ = std::move(failure);
}

}  // namespace gaios::transport::udp

#ifndef GAIOS_BASE_MAILBOX_H_
#define GAIOS_BASE_MAILBOX_H_

// Letters from one thread to another, in order. To look whether there are any costs one load. Posting and
// taking lock and allocate: for what is off the fast path.

#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

namespace gaios::base {

template <typename Letter>
class Mailbox {
 public:
  void Post(Letter letter) {
    const std::lock_guard lock(mutex_);
    letters_.push_back(std::move(letter));
    any_.store(true, std::memory_order_release);
  }
  [[nodiscard]] bool any() const { return any_.load(std::memory_order_acquire); }
  [[nodiscard]] std::vector<Letter> TakeAll() {
    const std::lock_guard lock(mutex_);
    any_.store(false, std::memory_order_relaxed);
    return std::exchange(letters_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<Letter> letters_;
  std::atomic<bool> any_ = false;
};

}  // namespace gaios::base

#endif  // GAIOS_BASE_MAILBOX_H_

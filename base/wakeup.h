#ifndef GAIOS_BASE_WAKEUP_H_
#define GAIOS_BASE_WAKEUP_H_

// Lets one polling thread sleep until another thread of the process has work for it, without losing a wake-up
// and without a system call on the side of the notifier while nobody sleeps.
//
// The waiter announces itself, looks at all its sources of work once more, and only then waits (or withdraws,
// if it found something). A notifier first makes its work visible (pushes to a ring), then notifies. Both put
// a full fence between their store and their load, so at least one of them sees the other: the waiter the
// work, or the notifier the waiter.
//
// What comes from elsewhere can end the wait too, where it makes a descriptor readable: a datagram at a
// socket (Watch). It stays readable until it was taken in, so what comes between the last look and the wait
// is not lost either. A descriptor that is readable, and is not taken in by the looks, makes every wait end
// at once.
//
// Notify() is for any thread. Announce(), Withdraw(), Watch() and Wait() are for one waiter thread. Owns a
// file descriptor.

#include <poll.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <absl/status/statusor.h>

#include "gaios/base/align.h"

namespace gaios::base {

class Wakeup {
 public:
  // Fails when the process has no file descriptor left.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Wakeup>> Create();

  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;
  ~Wakeup();

  // Wakes the waiter if it has announced itself. Costs a fence and the load of a shared line when it has not.
  void Notify() {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (waiting_.value.load(std::memory_order_relaxed)) [[unlikely]] {
      NotifyWaiter();
    }
  }

  // From here on every Notify() ends the next Wait(), until Withdraw().
  void Announce() {
    waiting_.value.store(true, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  void Withdraw() { waiting_.value.store(false, std::memory_order_relaxed); }

  // Wait ends, from now on, when one of these descriptors is readable, too; and no longer for those before.
  // They stay the caller's, and open for as long as Wait is called. Allocates.
  void Watch(std::span<const int> descriptors);

  // Sleeps until notified, or something watched is readable, at most `timeout_ns`; withdraws before it
  // returns. True if notified. It may return early (on a signal, or by a notification of earlier work), so
  // the caller must look for work in any case.
  bool Wait(std::uint64_t timeout_ns);

 private:
  explicit Wakeup(int event_fd);
  __attribute__((cold, noinline)) void NotifyWaiter();

  int event_fd_;
  std::vector<pollfd> polled_;  // its own first
  CacheLinePadded<std::atomic<bool>> waiting_;
};

}  // namespace gaios::base

#endif  // GAIOS_BASE_WAKEUP_H_

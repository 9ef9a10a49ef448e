#ifndef GAIOS_BASE_IDLE_H_
#define GAIOS_BASE_IDLE_H_

// What a polling loop does with the processor while it finds nothing to do:
//
//   for (;;) {
//     if (PollEverything()) idle.OnWork(); else if (Awaiting()) idle.OnAwaiting(); else idle.OnIdle();
//   }
//
//   strategy  while idle                        a core costs           wakes up within
//   spin      pause instruction                 100%                   tens of ns
//   yield     sched_yield                       100% if nobody else    the time slices of others
//   back_off  pause, yield, growing sleeps      about 2%               max_park_ns
//   block     pause, yield, wait on an eventfd  about 2%               a thread switch if notified,
//                                                                      max_block_ns if not
//
// Only a thread of the same process can notify; and what makes a descriptor readable that its Wakeup watches,
// such as a datagram at a socket, wakes as well. Whatever another process does, writes into shared memory
// that run nothing here and make no system call there, is found when the wait has taken its time: a loop that
// has no other sources, and a Wakeup that nobody notifies, sleeps for max_block_ns at a time under `block`.
// `back_off` then starts with shorter sleeps and costs the same.
//
// The kernel adds its timer slack (50 us unless set otherwise) to every sleep. Durations are in nanoseconds.
// An Idle belongs to one loop and one thread; IdleSchedule decides and does nothing, so that it can be
// tested.

#include <cstdint>
#include <string_view>

#include <absl/status/statusor.h>

#include "gaios/base/wakeup.h"

namespace gaios::base {

enum class IdleStrategy : std::uint8_t { kSpin, kYield, kBackOff, kBlock };

// "spin", "yield", "back_off" or "block"; the error lists these.
[[nodiscard]] absl::StatusOr<IdleStrategy> ParseIdleStrategy(std::string_view name);
[[nodiscard]] std::string_view IdleStrategyName(IdleStrategy strategy);

// The defaults suit a loop body of about a microsecond: a loop that goes idle gives up its core within about
// 50 us.
struct IdleOptions {
  // Idle rounds with a pause, and then with a yield, before kBackOff sleeps and kBlock blocks; kYield pauses
  // in as many before it yields, where something is awaited. Each round is
  // another poll at full speed: more of them catch a closely following command sooner and cost more after
  // every lull.
  std::uint32_t spins = 32;
  std::uint32_t yields = 8;
  // kBackOff: the first sleep, doubled at each idle round up to the longest, which bounds the delay of a
  // command that arrives after a lull. Sleeps much shorter than 1 ms cost more than 3% of a core.
  std::uint64_t min_park_ns = 100'000;
  std::uint64_t max_park_ns = 1'000'000;
  // kBlock: the longest sleep without a notification. Bounds the lateness of timers and of sources that
  // cannot notify.
  std::uint64_t max_block_ns = 1'000'000;
};

// The decisions of a strategy, one for each idle round.
class IdleSchedule {
 public:
  enum class Action : std::uint8_t {
    kPause,     // a pause instruction
    kYield,     // offer the processor to others
    kPark,      // sleep for duration_ns
    kAnnounce,  // tell notifiers that a block comes, and poll once more
    kBlock,     // wait for a notification for at most duration_ns
  };
  struct Step {
    Action action;
    std::uint64_t duration_ns = 0;
    friend bool operator==(const Step&, const Step&) = default;
  };

  // min_park_ns must be positive and at most max_park_ns.
  IdleSchedule(IdleStrategy strategy, const IdleOptions& options);

  [[nodiscard]] Step Next();
  // The same while something is awaited that will not take long: never a sleep.
  [[nodiscard]] Step NextAwaiting();

  // There was work: the next lull starts from the beginning.
  void Restart() {
    rounds_ = 0;
    park_ns_ = options_.min_park_ns;
    announced_ = false;
  }

 private:
  Step NextPark();
  Step NextBlock();

  IdleStrategy strategy_;
  IdleOptions options_;
  std::uint64_t rounds_ = 0;
  std::uint64_t park_ns_;
  bool announced_ = false;
};

// Carries out a schedule on the calling thread.
class Idle {
 public:
  // kBlock needs a `wakeup`, which must outlive this object and have no other waiter; the other strategies
  // ignore it.
  explicit Idle(IdleStrategy strategy, const IdleOptions& options = {}, Wakeup* wakeup = nullptr);
  Idle(const Idle&) = delete;
  Idle& operator=(const Idle&) = delete;
  ~Idle();

  // The last round of the loop did something.
  void OnWork() {
    if (idle_) {
      EndLull();
    }
  }

  // The last round of the loop did nothing. Returns when it is time for the next one.
  void OnIdle();

  // The same for a round after which something is awaited that will not take long, such as the answer of a
  // process: what would sleep yields, and what would yield at once tries a few times before, as that process
  // may need this processor, and most often does not.
  void OnAwaiting();

 private:
  void EndLull();
  void CarryOut(const IdleSchedule::Step& step);

  IdleSchedule schedule_;
  Wakeup* wakeup_;  // null unless the strategy is kBlock
  bool idle_ = false;
};

}  // namespace gaios::base

#endif  // GAIOS_BASE_IDLE_H_

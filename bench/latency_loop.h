#ifndef GAIOS_BENCH_LATENCY_LOOP_H_
#define GAIOS_BENCH_LATENCY_LOOP_H_

// The loops that time commands. Product and floor run through the same code, so the clock reads in it (10 to
// 14 ns each, two for each command) burden both alike and cancel in their difference. A read of the counter
// is not ordered with what stands before it: without the wait for that, a processor reads the counter while
// the stores of a floor are still draining, and the floor looks as if it took no time.
//
// A counter may go on in steps (of 10 ns on some processors), and a percentile of single commands is then one
// of the steps. So the loops also take the mean of so many commands in a row, of which a percentile is finer.
//
// A Target has `bool Propose()`, false when there is no room now, and `std::size_t Poll()`, the number of
// commands that have completed, oldest first.

#include <x86intrin.h>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "gaios/base/clock.h"
#include "gaios/base/histogram.h"

namespace gaios::bench {

// When the commands under way began, oldest first. Fixed capacity.
class StartTimes {
 public:
  static constexpr std::size_t kCapacity = std::size_t{1} << 15;

  [[nodiscard]] std::size_t size() const { return pushed_ - popped_; }
  void Push(std::uint64_t start_ns) { times_[pushed_++ % kCapacity] = start_ns; }
  std::uint64_t Pop() { return times_[popped_++ % kCapacity]; }

 private:
  std::vector<std::uint64_t> times_ = std::vector<std::uint64_t>(kCapacity);
  std::size_t pushed_ = 0;
  std::size_t popped_ = 0;
};

// When a loop begins no further command: whichever comes first.
struct LoopEnd {
  std::uint64_t duration_ns = ~std::uint64_t{0};
  std::uint64_t commands = ~std::uint64_t{0};

  [[nodiscard]] LoopEnd Tenth() const {
    constexpr std::uint64_t kNever = ~std::uint64_t{0};
    return {.duration_ns = duration_ns == kNever ? kNever : duration_ns / 10,
            .commands = commands == kNever ? kNever : (commands + 9) / 10};
  }
  // For loops that begin now.
  [[nodiscard]] std::uint64_t TimeFrom(std::uint64_t begin_ns) const {
    return duration_ns > ~begin_ns ? ~std::uint64_t{0} : begin_ns + duration_ns;
  }
};

struct LoopResult {
  std::uint64_t commands = 0;
  std::uint64_t elapsed_ns = 0;
};

class LatencyLoop {
 public:
  explicit LatencyLoop(const base::TscClock& clock) : clock_(clock) {}

  // A new command whenever fewer than `outstanding` are under way.
  template <typename Target>
  LoopResult Closed(Target& target, std::size_t outstanding, LoopEnd end, base::Histogram& histogram) {
    BeginRuns();
    const std::uint64_t begin_ns = NowNs();
    const std::uint64_t end_ns = end.TimeFrom(begin_ns);
    LoopResult result;
    std::uint64_t sent = 0;
    for (std::uint64_t now_ns = begin_ns; (now_ns < end_ns && sent < end.commands) || starts_.size() > 0;) {
      while (now_ns < end_ns && sent < end.commands && starts_.size() < outstanding) {
        const std::uint64_t start_ns = NowNs();
        if (!target.Propose()) {
          waiting_since_ns_ = waiting_since_ns_ == 0 ? start_ns : waiting_since_ns_;
          break;
        }
        // A command that was refused counts from when it was first tried.
        starts_.Push(waiting_since_ns_ == 0 ? start_ns : waiting_since_ns_);
        ++sent;
        waiting_since_ns_ = 0;
      }
      const std::size_t done = target.Poll();
      now_ns = NowNs();
      Record(done, now_ns, histogram);
      result.commands += done;
      result.elapsed_ns = now_ns - begin_ns;
    }
    waiting_since_ns_ = 0;
    return result;
  }

  // A command each `interval_ns`, timed from when it should have begun, whatever keeps it.
  template <typename Target>
  LoopResult Open(Target& target, double interval_ns, LoopEnd end, base::Histogram& histogram) {
    BeginRuns();
    const std::uint64_t begin_ns = NowNs();
    const std::uint64_t end_ns = end.TimeFrom(begin_ns);
    LoopResult result;
    std::uint64_t sent = 0;
    std::uint64_t due_ns = begin_ns;
    for (std::uint64_t now_ns = begin_ns; (due_ns < end_ns && sent < end.commands) || starts_.size() > 0;) {
      while (due_ns < end_ns && sent < end.commands && due_ns <= now_ns &&
             starts_.size() < StartTimes::kCapacity && target.Propose()) {
        starts_.Push(due_ns);
        ++sent;
        due_ns = begin_ns + static_cast<std::uint64_t>(static_cast<double>(sent) * interval_ns);
      }
      const std::size_t done = target.Poll();
      now_ns = NowNs();
      Record(done, now_ns, histogram);
      result.commands += done;
      result.elapsed_ns = now_ns - begin_ns;
    }
    return result;
  }

  // The mean of kCommandsInRun commands in a row that half of those of the last loop do not exceed, ns.
  [[nodiscard]] double RunP50Ns() const {
    return static_cast<double>(runs_.ValueAtPercentile(50)) / static_cast<double>(kCommandsInRun);
  }
  static constexpr std::size_t kCommandsInRun = 32;

 private:
  void BeginRuns() {
    runs_.Reset();
    run_ns_ = 0;
    run_commands_ = 0;
  }

  [[nodiscard]] std::uint64_t NowNs() const {
    _mm_lfence();
    return clock_.NowNs();
  }

  void Record(std::size_t done, std::uint64_t now_ns, base::Histogram& histogram) {
    for (std::size_t i = 0; i < done; ++i) {
      const std::uint64_t start_ns = starts_.Pop();
      const std::uint64_t latency_ns = now_ns > start_ns ? now_ns - start_ns : 0;
      histogram.Record(latency_ns);
      run_ns_ += latency_ns;
      if (++run_commands_ == kCommandsInRun) {
        runs_.Record(std::exchange(run_ns_, 0));
        run_commands_ = 0;
      }
    }
  }

  const base::TscClock& clock_;
  StartTimes starts_;
  std::uint64_t waiting_since_ns_ = 0;
  base::Histogram runs_;  // sums of the latencies of kCommandsInRun commands each
  std::uint64_t run_ns_ = 0;
  std::size_t run_commands_ = 0;
};

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_LATENCY_LOOP_H_

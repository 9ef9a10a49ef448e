#ifndef GAIOS_BASE_CLOCK_H_
#define GAIOS_BASE_CLOCK_H_

// Time as something that is handed in. Code that needs the time takes a `const Clock&`, so that the same code
// runs on the processor's counter in production and on a number set by hand in a test.
//
// All times are unsigned 64-bit nanoseconds. NowNs() is monotonic time: good for durations and deadlines on
// this host, meaningless on another one. WallClockNs() is calendar time, which an administrator can set
// backwards. Clocks are owned by whoever made them and must outlive their users. Every NowNs() may be called
// from any thread. Nothing here fails.

#include <x86intrin.h>

#include <atomic>
#include <cstdint>

#include "gaios/base/check.h"

namespace gaios::base {

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  // Nanoseconds since an arbitrary origin that is the same for all calls on one clock.
  [[nodiscard]] virtual std::uint64_t NowNs() const = 0;
};

// The clock of production: the time-stamp counter, scaled by a factor that the constructor measures against
// CLOCK_MONOTONIC, whose origin it shares. NowNs() makes no system call and costs about as much as the
// counter read.
//
// The constructor sleeps about 20 ms to measure. The factor is then fixed, with an error of some parts per
// million, so this clock and CLOCK_MONOTONIC drift apart by up to a second a day: compare its times only with
// its own. The counter read is not ordered with the loads and stores around it; an interval may be off by the
// tens of cycles that the processor reorders.
//
// Where the processor does not promise a counter of constant rate, every reading is a clock_gettime()
// instead.
class TscClock final : public Clock {
 public:
  enum class Source : std::uint8_t {
    kTscIfInvariant,  // the counter where its rate is constant, else the kernel
    kKernel,          // the kernel always, for hosts whose counter is known to be wrong
  };

  explicit TscClock(Source source = Source::kTscIfInvariant);

  [[nodiscard]] std::uint64_t NowNs() const override {
    if (nanoseconds_per_tick_ == 0) [[unlikely]] {
      return KernelNowNs();
    }
    const std::uint64_t ticks = __rdtsc();
    // A processor whose counter lags the calibrating one by a few ticks must not wrap around to the far
    // future.
    const std::uint64_t elapsed = ticks > origin_ticks_ ? ticks - origin_ticks_ : 0;
    return origin_ns_ + ScaleTicks(elapsed, nanoseconds_per_tick_);
  }

  [[nodiscard]] bool uses_tsc() const { return nanoseconds_per_tick_ != 0; }

 private:
  __extension__ using Uint128 = unsigned __int128;
  // 32 fraction bits keep the rounding of the factor below one part in 10^8 for counters of up to 40 GHz.
  static constexpr unsigned kFractionBits = 32;

  static std::uint64_t ScaleTicks(std::uint64_t ticks, std::uint64_t factor) {
    return static_cast<std::uint64_t>((static_cast<Uint128>(ticks) * factor) >> kFractionBits);
  }
  static std::uint64_t KernelNowNs();
  void Calibrate();

  std::uint64_t nanoseconds_per_tick_ = 0;  // fixed point, 0 when the kernel is the source
  std::uint64_t origin_ticks_ = 0;
  std::uint64_t origin_ns_ = 0;
};

// A clock that stands still until it is told otherwise.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(std::uint64_t now_ns = 0) : now_ns_(now_ns) {}

  [[nodiscard]] std::uint64_t NowNs() const override { return now_ns_.load(std::memory_order_acquire); }

  void AdvanceNs(std::uint64_t by_ns) { now_ns_.fetch_add(by_ns, std::memory_order_acq_rel); }

  // `now_ns` must not be before the current time. One thread sets at a time.
  void SetNs(std::uint64_t now_ns) {
    GAIOS_CHECK(now_ns >= NowNs(), "a monotonic clock was set backwards");
    now_ns_.store(now_ns, std::memory_order_release);
  }

 private:
  std::atomic<std::uint64_t> now_ns_;
};

// Calendar time: nanoseconds since 1970-01-01 00:00 UTC, by the system's clock. For stamps that people read,
// never for timeouts.
[[nodiscard]] std::uint64_t WallClockNs();

}  // namespace gaios::base

#endif  // GAIOS_BASE_CLOCK_H_

#include "gaios/base/clock.h"

#include <cpuid.h>
#include <time.h>
#include <x86intrin.h>

#include <cerrno>
#include <cstdint>

#include "gaios/base/check.h"

namespace gaios::base {
namespace {

constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr std::uint64_t kCalibrationNs = 20'000'000;
// Attempts at reading both clocks at one moment; the closest pair counts.
constexpr int kPairAttempts = 32;

std::uint64_t ReadKernelClockNs(clockid_t clock) {
  timespec now{};
  GAIOS_CHECK(clock_gettime(clock, &now) == 0, "the kernel has no such clock");
  return static_cast<std::uint64_t>(now.tv_sec) * kNanosecondsPerSecond +
         static_cast<std::uint64_t>(now.tv_nsec);
}

bool HasInvariantTsc() {
  constexpr unsigned kPowerManagementLeaf = 0x80000007;
  constexpr unsigned kInvariantTscBit = 1U << 8U;
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid(kPowerManagementLeaf, &eax, &ebx, &ecx, &edx) != 0 && (edx & kInvariantTscBit) != 0;
}

struct Moment {
  std::uint64_t ticks = 0;
  std::uint64_t ns = 0;
};

// Reads both clocks as close together as an interrupt lets us: of several attempts, the one whose two counter
// reads enclose the kernel's reading most tightly.
Moment ReadBothClocks() {
  Moment best;
  std::uint64_t best_width = UINT64_MAX;
  for (int attempt = 0; attempt < kPairAttempts; ++attempt) {
    const std::uint64_t before = __rdtsc();
    const std::uint64_t ns = ReadKernelClockNs(CLOCK_MONOTONIC);
    const std::uint64_t after = __rdtsc();
    const std::uint64_t width = after - before;
    if (width < best_width) {
      best_width = width;
      best = {.ticks = before + width / 2, .ns = ns};
    }
  }
  return best;
}

}  // namespace

TscClock::TscClock(Source source) {
  if (source == Source::kTscIfInvariant && HasInvariantTsc()) {
    Calibrate();
  }
}

void TscClock::Calibrate() {
  const Moment start = ReadBothClocks();
  // Only a lower bound matters here: a longer sleep makes the factor better.
  timespec remaining{.tv_sec = 0, .tv_nsec = static_cast<std::int64_t>(kCalibrationNs)};
  while (clock_nanosleep(CLOCK_MONOTONIC, 0, &remaining, &remaining) == EINTR) {
  }
  const Moment end = ReadBothClocks();
  if (end.ticks <= start.ticks || end.ns <= start.ns) {
    return;  // not a counter to build on; the kernel remains the source
  }
  const Uint128 elapsed_ns = end.ns - start.ns;
  nanoseconds_per_tick_ =
      static_cast<std::uint64_t>((elapsed_ns << kFractionBits) / (end.ticks - start.ticks));
  origin_ticks_ = end.ticks;
  origin_ns_ = end.ns;
}

std::uint64_t TscClock::KernelNowNs() {
  return ReadKernelClockNs(CLOCK_MONOTONIC);
}

std::uint64_t WallClockNs() {
  return ReadKernelClockNs(CLOCK_REALTIME);
}

}  // namespace gaios::base

#include "gaios/base/clock.h"

#include <time.h>

#include <cstdint>
#include <thread>

#include <gtest/gtest.h>

namespace gaios::base {
namespace {

std::uint64_t KernelNs(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

void ExpectNeverGoesBack(const Clock& clock) {
  std::uint64_t last_ns = clock.NowNs();
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t now_ns = clock.NowNs();
    ASSERT_GE(now_ns, last_ns);
    last_ns = now_ns;
  }
}

TEST(TscClock, NeverGoesBack) {
  const TscClock clock;
  ExpectNeverGoesBack(clock);
}

TEST(TscClock, FallsBackToTheKernel) {
  const TscClock clock(TscClock::Source::kKernel);
  EXPECT_FALSE(clock.uses_tsc());
  const std::uint64_t before_ns = KernelNs(CLOCK_MONOTONIC);
  const std::uint64_t now_ns = clock.NowNs();
  EXPECT_LE(before_ns, now_ns);
  EXPECT_LE(now_ns, KernelNs(CLOCK_MONOTONIC));
  ExpectNeverGoesBack(clock);
}

// The readings are bracketed by the kernel's, so that the test holds however slow the machine is. The margin
// is two hundred times the error that calibration leaves, and far below that of a wrong factor.
TEST(TscClock, RunsAtTheRateOfTheKernelsClock) {
  const TscClock clock;
  const std::uint64_t begin_before_ns = KernelNs(CLOCK_MONOTONIC);
  const std::uint64_t begin_ns = clock.NowNs();
  const std::uint64_t begin_after_ns = KernelNs(CLOCK_MONOTONIC);
  while (KernelNs(CLOCK_MONOTONIC) - begin_after_ns < 20'000'000) {
  }
  const std::uint64_t end_before_ns = KernelNs(CLOCK_MONOTONIC);
  const std::uint64_t end_ns = clock.NowNs();
  const std::uint64_t end_after_ns = KernelNs(CLOCK_MONOTONIC);

  const auto elapsed_ns = static_cast<double>(end_ns - begin_ns);
  EXPECT_GE(elapsed_ns, static_cast<double>(end_before_ns - begin_after_ns) * 0.998);
  EXPECT_LE(elapsed_ns, static_cast<double>(end_after_ns - begin_before_ns) * 1.002);
}

TEST(ManualClock, MovesOnlyWhenTold) {
  ManualClock clock(100);
  EXPECT_EQ(clock.NowNs(), 100);
  EXPECT_EQ(clock.NowNs(), 100);
  clock.AdvanceNs(50);
  EXPECT_EQ(clock.NowNs(), 150);
  clock.SetNs(150);
  clock.SetNs(1'000);
  EXPECT_EQ(clock.NowNs(), 1'000);
  EXPECT_EQ(ManualClock().NowNs(), 0);
}

TEST(ManualClock, IsSeenByOtherThreads) {
  ManualClock clock;
  std::thread setter([&clock] { clock.AdvanceNs(7); });
  while (clock.NowNs() == 0) {
    std::this_thread::yield();
  }
  setter.join();
  EXPECT_EQ(clock.NowNs(), 7);
}

TEST(ManualClockDeathTest, RefusesToGoBack) {
  ManualClock clock(100);
  EXPECT_DEATH(clock.SetNs(99), "set backwards");
}

TEST(WallClock, IsTheSystemsCalendarTime) {
  const std::uint64_t now_ns = WallClockNs();
  constexpr std::uint64_t kYear2020Ns = 1'577'836'800'000'000'000;
  EXPECT_GT(now_ns, kYear2020Ns);
  const auto kernel_ns = KernelNs(CLOCK_REALTIME);
  constexpr std::uint64_t kHourNs = 3'600'000'000'000;
  EXPECT_LT(kernel_ns > now_ns ? kernel_ns - now_ns : now_ns - kernel_ns, kHourNs);
}

}  // namespace
}  // namespace gaios::base

#include "gaios/base/wakeup.h"

#include <sys/resource.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <absl/status/status.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gaios/base/mpsc_ring.h"

namespace gaios::base {
namespace {

// Longer than any test may run: a lost wake-up becomes a test that times out.
constexpr std::uint64_t kForeverNs = 3'600'000'000'000;

std::unique_ptr<Wakeup> Make() {
  auto wakeup = Wakeup::Create();
  EXPECT_TRUE(wakeup.ok()) << wakeup.status();
  return *std::move(wakeup);
}

TEST(Wakeup, ATimeoutEndsTheWait) {
  const auto wakeup = Make();
  wakeup->Announce();
  EXPECT_FALSE(wakeup->Wait(1));
  wakeup->Announce();
  EXPECT_FALSE(wakeup->Wait(0));
}

TEST(Wakeup, ANotificationAfterTheAnnouncementEndsTheWait) {
  const auto wakeup = Make();
  wakeup->Announce();
  wakeup->Notify();
  wakeup->Notify();
  EXPECT_TRUE(wakeup->Wait(kForeverNs));
  wakeup->Announce();
  EXPECT_FALSE(wakeup->Wait(0)) << "two notifications of one announcement are one wake-up";
}

TEST(Wakeup, NobodyWaitingIsNotRemembered) {
  const auto wakeup = Make();
  wakeup->Notify();
  wakeup->Announce();
  wakeup->Withdraw();
  wakeup->Notify();
  EXPECT_FALSE(wakeup->Wait(0));
}

TEST(Wakeup, AWaitWithdraws) {
  const auto wakeup = Make();
  wakeup->Announce();
  EXPECT_FALSE(wakeup->Wait(0));
  wakeup->Notify();
  EXPECT_FALSE(wakeup->Wait(0));
}

// The waiter sleeps without a limit whenever it finds nothing, so one lost wake-up would stop the test for
// good.
TEST(Wakeup, NoWakeUpIsLost) {
  constexpr int kProducers = 2;
  constexpr int kPerProducer = 20'000;
  const auto wakeup = Make();
  MpscRing<int> ring(16);
  std::vector<std::thread> producers;
  producers.reserve(kProducers);
  for (int producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back([&] {
      for (int i = 0; i < kPerProducer; ++i) {
        while (!ring.TryPush(i)) {
          std::this_thread::yield();
        }
        wakeup->Notify();
      }
    });
  }
  int received = 0;
  const auto drain = [&] {
    const int before = received;
    int value = 0;
    while (ring.TryPop(value)) {
      ++received;
    }
    return received != before;
  };
  while (received < kProducers * kPerProducer) {
    if (drain()) {
      continue;
    }
    wakeup->Announce();
    if (drain()) {
      wakeup->Withdraw();
    } else {
      wakeup->Wait(kForeverNs);
    }
  }
  for (std::thread& producer : producers) {
    producer.join();
  }
  EXPECT_EQ(received, kProducers * kPerProducer);
}

// Exits with 0 if Create() fails without file descriptors and says what to do. Runs in a process of its own,
// which the lowered limit dies with.
[[noreturn]] void CreateWithoutDescriptors() {
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  (void)setrlimit(RLIMIT_NOFILE, &none);
  const auto wakeup = Wakeup::Create();
  const std::string message(wakeup.status().message());
  std::_Exit(!wakeup.ok() && message.find("ulimit -n") != std::string::npos ? 0 : 1);
}

TEST(WakeupDeathTest, NamesTheLimitWhenDescriptorsRunOut) {
  EXPECT_EXIT(CreateWithoutDescriptors(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace gaios::base

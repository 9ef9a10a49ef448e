#include "gaios/base/wakeup.h"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
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
#include "gaios/base/unique_fd.h"

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

TEST(Wakeup, SomethingWatchedThatIsReadableEndsTheWaitWithoutANotification) {
  const auto wakeup = Make();
  std::array<int, 2> ends = {};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const UniqueFd reads(ends[0]);
  const UniqueFd writes(ends[1]);
  wakeup->Watch(std::array{reads.get()});
  wakeup->Announce();
  EXPECT_FALSE(wakeup->Wait(1)) << "nothing has come";
  ASSERT_EQ(::write(writes.get(), "a", 1), 1);
  for (int times = 0; times < 2; ++times) {  // it was not taken in
    wakeup->Announce();
    EXPECT_FALSE(wakeup->Wait(kForeverNs));
  }
  wakeup->Announce();
  wakeup->Notify();
  EXPECT_TRUE(wakeup->Wait(kForeverNs)) << "both";
  wakeup->Watch({});
  wakeup->Announce();
  wakeup->Notify();
  EXPECT_TRUE(wakeup->Wait(kForeverNs));
  EXPECT_FALSE(wakeup->Wait(1)) << "it is watched no more";
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

// Passes a few nanoseconds per turn without telling the compiler that it could leave them out.
void Dither(int turns) {
  std::atomic<int> turn{0};
  while (turn.load(std::memory_order_relaxed) < turns) {
    turn.fetch_add(1, std::memory_order_relaxed);
  }
}

// The same, aimed at the one moment where a wake-up can be lost: each round has one piece of work, made known
// at a slightly different time around the waiter's announcement.
TEST(Wakeup, NoWakeUpIsLostAroundTheAnnouncement) {
  constexpr int kRounds = 50'000;
  const auto wakeup = Make();
  std::atomic<int> requested{0};
  std::atomic<int> done{0};
  std::thread waiter([&] {
    while (done.load(std::memory_order_relaxed) < kRounds) {
      const int round = done.load(std::memory_order_relaxed);
      Dither(round * 7 % 61);
      wakeup->Announce();
      if (requested.load(std::memory_order_acquire) == round) {
        wakeup->Wait(kForeverNs);
      } else {
        wakeup->Withdraw();
        done.store(round + 1, std::memory_order_release);
      }
    }
  });
  for (int round = 1; round <= kRounds; ++round) {
    Dither(round % 64);
    requested.store(round, std::memory_order_release);
    wakeup->Notify();
    // Spins while the waiter is likely to be awake; a processor that both share must be given up.
    for (int spins = 0; done.load(std::memory_order_acquire) < round; ++spins) {
      if (spins > 1'000) {
        std::this_thread::yield();
      }
    }
  }
  waiter.join();
  EXPECT_EQ(done.load(), kRounds);
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

#include "gaios/base/idle.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <absl/status/status.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gaios/base/wakeup.h"

namespace gaios::base {
namespace {

using Action = IdleSchedule::Action;

std::vector<IdleSchedule::Step> NextSteps(IdleSchedule& schedule, int count) {
  std::vector<IdleSchedule::Step> steps;
  steps.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    steps.push_back(schedule.Next());
  }
  return steps;
}

TEST(IdleStrategy, NamesAndParsesItself) {
  for (const IdleStrategy strategy :
       {IdleStrategy::kSpin, IdleStrategy::kYield, IdleStrategy::kBackOff, IdleStrategy::kBlock}) {
    const auto parsed = ParseIdleStrategy(IdleStrategyName(strategy));
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, strategy);
  }
}

TEST(IdleStrategy, AnUnknownNameIsAnsweredWithTheKnownOnes) {
  for (const char* name : {"", "Spin", "sleep"}) {
    const auto parsed = ParseIdleStrategy(name);
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
    const std::string message(parsed.status().message());
    EXPECT_THAT(message, testing::HasSubstr(testing::PrintToString(std::string(name))));
    EXPECT_THAT(message, testing::HasSubstr("spin, yield, back_off or block"));
  }
}

TEST(IdleSchedule, SpinAndYieldNeverChange) {
  IdleSchedule spin(IdleStrategy::kSpin, {});
  IdleSchedule yield(IdleStrategy::kYield, {});
  EXPECT_THAT(NextSteps(spin, 1'000), testing::Each(IdleSchedule::Step{.action = Action::kPause}));
  EXPECT_THAT(NextSteps(yield, 1'000), testing::Each(IdleSchedule::Step{.action = Action::kYield}));
}

TEST(IdleSchedule, BackOffSleepsLongerAndLongerUpToItsBound) {
  const IdleOptions options{.spins = 2, .yields = 1, .min_park_ns = 50, .max_park_ns = 300};
  const std::vector<IdleSchedule::Step> lull = {
      {.action = Action::kPause},
      {.action = Action::kPause},
      {.action = Action::kYield},
      {.action = Action::kPark, .duration_ns = 50},
      {.action = Action::kPark, .duration_ns = 100},
      {.action = Action::kPark, .duration_ns = 200},
      {.action = Action::kPark, .duration_ns = 300},
      {.action = Action::kPark, .duration_ns = 300},
  };
  IdleSchedule schedule(IdleStrategy::kBackOff, options);
  EXPECT_EQ(NextSteps(schedule, 8), lull);
  schedule.Restart();
  EXPECT_EQ(NextSteps(schedule, 8), lull);
}

TEST(IdleSchedule, BackOffNeverOverflowsItsSleep) {
  constexpr std::uint64_t kLongestNs = UINT64_MAX;
  IdleSchedule schedule(IdleStrategy::kBackOff,
                        {.spins = 0, .yields = 0, .min_park_ns = 1, .max_park_ns = kLongestNs});
  std::uint64_t last_ns = 0;
  for (int i = 0; i < 100; ++i) {
    const IdleSchedule::Step step = schedule.Next();
    EXPECT_GE(step.duration_ns, last_ns);
    last_ns = step.duration_ns;
  }
  EXPECT_EQ(last_ns, kLongestNs);
}

TEST(IdleSchedule, BlockAnnouncesBeforeEachBlock) {
  const IdleOptions options{.spins = 1, .yields = 1, .max_block_ns = 700};
  IdleSchedule schedule(IdleStrategy::kBlock, options);
  const std::vector<IdleSchedule::Step> lull = {
      {.action = Action::kPause},    {.action = Action::kYield},
      {.action = Action::kAnnounce}, {.action = Action::kBlock, .duration_ns = 700},
      {.action = Action::kAnnounce}, {.action = Action::kBlock, .duration_ns = 700},
      {.action = Action::kAnnounce},
  };
  EXPECT_EQ(NextSteps(schedule, 7), lull);
  schedule.Restart();
  EXPECT_EQ(NextSteps(schedule, 7), lull) << "work after an announcement starts over, announcement included";
}

TEST(IdleSchedule, WhoAwaitsSomethingYieldsAndNeverSleeps) {
  for (const IdleStrategy strategy : {IdleStrategy::kYield, IdleStrategy::kBackOff, IdleStrategy::kBlock}) {
    IdleSchedule schedule(strategy, {.spins = 2, .yields = 1});
    for (int lull = 0; lull < 2; ++lull) {
      for (int i = 0; i < 1'000; ++i) {
        EXPECT_EQ(schedule.NextAwaiting().action, i < 2 ? Action::kPause : Action::kYield)
            << IdleStrategyName(strategy) << ", round " << i;
      }
      schedule.Restart();
    }
  }
  IdleSchedule spin(IdleStrategy::kSpin, {});
  EXPECT_EQ(spin.NextAwaiting(), IdleSchedule::Step{.action = Action::kPause});
}

TEST(IdleSchedule, SleepsAgainWhenNothingIsAwaitedAnyMore) {
  IdleSchedule schedule(IdleStrategy::kBackOff,
                        {.spins = 1, .yields = 1, .min_park_ns = 50, .max_park_ns = 50});
  for (int i = 0; i < 10; ++i) {
    static_cast<void>(schedule.NextAwaiting());
  }
  EXPECT_EQ(schedule.Next().action, Action::kYield);
  EXPECT_EQ(schedule.Next().action, Action::kPark);
}

TEST(IdleScheduleDeathTest, RefusesSleepsThatMakeNoSense) {
  EXPECT_DEATH(IdleSchedule(IdleStrategy::kBackOff, {.min_park_ns = 0}), "positive");
  EXPECT_DEATH(IdleSchedule(IdleStrategy::kBackOff, {.min_park_ns = 2, .max_park_ns = 1}), "max_park_ns");
}

TEST(Idle, EveryStrategyComesBackToTheLoop) {
  auto wakeup = Wakeup::Create();
  ASSERT_TRUE(wakeup.ok()) << wakeup.status();
  const IdleOptions options{
      .spins = 2, .yields = 2, .min_park_ns = 1, .max_park_ns = 1'000, .max_block_ns = 1'000};
  for (const IdleStrategy strategy :
       {IdleStrategy::kSpin, IdleStrategy::kYield, IdleStrategy::kBackOff, IdleStrategy::kBlock}) {
    Idle idle(strategy, options, wakeup->get());
    for (int lull = 0; lull < 3; ++lull) {
      for (int round = 0; round < 10; ++round) {
        idle.OnIdle();
      }
      idle.OnWork();
      idle.OnWork();
    }
  }
}

// Ends only if each round of work, made known by Notify() alone, ends a block of an hour.
TEST(Idle, ABlockedLoopIsWokenByEachNotification) {
  constexpr int kRounds = 2'000;
  auto wakeup = Wakeup::Create();
  ASSERT_TRUE(wakeup.ok()) << wakeup.status();
  std::atomic<int> requested{0};
  std::atomic<int> done{0};
  std::thread loop([&] {
    Idle idle(IdleStrategy::kBlock, {.spins = 0, .yields = 0, .max_block_ns = 3'600'000'000'000},
              wakeup->get());
    while (done.load() < kRounds) {
      if (requested.load() > done.load()) {
        done.fetch_add(1);
        idle.OnWork();
      } else {
        idle.OnIdle();
      }
    }
  });
  for (int round = 1; round <= kRounds; ++round) {
    requested.store(round);
    (*wakeup)->Notify();
    while (done.load() < round) {
      std::this_thread::yield();
    }
  }
  loop.join();
  EXPECT_EQ(done.load(), kRounds);
}

TEST(IdleDeathTest, BlockNeedsAWakeup) {
  EXPECT_DEATH((void)Idle(IdleStrategy::kBlock, {}, nullptr), "needs a Wakeup");
}

}  // namespace
}  // namespace gaios::base

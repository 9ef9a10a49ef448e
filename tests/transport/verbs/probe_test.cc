// The trial of a fence: a device that fences passes, one that does not is refused by name, and so is one on
// which nothing can be tried.

#include "gaios/transport/verbs/probe.h"

#include <sched.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include <absl/strings/match.h>
#include <gtest/gtest.h>

#include "tests/transport/verbs/fake_network.h"

namespace gaios::transport::verbs {
namespace {

class ProbeTest : public testing::TestWithParam<FenceStrategy> {
 protected:
  absl::StatusOr<FenceTrial> Check() {
    return CheckFence(*device_, GetParam(), {.rounds = 5, .piece_bytes = 64, .patience = patience_});
  }
  // Nobody is waited for who is not going to answer.
  void BeImpatient() { patience_ = std::chrono::milliseconds(20); }

  FakeNetwork network_;
  const std::unique_ptr<FakeDevice> device_ = network_.MakeDevice();

 private:
  std::chrono::milliseconds patience_ = ProbeOptions().patience;
};

TEST_P(ProbeTest, AFenceThatHoldsWithAWriterInFlightIsVouchedFor) {
  const absl::StatusOr<FenceTrial> trial = Check();
  ASSERT_TRUE(trial.ok()) << trial.status();
  EXPECT_TRUE(trial->held);
  EXPECT_EQ(trial->strategy, GetParam());
  EXPECT_EQ(trial->rounds, 5U);
  EXPECT_GE(trial->writes, 5U * 4);
  EXPECT_EQ(device_->pairs(), 0U) << "what a trial has made it gives back";
  EXPECT_EQ(device_->regions(), 0U);
}

// Who looks for writes under way has the processor only while the writer leaves it.
TEST_P(ProbeTest, OneProcessorIsEnough) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof(before), &before), 0);
  int processor = 0;
  while (!CPU_ISSET(processor, &before)) {
    ++processor;
  }
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(processor, &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof(one), &one), 0);
  const absl::StatusOr<FenceTrial> trial = Check();
  EXPECT_EQ(::sched_setaffinity(0, sizeof(before), &before), 0);
  EXPECT_TRUE(trial.ok()) << trial.status();
}

TEST_P(ProbeTest, ADeviceWhoseDriverOnlySaysThatItFencesIsRefusedByName) {
  device_->lies = true;
  const absl::StatusOr<FenceTrial> trial = Check();
  ASSERT_TRUE(absl::IsFailedPrecondition(trial.status())) << trial.status();
  const std::string said(trial.status().message());
  EXPECT_TRUE(absl::StrContains(said, "fake0")) << said;
  EXPECT_TRUE(absl::StrContains(said, std::string(FenceName(GetParam())))) << said;
  EXPECT_TRUE(absl::StrContains(said, "of 5 writers that were fenced 5 wrote on")) << said;
  EXPECT_TRUE(absl::StrContains(said, "another device")) << said;
}

TEST_P(ProbeTest, ADeviceOnWhichNoWriterGetsThroughIsNotVouchedFor) {
  device_->hold = true;
  BeImpatient();
  const absl::StatusOr<FenceTrial> trial = Check();
  ASSERT_TRUE(absl::IsUnavailable(trial.status())) << trial.status();
  EXPECT_TRUE(absl::StrContains(trial.status().message(), "the writer does not get through"))
      << trial.status();
}

TEST_P(ProbeTest, MemoryThatIsNotRegisteredIsToldAsThat) {
  device_->fail_register = 1;
  const absl::StatusOr<FenceTrial> trial = Check();
  ASSERT_TRUE(absl::IsResourceExhausted(trial.status())) << trial.status();
  EXPECT_TRUE(absl::StrContains(trial.status().message(), "does not register")) << trial.status();
}

INSTANTIATE_TEST_SUITE_P(Strategies, ProbeTest,
                         testing::Values(FenceStrategy::kQueuePair, FenceStrategy::kDeregistration),
                         [](const auto& instance) { return std::string(FenceName(instance.param)); });

// A device that acknowledges a write and puts it into memory later, as Soft-RoCE was seen to do: when the
// writer's queue pair has gone too.
class ProbeOfALateDeviceTest : public testing::Test {
 protected:
  static constexpr std::uint32_t kRounds = 3;
  static constexpr std::uint32_t kPairsOfARound = 4;  // that of the owner goes first, the writer's then
  ProbeOfALateDeviceTest() {
    device_->puts_late = true;
    device_->before_destroy_pair = [this] {
      if (++destroyed_ % kPairsOfARound == 2) {
        device_->puts_late = false;
        network_.Run();
        device_->puts_late = true;
        device_->fail_create_pair = fails_then_ ? 1 : 0;
      }
    };
  }
  // Once the first round is over nothing can be tried any more.
  void FailThen() { fails_then_ = true; }
  absl::StatusOr<FenceTrial> Check(FenceStrategy strategy) {
    return CheckFence(*device_, strategy, {.rounds = kRounds, .piece_bytes = 64});
  }

 private:
  FakeNetwork network_;
  const std::unique_ptr<FakeDevice> device_ = network_.MakeDevice();
  std::uint32_t destroyed_ = 0;
  bool fails_then_ = false;
};

TEST_F(ProbeOfALateDeviceTest, AFenceThatLetsBytesLandLateIsRefused) {
  const absl::StatusOr<FenceTrial> trial = Check(FenceStrategy::kQueuePair);
  ASSERT_TRUE(absl::IsFailedPrecondition(trial.status())) << trial.status();
  EXPECT_TRUE(absl::StrContains(trial.status().message(),
                                "of 3 writers that were fenced 0 wrote on, and bytes of 3 landed late. Take "
                                "fence = \"mr_deregistration\""))
      << trial.status();
}

TEST_F(ProbeOfALateDeviceTest, WhatOneRoundHasSeenIsNotForgottenWhenTheNextComesToNothing) {
  FailThen();
  const absl::StatusOr<FenceTrial> trial = Check(FenceStrategy::kQueuePair);
  ASSERT_TRUE(absl::IsFailedPrecondition(trial.status())) << trial.status();
  EXPECT_TRUE(absl::StrContains(trial.status().message(),
                                "of 1 writers that were fenced 0 wrote on, and bytes of 1 landed late"))
      << trial.status();
}

TEST_F(ProbeOfALateDeviceTest, DeregistrationWaitsForWhatIsTakenAndHolds) {
  const absl::StatusOr<FenceTrial> trial = Check(FenceStrategy::kDeregistration);
  EXPECT_TRUE(trial.ok()) << trial.status();
}

}  // namespace
}  // namespace gaios::transport::verbs

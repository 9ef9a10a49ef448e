#include "gaios/base/pinning.h"

#include <pthread.h>
#include <sched.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

#include <absl/status/status.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gaios::base {
namespace {

// In a thread of its own, for a pin outlives the test.
template <typename Body>
void OnAThread(Body body) {
  std::thread(body).join();
}

TEST(Pinning, AThreadStaysOnItsCpu) {
  const std::vector<int> available = AvailableCpus();
  ASSERT_FALSE(available.empty());
  for (const int cpu : available) {
    OnAThread([cpu] {
      const absl::Status status = PinThisThread(cpu);
      ASSERT_TRUE(status.ok()) << status;
      EXPECT_EQ(sched_getcpu(), cpu);
      EXPECT_THAT(AvailableCpus(), testing::ElementsAre(cpu));
    });
  }
  EXPECT_EQ(AvailableCpus(), available) << "pinning one thread must not move another";
}

TEST(Pinning, ARefusalNamesTheCpuAndTheChoices) {
  OnAThread([] {
    const std::vector<int> before = AvailableCpus();
    for (const int cpu : {-1, 8'191, 2'000'000'000}) {
      const absl::Status status = PinThisThread(cpu);
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
      const std::string message(status.message());
      EXPECT_THAT(message, testing::HasSubstr("cpu " + std::to_string(cpu)));
      EXPECT_THAT(message, testing::HasSubstr("configure one of these"));
    }
    EXPECT_EQ(AvailableCpus(), before);
  });
}

TEST(Pinning, AThreadCarriesItsNameCutToWhatTheKernelKeeps) {
  OnAThread([] {
    std::array<char, 16> name{};
    SetThisThreadName("gaios-replica");
    ASSERT_EQ(pthread_getname_np(pthread_self(), name.data(), name.size()), 0);
    EXPECT_STREQ(name.data(), "gaios-replica");
    SetThisThreadName("gaios-replica-of-a-long-name");
    ASSERT_EQ(pthread_getname_np(pthread_self(), name.data(), name.size()), 0);
    EXPECT_STREQ(name.data(), "gaios-replica-o");
  });
}

}  // namespace
}  // namespace gaios::base

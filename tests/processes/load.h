#ifndef GAIOS_TESTS_PROCESSES_LOAD_H_
#define GAIOS_TESTS_PROCESSES_LOAD_H_

// A client that goes on adding, in a thread of its own, while the test does something to the group.

#include <atomic>
#include <cstdint>
#include <thread>

#include <gtest/gtest.h>

#include "gaios/rsm/config.h"

#include "tests/processes/group.h"

namespace gaios::cli {

class Load {
 public:
  explicit Load(const rsm::Config& config) : client_(config, {}), thread_([this] { Run(); }) {}
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load() { Stop(); }

  // Waits until so many more are committed.
  void Await(std::uint64_t more) {
    const std::uint64_t until = committed_ + more;
    EXPECT_TRUE(gaios::cli::Await([&] { return committed_ >= until; }));
  }
  // Stops, and expects that everything was run once.
  void Settle() {
    Stop();
    client_.Settle();
    EXPECT_EQ(client_.unknown(), 0U);
    EXPECT_EQ(client_.sum(), client_.submitted());
  }

 private:
  void Run() {
    while (!stop_) {
      client_.Turn();
      committed_ = client_.committed();
    }
  }
  void Stop() {
    stop_ = true;
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  std::atomic<bool> stop_ = false;
  std::atomic<std::uint64_t> committed_ = 0;
  Counting client_;
  std::thread thread_;
};

}  // namespace gaios::cli

#endif  // GAIOS_TESTS_PROCESSES_LOAD_H_

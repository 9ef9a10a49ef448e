#ifndef GAIOS_TESTS_PROCESSES_LOAD_H_
#define GAIOS_TESTS_PROCESSES_LOAD_H_

// A client that goes on adding, in a thread of its own, while the test does something to the group.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <thread>

#include <gtest/gtest.h>

#include "gaios/rsm/config.h"

#include "tests/processes/group.h"

namespace gaios::cli {

class Load {
 public:
  explicit Load(const rsm::Config& config, const Counting::Settings& settings = {})
      : client_(config, settings), thread_([this] { Run(); }) {}
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
  // Once it has settled, of a client with a window of one: how many commands were sent once, twice, three
  // times, more often.
  [[nodiscard]] const std::array<std::uint64_t, 4>& sent() const { return sent_; }

 private:
  void Run() {
    while (!stop_) {
      client_.Turn();
      if (client_.committed() != committed_) {
        const std::uint64_t times = client_.client().counters().sent - sent_before_;
        ++sent_.at(std::clamp<std::uint64_t>(times, 1, sent_.size()) - 1);
        sent_before_ += times;
      }
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
  std::array<std::uint64_t, 4> sent_ = {};
  std::uint64_t sent_before_ = 0;
  Counting client_;
  std::thread thread_;
};

}  // namespace gaios::cli

#endif  // GAIOS_TESTS_PROCESSES_LOAD_H_

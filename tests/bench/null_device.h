#ifndef GAIOS_TESTS_BENCH_NULL_DEVICE_H_
#define GAIOS_TESTS_BENCH_NULL_DEVICE_H_

// RDMA devices without a network: a work request is done when PostSend returns, by copying its bytes to the
// queue pair at the other end, and its completion waits to be polled. Nothing is checked, nothing is late,
// but as asked for, and nothing fails but what has no other end, so what is left to be counted is the
// caller's work.
//
// Threads: everything cold from any thread; PostSend and PollCompletions, of all devices of a fabric, from
// one thread.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "gaios/transport/verbs/device.h"

namespace gaios::bench {

class NullDevice;

// Connects devices. Must outlive them.
class NullFabric {
 public:
  NullFabric();
  NullFabric(const NullFabric&) = delete;
  NullFabric& operator=(const NullFabric&) = delete;
  ~NullFabric();

  // What is posted to a device completes so many looks later than it otherwise would.
  [[nodiscard]] std::unique_ptr<transport::verbs::RdmaDevice> MakeDevice(std::size_t late_looks = 0);

 private:
  friend class NullDevice;
  struct Queue;
  struct Pair;

  std::mutex mutex_;
  std::uint32_t last_number_ = 0;
  std::map<std::uint32_t, std::unique_ptr<Pair>> pairs_;  // by number
};

}  // namespace gaios::bench

#endif  // GAIOS_TESTS_BENCH_NULL_DEVICE_H_

#ifndef GAIOS_TESTS_PROCESSES_LOSSY_SWITCH_H_
#define GAIOS_TESTS_PROCESSES_LOSSY_SWITCH_H_

// A switch of Ethernet that loses some of the UDP datagrams that pass, and nothing else: what a kernel
// without a queueing discipline for it cannot do. It takes frames from interfaces of a network namespace by
// packet sockets, on a thread of its own, from when it is made until it goes. Needs root.

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace gaios::cli {

class LossySwitch {
 public:
  // Of a hundred UDP datagrams that reach it, `percent` are lost. By a seed of its own.
  LossySwitch(std::string network_namespace, std::vector<std::string> interfaces, unsigned percent);
  LossySwitch(const LossySwitch&) = delete;
  LossySwitch& operator=(const LossySwitch&) = delete;
  ~LossySwitch();

  [[nodiscard]] std::uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t passed() const { return passed_.load(std::memory_order_relaxed); }

 private:
  void Run();

  const std::string network_namespace_;
  const std::vector<std::string> interfaces_;
  const unsigned percent_;
  std::atomic<bool> stop_ = false;
  std::atomic<std::uint64_t> lost_ = 0;
  std::atomic<std::uint64_t> passed_ = 0;  // frames
  std::thread thread_;
};

}  // namespace gaios::cli

#endif  // GAIOS_TESTS_PROCESSES_LOSSY_SWITCH_H_

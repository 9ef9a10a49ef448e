#ifndef GAIOS_TESTS_FUZZ_LOG_RING_H_
#define GAIOS_TESTS_FUZZ_LOG_RING_H_

// A ring of the smallest capacity in memory of exactly its size, so that the address sanitizer sees any look
// outside of it.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "gaios/base/check.h"
#include "gaios/paxos/entry.h"
#include "gaios/paxos/limits.h"
#include "gaios/paxos/log.h"
#include "gaios/paxos/types.h"

namespace gaios::fuzz {

inline constexpr paxos::GroupId kGroup{42};
inline constexpr std::size_t kRingBytes = paxos::kMinCapacityBytes;
inline constexpr std::size_t kRingUnits = kRingBytes / paxos::kEntryAlignment;

class LogRing {
 public:
  LogRing() {
    GAIOS_CHECK(memory_ != nullptr, "memory for a ring");
    std::memset(memory_.get(), 0, kRingBytes);
  }

  [[nodiscard]] paxos::Log& log() { return log_; }
  [[nodiscard]] std::span<std::byte> bytes() { return {memory_.get(), kRingBytes}; }
  [[nodiscard]] std::vector<std::byte> Copy() const { return {memory_.get(), memory_.get() + kRingBytes}; }

  // Whether the ring holds what it did when `before` was copied.
  [[nodiscard]] bool SameAs(const std::vector<std::byte>& before) const {
    return std::memcmp(memory_.get(), before.data(), kRingBytes) == 0;
  }

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  std::unique_ptr<std::byte, Free> memory_{
      static_cast<std::byte*>(std::aligned_alloc(paxos::kEntryAlignment, kRingBytes))};
  paxos::Log log_{memory_.get(), kRingBytes, kGroup};
};

}  // namespace gaios::fuzz

#endif  // GAIOS_TESTS_FUZZ_LOG_RING_H_

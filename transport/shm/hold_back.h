#ifndef GAIOS_TRANSPORT_SHM_HOLD_BACK_H_
#define GAIOS_TRANSPORT_SHM_HOLD_BACK_H_

// When the care of memory, which may wait, does wait: while packets come or a grant is made, for an election
// or a hand-over is a few of them, one after the other. But not for long: packets may come without an end,
// and a grant may wait for the very memory. Times in ns. Not thread-safe.

#include <cstdint>

namespace gaios::transport::shm {

class HoldBack {
 public:
  static constexpr std::uint64_t kMostNs = 20'000'000;

  // To be asked at each look. `under_way`: there was a packet a moment ago, or a grant is being made.
  [[nodiscard]] bool Holds(bool under_way, std::uint64_t now_ns) {
    if (!under_way) {
      holding_ = false;
      return false;
    }
    if (!holding_) {
      holding_ = true;
      since_ns_ = now_ns;
    }
    return now_ns - since_ns_ < kMostNs;
  }

 private:
  bool holding_ = false;
  std::uint64_t since_ns_ = 0;
};

}  // namespace gaios::transport::shm

#endif  // GAIOS_TRANSPORT_SHM_HOLD_BACK_H_

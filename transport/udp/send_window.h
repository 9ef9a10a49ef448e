#ifndef GAIOS_TRANSPORT_UDP_SEND_WINDOW_H_
#define GAIOS_TRANSPORT_UDP_SEND_WINDOW_H_

// How many writes may be under way to one peer, and how fast they go out.
//
// The window grows with what is acknowledged, up to what the peer has room for. It shrinks when more than one
// in kToleratedLoss of a window's worth is lost: a segment that drops a datagram now and then is not full.
// The pacer lets a burst pass and then no more than twice a window in a round trip, so that a window that
// opens at once does not overrun the queue of a device. One thread.

#include <algorithm>
#include <cstdint>

namespace gaios::transport::udp {

class SendWindow {
 public:
  static constexpr std::uint32_t kSmallest = 8;
  static constexpr std::uint32_t kFirst = 64;
  static constexpr std::uint32_t kToleratedLoss = 32;
  static constexpr std::uint32_t kBurst = 64;

  // `largest` is what the peer has room for, in datagrams.
  explicit SendWindow(std::uint32_t largest = kFirst)
      : largest_(std::max(largest, kSmallest)), size_(std::min(kFirst, largest_)), slow_start_(largest_) {}

  [[nodiscard]] std::uint32_t size() const { return size_; }

  void OnAcked(std::uint32_t count) {
    round_acked_ += count;
    if (size_ < slow_start_) {
      size_ = std::min(size_ + count, slow_start_);
    } else {
      credit_ += count;
      if (credit_ >= size_) {
        credit_ = 0;
        size_ = std::min(size_ + kSmallest, largest_);
      }
    }
    if (round_acked_ >= size_) {
      EndRound();
    }
  }
  void OnLost(std::uint32_t count) { round_lost_ += count; }
  // Nothing has come back for a whole timeout.
  void OnTimeout() {
    slow_start_ = std::max(size_ / 2, kSmallest);
    size_ = std::max(size_ / 4, kSmallest);
    round_acked_ = round_lost_ = 0;
  }

  // Whether another may go out now.
  [[nodiscard]] bool Paced(std::uint64_t now_ns, std::uint64_t rtt_ns) {
    if (allowance_ > 0) {
      return true;
    }
    // Twice the window in a round trip. A trip that is not measured, or takes no time, is not paced.
    const std::uint64_t elapsed_ns = now_ns - refilled_ns_;
    const std::uint64_t refill = rtt_ns == 0 ? kBurst : elapsed_ns * 2 * size_ / rtt_ns;
    if (refill == 0) {
      return false;
    }
    allowance_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(refill, kBurst));
    refilled_ns_ = now_ns;
    return true;
  }
  void OnSent() { allowance_ -= allowance_ > 0 ? 1 : 0; }

 private:
  void EndRound() {
    if (round_lost_ * kToleratedLoss > round_acked_ + round_lost_) {
      size_ = std::max(size_ - size_ / 4, kSmallest);
      slow_start_ = size_;
    }
    round_acked_ = round_lost_ = 0;
  }

  std::uint32_t largest_;
  std::uint32_t size_;
  std::uint32_t slow_start_;  // below it the window doubles in a round trip
  std::uint32_t credit_ = 0;
  std::uint32_t round_acked_ = 0;
  std::uint32_t round_lost_ = 0;
  std::uint32_t allowance_ = kBurst;
  std::uint64_t refilled_ns_ = 0;
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TRANSPORT_UDP_SEND_WINDOW_H_

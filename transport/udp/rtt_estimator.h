#ifndef GAIOS_TRANSPORT_UDP_RTT_ESTIMATOR_H_
#define GAIOS_TRANSPORT_UDP_RTT_ESTIMATOR_H_

// How long a datagram and its answer take, and from that how long an answer is waited for (RFC 6298, with
// bounds fit for one data centre). Nanoseconds. One thread.

#include <algorithm>
#include <cstdint>

namespace gaios::transport::udp {

class RttEstimator {
 public:
  RttEstimator(std::uint64_t min_timeout_ns, std::uint64_t max_timeout_ns)
      : min_timeout_ns_(min_timeout_ns), max_timeout_ns_(max_timeout_ns) {}

  void Sample(std::uint64_t rtt_ns) {
    if (smoothed_ns_ == 0) {
      smoothed_ns_ = std::max<std::uint64_t>(rtt_ns, 1);
      deviation_ns_ = rtt_ns / 2;
      return;
    }
    const std::uint64_t off = rtt_ns > smoothed_ns_ ? rtt_ns - smoothed_ns_ : smoothed_ns_ - rtt_ns;
    deviation_ns_ = deviation_ns_ - deviation_ns_ / 4 + off / 4;
    smoothed_ns_ = std::max<std::uint64_t>(smoothed_ns_ - smoothed_ns_ / 8 + rtt_ns / 8, 1);
  }
  // Nothing has come back for a whole timeout, which is doubled; an answer that brings progress ends that.
  void BackOff() { doublings_ = std::min(doublings_ + 1, kMostDoublings); }
  void Progress() { doublings_ = 0; }

  [[nodiscard]] std::uint64_t smoothed_ns() const { return smoothed_ns_; }  // 0: not measured yet
  [[nodiscard]] std::uint64_t timeout_ns() const {
    const std::uint64_t base = std::max(min_timeout_ns_, smoothed_ns_ + 4 * deviation_ns_);
    return std::min(base << doublings_, max_timeout_ns_);
  }

 private:
  static constexpr unsigned kMostDoublings = 10;

  std::uint64_t min_timeout_ns_;
  std::uint64_t max_timeout_ns_;
  std::uint64_t smoothed_ns_ = 0;
  std::uint64_t deviation_ns_ = 0;
  unsigned doublings_ = 0;
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TRANSPORT_UDP_RTT_ESTIMATOR_H_

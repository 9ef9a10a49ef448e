#ifndef GAIOS_TRANSPORT_UDP_CONTROL_READS_H_
#define GAIOS_TRANSPORT_UDP_CONTROL_READS_H_

// Reads of one peer's control region under way. A question carries how many reads had been posted when it
// was sent; its answer was made after that, so it answers all of those, in posting order. One thread.

#include <cstdint>

#include "gaios/paxos/limits.h"

namespace gaios::transport::udp {

class ControlReads {
 public:
  [[nodiscard]] bool full() const { return posted_ - answered_ >= paxos::kMaxPostedPerLink; }
  void Post() { ++posted_; }

  // The nonce to ask with now; 0 when there is nothing to ask, or nothing again before `timeout_ns`.
  [[nodiscard]] std::uint64_t ToAsk(std::uint64_t now_ns, std::uint64_t timeout_ns) const {
    if (posted_ > asked_ || (asked_ > answered_ && now_ns - asked_ns_ >= timeout_ns)) {
      return posted_;
    }
    return 0;
  }
  void Asked(std::uint64_t now_ns) {
    asked_ = posted_;
    asked_ns_ = now_ns;
  }
  // How many reads an answer with this nonce answers; 0 for one that is late or was not asked for.
  [[nodiscard]] std::uint64_t Answer(std::uint64_t nonce) {
    if (nonce <= answered_ || nonce > asked_) {
      return 0;
    }
    const std::uint64_t answers = nonce - answered_;
    answered_ = nonce;
    return answers;
  }
  // Gives up; how many were open.
  [[nodiscard]] std::uint64_t GiveUp() {
    const std::uint64_t open = posted_ - answered_;
    answered_ = asked_ = posted_;
    return open;
  }

 private:
  std::uint64_t posted_ = 0;
  std::uint64_t asked_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t asked_ns_ = 0;
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TRANSPORT_UDP_CONTROL_READS_H_

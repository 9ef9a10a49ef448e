#ifndef GAIOS_TRANSPORT_UDP_DPDK_LOAN_BOOK_H_
#define GAIOS_TRANSPORT_UDP_DPDK_LOAN_BOOK_H_

// Which loans of a port (gaios/transport/udp/port.h) are over. They begin in order, 1, 2, ..., and end in
// any. So many at a time as there are places. One thread; nothing allocates but the constructor.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gaios/base/check.h"

namespace gaios::transport::udp::dpdk {

class LoanBook {
 public:
  LoanBook() = default;
  explicit LoanBook(std::size_t places) : open_(places, false) {}

  [[nodiscard]] std::size_t places() const { return open_.size(); }
  [[nodiscard]] bool full() const { return latest_ - over_ == open_.size(); }
  // Where what belongs to a loan is kept: no other that is not over has the same place.
  [[nodiscard]] std::size_t PlaceOf(std::uint64_t loan) const { return loan % open_.size(); }

  // Not when it is full.
  std::uint64_t Begin() {
    GAIOS_CHECK(!full(), "a loan has a place");
    ++latest_;
    open_[PlaceOf(latest_)] = true;
    return latest_;
  }
  void End(std::uint64_t loan) {
    GAIOS_CHECK(loan <= latest_ && (loan <= over_ || open_[PlaceOf(loan)]), "a loan ends once");
    if (loan <= over_) {
      return;  // EndAll was before it
    }
    open_[PlaceOf(loan)] = false;
    while (over_ != latest_ && !open_[PlaceOf(over_ + 1)]) {
      ++over_;
    }
  }
  // All that have begun. Their places may still be in use: nothing begins after it.
  void EndAll() { over_ = latest_; }

  [[nodiscard]] std::uint64_t latest() const { return latest_; }
  // Every one up to here has ended.
  [[nodiscard]] std::uint64_t over() const { return over_; }

 private:
  std::uint64_t latest_ = 0;
  std::uint64_t over_ = 0;
  std::vector<bool> open_;
};

}  // namespace gaios::transport::udp::dpdk

#endif  // GAIOS_TRANSPORT_UDP_DPDK_LOAN_BOOK_H_

#ifndef GAIOS_TRANSPORT_VERBS_QUEUE_PAIR_H_
#define GAIOS_TRANSPORT_VERBS_QUEUE_PAIR_H_

// A queue pair of type RC, from its creation to its destruction; each is connected once and never again.
// Owned; may be moved. All of this is cold: every call goes through the kernel. Any thread, one at a time.

#include <cstdint>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/transport/verbs/device.h"

namespace gaios::transport::verbs {

// What one end tells the other.
struct QueuePairEnd {
  std::uint32_t number = 0;
  std::uint32_t first_packet = 0;  // PSN, random: packets for an earlier life of the number are not taken
};

struct QueuePairNeeds {
  std::uint32_t sends = 1;  // work requests under way
  std::uint32_t receives = 0;
  std::uint32_t inline_bytes = 0;
  int access = 0;  // IBV_ACCESS_REMOTE_*: what the other end may do
};

struct ConnectionTimes {
  std::uint8_t ack_timeout = 0;
  std::uint8_t retries = 0;
  std::uint8_t traffic_class = 0;
  std::uint8_t service_level = 0;
};

class QueuePair {
 public:
  QueuePair() = default;
  QueuePair(QueuePair&& other) noexcept { *this = std::move(other); }
  QueuePair& operator=(QueuePair&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(handle_, other.handle_);
    std::swap(end_, other.end_);
    std::swap(inline_bytes_, other.inline_bytes_);
    return *this;
  }
  ~QueuePair() { (void)Destroy(); }

  // In state INIT, with all completions going to `completions`.
  static absl::StatusOr<QueuePair> Create(RdmaDevice& device, ibv_cq* completions,
                                          const QueuePairNeeds& needs);

  [[nodiscard]] explicit operator bool() const { return handle_ != nullptr; }
  [[nodiscard]] ibv_qp* handle() const { return handle_; }
  [[nodiscard]] const QueuePairEnd& end() const { return end_; }
  // What the device has given, at least what was asked for or 0.
  [[nodiscard]] std::uint32_t inline_bytes() const { return inline_bytes_; }

  // To state RTR: from here on it answers what the other end posts. `reads`: how many of its reads at a time.
  [[nodiscard]] absl::Status Receive(const PortAddress& peer, const QueuePairEnd& other, std::uint8_t reads,
                                     const ConnectionTimes& times);
  // To state RTS: from here on it may post. `reads`: how many reads at a time.
  [[nodiscard]] absl::Status Transmit(std::uint8_t reads, const ConnectionTimes& times);
  // From RTR on: lets the other end do that, of IBV_ACCESS_REMOTE_*, and goes to RTS. Otherwise errno; then
  // it may or may not let it.
  [[nodiscard]] int Allow(int access, const ConnectionTimes& times);
  // To state ERR: nothing that arrives is executed any more, as far as the device keeps to the book.
  [[nodiscard]] int Fail();
  // When it returns 0 the device neither reads nor writes memory for it: of a device that works, or where
  // DestroysWhenLost (fencing.h). Otherwise it is still there: errno.
  [[nodiscard]] int Destroy();
  // Of a device that is gone, with all that it had made.
  void Forget() { handle_ = nullptr; }

 private:
  [[nodiscard]] int ToRts(ibv_qp_attr& attributes, const ConnectionTimes& times, int mask);

  RdmaDevice* device_ = nullptr;
  ibv_qp* handle_ = nullptr;
  QueuePairEnd end_;
  std::uint32_t inline_bytes_ = 0;
};

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TRANSPORT_VERBS_QUEUE_PAIR_H_

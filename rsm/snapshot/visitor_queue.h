#ifndef GAIOS_RSM_SNAPSHOT_VISITOR_QUEUE_H_
#define GAIOS_RSM_SNAPSHOT_VISITOR_QUEUE_H_

// Visitors from other hosts on their way from the thread that makes connections to the one that serves them.
// Bounded: one more is sent away. Any thread.

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <absl/status/statusor.h>

#include "gaios/rsm/snapshot/signal_fd.h"
#include "gaios/transport/bootstrap/secure_stream.h"

namespace gaios::rsm {

class VisitorQueue final : public transport::bootstrap::VisitorHandler {
 public:
  // Beside the one that is served.
  static constexpr std::size_t kMaxWaiting = 4;

  struct Visitor {
    transport::bootstrap::Visit visit;
    std::unique_ptr<transport::bootstrap::SecureStream> stream;
  };

  // ResourceExhausted: no descriptor is left.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<VisitorQueue>> Create() {
    absl::StatusOr<SignalFd> waiting = SignalFd::Create();
    if (!waiting.ok()) {
      return waiting.status();
    }
    return std::unique_ptr<VisitorQueue>(new VisitorQueue(*std::move(waiting)));
  }

  [[nodiscard]] bool Welcome() override {
    const std::lock_guard lock(mutex_);
    return visitors_.size() < kMaxWaiting;
  }
  void OnVisitor(const transport::bootstrap::Visit& visit,
                 std::unique_ptr<transport::bootstrap::SecureStream> stream) override {
    const std::lock_guard lock(mutex_);
    visitors_.push_back({visit, std::move(stream)});
    waiting_.Raise();
  }

  // The one that has waited longest.
  [[nodiscard]] std::optional<Visitor> Take() {
    const std::lock_guard lock(mutex_);
    if (visitors_.empty()) {
      return std::nullopt;
    }
    std::optional<Visitor> first = std::move(visitors_.front());
    visitors_.pop_front();
    if (visitors_.empty()) {
      waiting_.Clear();
    }
    return first;
  }
  // Readable while somebody waits.
  [[nodiscard]] int fd() const { return waiting_.fd(); }

 private:
  explicit VisitorQueue(SignalFd waiting) : waiting_(std::move(waiting)) {}

  const SignalFd waiting_;
  std::mutex mutex_;
  std::deque<Visitor> visitors_;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_SNAPSHOT_VISITOR_QUEUE_H_

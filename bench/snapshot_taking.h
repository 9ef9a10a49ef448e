#ifndef GAIOS_BENCH_SNAPSHOT_TAKING_H_
#define GAIOS_BENCH_SNAPSHOT_TAKING_H_

// Snapshots of a replica, one after another while they are wanted, taken as a node takes them: begun and
// looked after between two turns of the replica. One thread, the replica's.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/clock.h"
#include "gaios/rsm/replica.h"
#include "gaios/rsm/snapshot/capture.h"

namespace gaios::bench {

class SnapshotTaking {
 public:
  // Each to a file at `path`, which takes the place of the one before. All must outlive it.
  SnapshotTaking(std::string path, const rsm::Replica& replica, const base::TscClock& clock)
      : path_(std::move(path)), replica_(replica), clock_(clock) {}

  [[nodiscard]] absl::Status Turn(bool wanted) {
    const std::uint64_t now_ns = clock_.NowNs();
    if (now_ns < next_look_ns_) {
      return absl::OkStatus();
    }
    next_look_ns_ = now_ns + kLookIntervalNs;
    if (capture_ != nullptr) {
      const std::optional<absl::Status> outcome = capture_->Poll();
      if (!outcome.has_value()) {
        return absl::OkStatus();
      }
      capture_.reset();
      if (!outcome->ok()) {
        return *outcome;
      }
      ++taken_;
    }
    if (!wanted) {
      return absl::OkStatus();
    }
    auto begun = rsm::Capture::Start(path_, {paxos::GroupId(1), "bench", 1, "table"}, replica_);
    if (!begun.ok()) {
      return begun.status();
    }
    capture_ = *std::move(begun);
    pause_ns_ += capture_->pause_ns();
    ++begun_;
    return absl::OkStatus();
  }
  [[nodiscard]] bool under_way() const { return capture_ != nullptr; }
  [[nodiscard]] std::uint64_t taken() const { return taken_; }
  // For which the replica stood still when one began, on average.
  [[nodiscard]] std::uint64_t mean_pause_ns() const { return begun_ == 0 ? 0 : pause_ns_ / begun_; }

 private:
  static constexpr std::uint64_t kLookIntervalNs = 1'000'000;  // as a node's

  const std::string path_;
  const rsm::Replica& replica_;
  const base::TscClock& clock_;
  std::unique_ptr<rsm::Capture> capture_;
  std::uint64_t next_look_ns_ = 0;
  std::uint64_t begun_ = 0;
  std::uint64_t taken_ = 0;
  std::uint64_t pause_ns_ = 0;
};

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_SNAPSHOT_TAKING_H_

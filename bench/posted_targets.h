#ifndef GAIOS_BENCH_POSTED_TARGETS_H_
#define GAIOS_BENCH_POSTED_TARGETS_H_

// What the latency loop drives where a write is posted and completes later: over RDMA and over UDP.

#include <cstddef>
#include <deque>
#include <utility>

#include "gaios/base/idle.h"
#include "gaios/paxos/entry.h"

#include "bench/targets.h"

namespace gaios::bench {

// Writes what was proposed since the last poll as one entry of the product's size. A floor has `bool
// Write(bytes)`, false when there is no room, `std::size_t Poll()`, the entries that have completed, and
// `bool failed()`.
template <typename PostedFloor>
class PostedFloorTarget {
 public:
  // `floor` must outlive the target.
  PostedFloorTarget(PostedFloor& floor, std::size_t size_bytes)
      : floor_(floor), command_bytes_(CommandBytes(size_bytes)) {}

  bool Propose() {
    if (payload_bytes_ + command_bytes_ > kMaxBatchBytes) {
      return false;
    }
    payload_bytes_ += command_bytes_;
    ++proposed_;
    return true;
  }
  std::size_t Poll() {
    if (proposed_ != 0 && floor_.Write(paxos::EntryBytes(payload_bytes_))) {
      payload_bytes_ = 0;
      under_way_.push_back(std::exchange(proposed_, 0));
    }
    std::size_t done = 0;
    for (std::size_t entries = floor_.Poll(); entries > 0; --entries) {
      done += under_way_.front();
      under_way_.pop_front();
    }
    // So that no loop waits for what will never complete; Check tells of it.
    if (floor_.failed()) [[unlikely]] {
      done += std::exchange(proposed_, 0);
      for (; !under_way_.empty(); under_way_.pop_front()) {
        done += under_way_.front();
      }
    }
    return done;
  }

 private:
  static constexpr std::size_t kMaxBatchBytes = std::size_t{128} << 10;

  PostedFloor& floor_;
  std::size_t command_bytes_;
  std::size_t payload_bytes_ = 0;
  std::size_t proposed_ = 0;
  std::deque<std::size_t> under_way_;  // commands of each entry
};

// Writes each command by itself, `bytes` long, as a client sends it.
template <typename PostedFloor>
class EchoTarget {
 public:
  // `floor` must outlive the target.
  EchoTarget(PostedFloor& floor, std::size_t bytes) : floor_(floor), bytes_(bytes) {}

  bool Propose() {
    const bool written = floor_.Write(bytes_);
    under_way_ += written ? 1 : 0;
    return written;
  }
  std::size_t Poll() {
    // So that no loop waits for what will never complete; Check tells of it.
    const std::size_t done = floor_.failed() ? under_way_ : floor_.Poll();
    under_way_ -= done;
    return done;
  }

 private:
  PostedFloor& floor_;
  std::size_t bytes_;
  std::size_t under_way_ = 0;
};

// A target whose loop makes room on the processor when there is nothing to do, as a user's would.
template <typename Target>
class Idling {
 public:
  // `target` must outlive this.
  Idling(Target& target, base::IdleStrategy idle) : target_(target), idle_(idle) {}

  bool Propose() { return target_.Propose(); }
  std::size_t Poll() {
    const std::size_t done = target_.Poll();
    if (done == 0) {
      idle_.OnIdle();
    } else {
      idle_.OnWork();
    }
    return done;
  }

 private:
  Target& target_;
  base::Idle idle_;
};

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_POSTED_TARGETS_H_

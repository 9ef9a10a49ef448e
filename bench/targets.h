#ifndef GAIOS_BENCH_TARGETS_H_
#define GAIOS_BENCH_TARGETS_H_

// What the latency loop drives: the product and its floor, with commands of equal size.

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "gaios/paxos/entry.h"
#include "gaios/rsm/command_codec.h"
#include "gaios/rsm/replica.h"

#include "bench/floor.h"

namespace gaios::bench {

// Counts what a replica reports. A command that ends unknown means that the leader was lost: the run is void.
class CompletionCount final : public rsm::ProposalListener {
 public:
  void OnCommitted(std::uint64_t /*tag*/, std::uint64_t /*slot*/, rsm::Applied how,
                   std::span<const std::byte> /*reply*/) override {
    ++committed_;
    misapplied_ += how == rsm::Applied::kApplied ? 0U : 1U;
  }
  // Ends a command like any other, so that no loop waits for it.
  void OnUnknown(std::uint64_t /*tag*/) override {
    ++committed_;
    ++misapplied_;
  }

  // Since the last call.
  [[nodiscard]] std::size_t Take() { return std::exchange(committed_, 0); }
  // Whether all were applied, once.
  [[nodiscard]] bool clean() const { return misapplied_ == 0; }
  [[nodiscard]] std::size_t misapplied() const { return misapplied_; }

 private:
  std::size_t committed_ = 0;
  std::size_t misapplied_ = 0;
};

class ProductTarget {
 public:
  // `leader` must outlive the target and lead.
  ProductTarget(rsm::Replica& leader, std::size_t size_bytes)
      : leader_(leader), memory_(size_bytes), command_(memory_) {}

  bool Propose() {
    const rsm::Taken taken = leader_.Propose(command_, completions_, 0);
    if (taken == rsm::Taken::kTaken) [[likely]] {
      return true;
    }
    if (taken != rsm::Taken::kFull) [[unlikely]] {
      completions_.OnUnknown(0);
      return true;
    }
    return false;
  }
  std::size_t Poll() {
    static_cast<void>(leader_.Poll());
    return completions_.Take();
  }
  [[nodiscard]] bool clean() const { return completions_.clean(); }

 private:
  rsm::Replica& leader_;
  const std::vector<std::byte> memory_;
  const std::span<const std::byte> command_;
  CompletionCount completions_;
};

// Bytes that a user's command takes in the payload of an entry.
[[nodiscard]] constexpr std::size_t CommandBytes(std::size_t size_bytes, bool in_session = false) {
  const std::size_t prefix =
      rsm::CommandPrefixBytes(in_session ? rsm::CommandKind::kSession : rsm::CommandKind::kUser);
  return (prefix + size_bytes + 7) / 8 * 8;
}

// Writes what was proposed since the last poll as one entry of the product's size.
class FloorTarget {
 public:
  // `floor` must outlive the target.
  FloorTarget(Floor& floor, std::size_t size_bytes)
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
    if (proposed_ == 0 || !floor_.Write(paxos::EntryBytes(payload_bytes_))) {
      return 0;
    }
    floor_.Confirm();
    payload_bytes_ = 0;
    return std::exchange(proposed_, 0);
  }

 private:
  static constexpr std::size_t kMaxBatchBytes = std::size_t{128} << 10;

  Floor& floor_;
  std::size_t command_bytes_;
  std::size_t payload_bytes_ = 0;
  std::size_t proposed_ = 0;
};

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_TARGETS_H_

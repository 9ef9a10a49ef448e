#ifndef GAIOS_BENCH_TABLE_MACHINE_H_
#define GAIOS_BENCH_TABLE_MACHINE_H_

// A state machine with much state, of which each command changes one word, anywhere in it: so the next
// command meets another page, the worst case for whoever copies pages when they are written.
//
// Its snapshots are taken by fork, or its own way: frozen by sharing all pieces, and each piece copied by the
// first command that changes it afterwards, which allocates.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "gaios/rsm/state_machine.h"

namespace gaios::bench {

class TableMachine final : public rsm::StateMachine {
 public:
  TableMachine(std::size_t bytes, bool own_way) : own_way_(own_way) {
    for (std::size_t i = 0; i < std::max<std::size_t>(bytes / sizeof(Piece), 1); ++i) {
      pieces_.push_back(std::make_shared<Piece>());
    }
  }

  void Apply(const rsm::Command& /*command*/, rsm::Reply& /*reply*/) override {
    constexpr std::uint64_t kSpread = 0x9e3779b97f4a7c15U;
    const std::uint64_t place = ++count_ * kSpread >> 16;
    Piece& piece = Own(pieces_[place / kWords % pieces_.size()]);
    piece[place % kWords] += count_;
    hash_ = (hash_ ^ piece[place % kWords]) * kSpread;
  }
  [[nodiscard]] std::uint64_t StateHash() const override { return hash_; }
  [[nodiscard]] absl::Status Save(rsm::SnapshotSink& sink) const override {
    return SavePieces(pieces_, sink);
  }
  [[nodiscard]] std::unique_ptr<rsm::FrozenState> Freeze() const override {
    return own_way_ ? std::make_unique<Frozen>(pieces_) : nullptr;
  }
  [[nodiscard]] absl::Status Restore(rsm::SnapshotSource& /*source*/) override {
    return absl::UnimplementedError("a benchmark restores nothing");
  }

 private:
  static constexpr std::size_t kWords = 512;  // of a piece, which is a page
  using Piece = std::array<std::uint64_t, kWords>;
  using Pieces = std::vector<std::shared_ptr<Piece>>;

  class Frozen final : public rsm::FrozenState {
   public:
    explicit Frozen(Pieces pieces) : pieces_(std::move(pieces)) {}
    [[nodiscard]] absl::Status Save(rsm::SnapshotSink& sink) const override {
      return SavePieces(pieces_, sink);
    }

   private:
    const Pieces pieces_;
  };

  static absl::Status SavePieces(const Pieces& pieces, rsm::SnapshotSink& sink) {
    for (const std::shared_ptr<Piece>& piece : pieces) {
      if (absl::Status status = sink.Append(std::as_bytes(std::span(*piece))); !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }
  // Alone, so that it may be changed.
  static Piece& Own(std::shared_ptr<Piece>& piece) {
    if (piece.use_count() > 1) {
      piece = std::make_shared<Piece>(*piece);
    }
    std::atomic_thread_fence(std::memory_order_acquire);  // who shared it has read it
    return *piece;
  }

  const bool own_way_;
  Pieces pieces_;
  std::uint64_t count_ = 0;
  std::uint64_t hash_ = 0;
};

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_TABLE_MACHINE_H_

#ifndef GAIOS_RSM_STATE_MACHINE_H_
#define GAIOS_RSM_STATE_MACHINE_H_

// What a user replicates: a deterministic state machine.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include <absl/status/status.h>

#include "gaios/base/check.h"

namespace gaios::rsm {

// One committed command, as every replica sees it.
struct Command {
  std::uint64_t slot = 0;     // slot of its batch in the log
  std::uint64_t time_ns = 0;  // wall clock of the leader when it was proposed, ns since 1970; never decreases
  std::uint64_t session = 0;  // client session, 0 for none
  std::uint64_t sequence = 0;        // number within the session, from 1
  std::span<const std::byte> bytes;  // valid during Apply only
};

// Where Apply writes its reply. Fixed memory of the replica, valid during Apply only; empty at each call.
class Reply {
 public:
  explicit Reply(std::span<std::byte> memory) : memory_(memory) {}

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t room() const { return memory_.size() - size_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return memory_.first(size_); }

  // Appends `bytes` and returns true, or leaves the reply as it was when there is no room.
  [[nodiscard]] bool Append(std::span<const std::byte> bytes) {
    if (bytes.size() > room()) {
      return false;
    }
    if (!bytes.empty()) {
      std::memcpy(memory_.data() + size_, bytes.data(), bytes.size());
    }
    size_ += bytes.size();
    return true;
  }
  // Overwrites bytes appended before, e.g. a count at the head.
  void Patch(std::size_t offset, std::span<const std::byte> bytes) {
    GAIOS_CHECK(offset + bytes.size() <= size_, "patch outside of the reply");
    std::memcpy(memory_.data() + offset, bytes.data(), bytes.size());
  }
  void Clear() { size_ = 0; }

 private:
  std::span<std::byte> memory_;
  std::size_t size_ = 0;
};

// Largest reply, bytes.
inline constexpr std::size_t kMaxReplyBytes = std::size_t{16} << 10;

// Where a snapshot goes, piece by piece.
class SnapshotSink {
 public:
  virtual ~SnapshotSink() = default;
  [[nodiscard]] virtual absl::Status Append(std::span<const std::byte> bytes) = 0;
};

// Where a snapshot comes from. Read fills all of `bytes` or fails (truncated, damaged).
class SnapshotSource {
 public:
  virtual ~SnapshotSource() = default;
  [[nodiscard]] virtual absl::Status Read(std::span<std::byte> bytes) = 0;
};

// A state that does not change any more, to be saved while its state machine goes on.
class FrozenState {
 public:
  virtual ~FrozenState() = default;
  [[nodiscard]] virtual absl::Status Save(SnapshotSink& sink) const = 0;
};

// The determinism contract. Apply is called once for each committed command, in log order, on every replica;
// equal state and equal command must give equal state and equal reply, on every machine and in every run. So
// Apply takes its time from the command and from nowhere else, and its outcome must not rest on clocks,
// randomness, threads, addresses, iteration order of hashed containers, uninitialised memory, floating-point
// settings or locale. Apply must not fail: a command that makes no sense gets a reply that says so. Replicas
// compare StateHash every so many commands, and one that diverges is named.
//
// Threads: every call comes from the replica's thread, or from a child that it forked (see Save). Apply is on
// the fast path: it should not allocate, lock or make system calls.
class StateMachine {
 public:
  virtual ~StateMachine() = default;
  virtual void Apply(const Command& command, Reply& reply) = 0;
  // How many commands ahead Prefetch wants to hear of them, 0 for not at all. Asked once for each batch.
  [[nodiscard]] virtual std::uint32_t PrefetchDistance() const { return 0; }
  // A command that is about to be applied: a state machine larger than the caches may start to fetch what it
  // will touch. Must change nothing that StateHash, Save or a reply could show.
  virtual void Prefetch(std::span<const std::byte> /*command*/) {}
  // A hash of the whole state, cheap enough to be asked for every few thousand commands; equal states have
  // equal hashes whatever road led to them.
  [[nodiscard]] virtual std::uint64_t StateHash() const = 0;
  // Equal states should save equal bytes. While commands go on it is called in a child that was forked, on
  // the child's copy of the memory, unless Freeze offers something else: so it must read private memory only
  // (no MAP_SHARED, no MADV_DONTFORK), start no thread, and take no lock that another thread may have held.
  [[nodiscard]] virtual absl::Status Save(SnapshotSink& sink) const = 0;
  // For a state machine that knows a better way than a fork, such as versions that it keeps apart: its state
  // as it is now. Null for none. What is returned is saved and destroyed by another thread, while Apply goes
  // on; the state machine outlives it. Called between two commands; should take as long as one.
  [[nodiscard]] virtual std::unique_ptr<FrozenState> Freeze() const { return nullptr; }
  // Replaces the state by the snapshot's, or fails and leaves the state as it was.
  [[nodiscard]] virtual absl::Status Restore(SnapshotSource& source) = 0;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_STATE_MACHINE_H_

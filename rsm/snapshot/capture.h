#ifndef GAIOS_RSM_SNAPSHOT_CAPTURE_H_
#define GAIOS_RSM_SNAPSHOT_CAPTURE_H_

// A snapshot of a running replica, written to a file while the replica goes on: by a child that was forked,
// or by a thread where the state machine offers a frozen state of its own. One thread, the replica's; only
// Start takes time: that of the fork, or of Freeze and a copy of the sessions.

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/rsm/replica.h"
#include "gaios/rsm/snapshot/facts.h"
#include "gaios/rsm/snapshot/forked_work.h"
#include "gaios/rsm/state_machine.h"

namespace gaios::rsm {

class Capture {
 public:
  // Of `replica` as it is now, between two of its turns, to a file at `path`. Nothing else may write there
  // meanwhile. `origin` is the group's.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Capture>> Start(const std::string& path,
                                                                      const SnapshotOrigin& origin,
                                                                      const Replica& replica);
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  ~Capture();  // gives up what is not done

  // Nothing while it is written. Ok: it is at `path`, in whole and on disk.
  [[nodiscard]] std::optional<absl::Status> Poll();

  [[nodiscard]] const SnapshotFacts& facts() const { return facts_; }
  // How long the replica stood still for it, ns.
  [[nodiscard]] std::uint64_t pause_ns() const { return pause_ns_; }
  // The child, where there is one.
  [[nodiscard]] std::optional<pid_t> child() const {
    return forked_ == nullptr ? std::nullopt : std::optional(forked_->pid());
  }

 private:
  Capture(std::string path, SnapshotFacts facts) : path_(std::move(path)), facts_(std::move(facts)) {}
  [[nodiscard]] absl::Status Begin(const Replica& replica);
  void WriteFrozen();

  const std::string path_;
  const SnapshotFacts facts_;
  std::uint64_t pause_ns_ = 0;
  std::unique_ptr<ForkedWork> forked_;

  std::unique_ptr<FrozenState> frozen_;  // the writer's, with the sessions, while it runs
  std::vector<std::byte> sessions_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> written_ = false;  // `outcome_` may be read
  absl::Status outcome_;
  std::thread writer_;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_SNAPSHOT_CAPTURE_H_

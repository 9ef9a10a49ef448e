#ifndef GAIOS_RSM_SNAPSHOT_FORKED_WORK_H_
#define GAIOS_RSM_SNAPSHOT_FORKED_WORK_H_

// Work on a copy of this process as it is at one moment: a child that was forked does it on its copy of the
// memory, at the lowest priority, and ends. The parent goes on at once and looks now and then.
//
// The child must not be taken for its parent, nor outlive it. So first of all it
//   - asks to be killed when the thread that forked it ends, and ends if that has happened already;
//   - closes every descriptor but its report: a socket that it kept would hide the parent's death from those
//     who watch for its hang-up. The lock on the replica's id is not given up by that: it goes with the
//     parent;
//   - leaves real-time scheduling and the parent's cpu, and takes the usual action on SIGINT and SIGTERM.
// Memory that is shared (MAP_SHARED) is no copy in it, and memory that devices write to is not there at all:
// transport/verbs maps it with MADV_DONTFORK.
//
// One thread. Start blocks for the fork; its time grows with the memory that the process has touched
// (docs/snapshots.md has figures). No other call blocks, but for the destructor of work that is not done.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/unique_fd.h"

namespace gaios::rsm {

class ForkedWork {
 public:
  // `work` is called in the child and its status is brought back. ResourceExhausted when the system gives no
  // child.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ForkedWork>> Start(
      const std::function<absl::Status()>& work);
  ForkedWork(const ForkedWork&) = delete;
  ForkedWork& operator=(const ForkedWork&) = delete;
  ~ForkedWork();  // kills the child

  // Nothing while the child works; then what came of it. Aborted when it was killed.
  [[nodiscard]] std::optional<absl::Status> Poll();

  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  ForkedWork(pid_t pid, base::UniqueFd process, base::UniqueFd report);
  void ReadReport();
  [[nodiscard]] absl::Status Outcome() const;

  const pid_t pid_;
  base::UniqueFd process_;
  base::UniqueFd report_;
  std::vector<std::byte> reported_;
  bool ended_ = false;
  int how_ended_ = 0;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_SNAPSHOT_FORKED_WORK_H_

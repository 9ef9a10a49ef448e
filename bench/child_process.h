#ifndef GAIOS_BENCH_CHILD_PROCESS_H_
#define GAIOS_BENCH_CHILD_PROCESS_H_

// A forked process of a benchmark. It never outlives its parent. One thread.

#include <sys/types.h>

#include <cstdint>
#include <functional>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace gaios::bench {

class ChildProcess {
 public:
  // Forks a process that runs `body`, pinned to `cpu`, and exits with what it returns. To be called while the
  // parent holds no sockets: the child would keep them open.
  [[nodiscard]] static absl::StatusOr<ChildProcess> Fork(int cpu, const std::function<absl::Status()>& body);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  // Kills it if it is still there.
  ~ChildProcess();

  [[nodiscard]] pid_t pid() const { return pid_; }
  // Whether it has ended by itself. Does not wait.
  [[nodiscard]] bool Ended();
  // SIGSTOP: it does nothing any more, and is still there.
  [[nodiscard]] absl::Status Stop() const;
  // SIGKILL; returns once the process is gone.
  void Kill();
  // Waits until it ends by itself.
  void Join();
  // Binds its main thread to another cpu, at any time. The error names the cpu.
  [[nodiscard]] absl::Status MoveTo(int cpu) const;
  // Processor time that it has used, ns.
  [[nodiscard]] std::uint64_t ProcessorTimeNs() const;

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}

  pid_t pid_;  // 0 once it is gone
};

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_CHILD_PROCESS_H_

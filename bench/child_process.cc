#include "bench/child_process.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <iostream>
#include <string>
#include <system_error>
#include <utility>

#include "gaios/base/pinning.h"

namespace gaios::bench {

absl::StatusOr<ChildProcess> ChildProcess::Fork(int cpu, const std::function<absl::Status()>& body) {
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) {
    return absl::ResourceExhaustedError(std::string("cannot fork: ") +
                                        std::generic_category().message(errno));
  }
  if (pid > 0) {
    return ChildProcess(pid);
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) {
    _exit(1);  // the parent died before the line above
  }
  absl::Status status = base::PinThisThread(cpu);
  if (status.ok()) {
    status = body();
  }
  if (!status.ok()) {
    std::cerr << "gaios-bench: " << status.message() << std::endl;
  }
  // Not exit(): what the parent had buffered or registered is the parent's.
  _exit(status.ok() ? 0 : 1);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}

ChildProcess::~ChildProcess() {
  Kill();
}

bool ChildProcess::Ended() {
  if (pid_ != 0 && waitpid(pid_, nullptr, WNOHANG) == pid_) {
    pid_ = 0;
  }
  return pid_ == 0;
}

absl::Status ChildProcess::Stop() const {
  if (pid_ == 0 || kill(pid_, SIGSTOP) != 0) {
    return absl::InternalError(std::string("cannot stop a process: ") +
                               (pid_ == 0 ? "it is gone" : std::generic_category().message(errno)));
  }
  return absl::OkStatus();
}

void ChildProcess::Kill() {
  if (pid_ != 0) {
    kill(pid_, SIGKILL);
    Join();
  }
}

void ChildProcess::Join() {
  while (pid_ != 0 && waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
}

absl::Status ChildProcess::MoveTo(int cpu) const {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (cpu >= 0 && cpu < CPU_SETSIZE) {
    CPU_SET(static_cast<std::size_t>(cpu), &cpus);
  }
  if (pid_ == 0 || sched_setaffinity(pid_, sizeof(cpus), &cpus) != 0) {
    return absl::InternalError("cannot move a process to cpu " + std::to_string(cpu) + ": " +
                               (pid_ == 0 ? "it is gone" : std::generic_category().message(errno)));
  }
  return absl::OkStatus();
}

std::uint64_t ChildProcess::ProcessorTimeNs() const {
  clockid_t clock = 0;
  timespec used = {};
  if (pid_ == 0 || clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &used) != 0) {
    return 0;
  }
  return static_cast<std::uint64_t>(used.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(used.tv_nsec);
}

}  // namespace gaios::bench

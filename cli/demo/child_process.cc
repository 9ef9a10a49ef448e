#include "gaios/cli/demo/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include <absl/strings/str_cat.h>

namespace gaios::cli {

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(const std::vector<std::string>& arguments,
                                                                  const std::string& output) {
  const int output_fd = open(output.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  if (output_fd < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot create ", output));
  }
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) {
    pointers.push_back(const_cast<char*>(argument.c_str()));
  }
  pointers.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    // Only calls that are safe after fork.
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || dup2(output_fd, STDOUT_FILENO) < 0 || dup2(output_fd, STDERR_FILENO) < 0) {
      _exit(127);
    }
    execv(pointers.front(), pointers.data());
    _exit(127);
  }
  const int error = errno;
  close(output_fd);
  if (pid < 0) {
    return absl::ErrnoToStatus(error, absl::StrCat("cannot start ", arguments.front()));
  }
  const int pid_fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (pid_fd < 0) {
    absl::Status status = absl::ErrnoToStatus(errno, absl::StrCat("cannot watch ", arguments.front()));
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return status;
  }
  return std::unique_ptr<ChildProcess>(new ChildProcess(pid, pid_fd));
}

ChildProcess::~ChildProcess() {
  if (!result_.has_value()) {
    Signal(SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close(pid_fd_);
}

void ChildProcess::Signal(int signal) const {
  // By descriptor: the id may be another process's by now.
  syscall(SYS_pidfd_send_signal, pid_fd_, signal, nullptr, 0);
}

std::optional<int> ChildProcess::Wait(std::chrono::milliseconds timeout) {
  if (result_.has_value()) {
    return result_;
  }
  pollfd ended = {.fd = pid_fd_, .events = POLLIN, .revents = 0};
  if (poll(&ended, 1, static_cast<int>(timeout.count())) <= 0) {
    return std::nullopt;
  }
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == pid_) {
    result_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  return result_;
}

}  // namespace gaios::cli

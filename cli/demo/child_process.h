#ifndef GAIOS_CLI_DEMO_CHILD_PROCESS_H_
#define GAIOS_CLI_DEMO_CHILD_PROCESS_H_

// A program run as a child: started, signalled, waited for with a deadline, and never left behind. Its output
// goes to a file. It is in a process group of its own, so that an interrupt at the terminal is its parent's
// affair, and it is killed when its parent dies. One thread.

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

namespace gaios::cli {

class ChildProcess {
 public:
  // `arguments` begins with the path of the program. Standard output and error are appended to `output`.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(
      const std::vector<std::string>& arguments, const std::string& output);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  // Kills it if it still runs.
  ~ChildProcess();

  void Signal(int signal) const;
  // Waits until it has ended, at most so long. Its exit code, minus the signal that killed it, or nothing.
  [[nodiscard]] std::optional<int> Wait(std::chrono::milliseconds timeout);
  [[nodiscard]] bool running() { return !Wait(std::chrono::milliseconds(0)).has_value(); }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  ChildProcess(pid_t pid, int pid_fd) : pid_(pid), pid_fd_(pid_fd) {}

  const pid_t pid_;
  const int pid_fd_;  // becomes readable when the process ends
  std::optional<int> result_;
};

}  // namespace gaios::cli

#endif  // GAIOS_CLI_DEMO_CHILD_PROCESS_H_

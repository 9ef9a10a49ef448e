#include "gaios/rsm/snapshot/forked_work.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <string>
#include <system_error>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/base/background.h"

namespace gaios::rsm {
namespace {

constexpr int kReportFd = 3;

struct ReportHeader {
  std::int32_t code = 0;
  std::uint32_t length = 0;  // of the message that follows
};
// In one write, which a pipe takes whole.
constexpr std::size_t kMaxMessageBytes = 2048;
static_assert(sizeof(ReportHeader) + kMaxMessageBytes <= PIPE_BUF);

// Nothing of the parent's that others wait on stays open here, and nothing of its standing is kept.
void LeaveParent(pid_t parent, int report) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) {
    ::_exit(1);  // it has died before it could be told
  }
  ::dup2(report, kReportFd);
  ::close_range(kReportFd + 1, ~0U, 0);
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int standard = 0; standard < kReportFd; ++standard) {
    ::dup2(nowhere, standard);
  }
  ::close(nowhere);
  ::signal(SIGINT, SIG_DFL);
  ::signal(SIGTERM, SIG_DFL);
  ::signal(SIGXFSZ, SIG_IGN);  // a file that may grow no more is an error like any other
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  base::GoToBackground(base::BackgroundPriority::kLowest);
}

void Report(const absl::Status& status) {
  const std::size_t length = std::min(status.message().size(), kMaxMessageBytes);
  const ReportHeader header{status.raw_code(), static_cast<std::uint32_t>(length)};
  std::array<char, sizeof(header) + kMaxMessageBytes> bytes;
  std::memcpy(bytes.data(), &header, sizeof(header));
  status.message().copy(bytes.data() + sizeof(header), length);
  while (::write(kReportFd, bytes.data(), sizeof(header) + length) < 0 && errno == EINTR) {
  }
}

[[noreturn]] void WorkAndEnd(const std::function<absl::Status()>& work) {
  absl::Status status;
  try {
    status = work();
  } catch (const std::exception& error) {
    status = absl::ResourceExhaustedError(
        absl::StrCat("the child of the snapshot could not go on: ", error.what(), "; free some memory"));
  }
  Report(status);
  ::_exit(0);
}

}  // namespace

ForkedWork::ForkedWork(pid_t pid, base::UniqueFd process, base::UniqueFd report)
    : pid_(pid), process_(std::move(process)), report_(std::move(report)) {}

absl::StatusOr<std::unique_ptr<ForkedWork>> ForkedWork::Start(const std::function<absl::Status()>& work) {
  std::array<int, 2> ends = {-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    return absl::ResourceExhaustedError(
        "no descriptors are left for the report of a snapshot; raise the limit of open files");
  }
  base::UniqueFd report(ends[0]);
  const base::UniqueFd child_end(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the system gives no child to take a snapshot: ", std::generic_category().message(errno),
                     "; free memory or allow it to be overcommitted (vm.overcommit_memory), raise the limit "
                     "of processes, or give the state machine a Freeze of its own"));
  }
  if (pid == 0) {
    LeaveParent(parent, child_end.get());
    WorkAndEnd(work);
  }
  base::UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  return std::unique_ptr<ForkedWork>(new ForkedWork(pid, std::move(process), std::move(report)));
}

ForkedWork::~ForkedWork() {
  if (ended_) {
    return;
  }
  // By the descriptor, which means this child even when somebody else has waited for it.
  if (process_.valid()) {
    static_cast<void>(::syscall(SYS_pidfd_send_signal, process_.get(), SIGKILL, nullptr, 0));
  } else {
    ::kill(pid_, SIGKILL);
  }
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void ForkedWork::ReadReport() {
  std::array<std::byte, PIPE_BUF> bytes;
  for (;;) {
    const ssize_t size = ::read(report_.get(), bytes.data(), bytes.size());
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size <= 0) {
      return;
    }
    reported_.insert(reported_.end(), bytes.begin(), bytes.begin() + size);
  }
}

std::optional<absl::Status> ForkedWork::Poll() {
  if (!ended_) {
    const pid_t waited = ::waitpid(pid_, &how_ended_, WNOHANG);
    if (waited == 0 || (waited < 0 && errno == EINTR)) {
      return std::nullopt;
    }
    // Or somebody else has waited for all children of the process: what it has reported still counts.
    ended_ = true;
    ReadReport();
  }
  return Outcome();
}

absl::Status ForkedWork::Outcome() const {
  ReportHeader header;
  if (reported_.size() >= sizeof(header)) {
    std::memcpy(&header, reported_.data(), sizeof(header));
    if (reported_.size() == sizeof(header) + header.length) {
      return {
          static_cast<absl::StatusCode>(header.code),
          absl::string_view(reinterpret_cast<const char*>(reported_.data()) + sizeof(header), header.length)};
    }
  }
  return absl::AbortedError(
      WIFSIGNALED(how_ended_)
          ? absl::StrCat("the child that took the snapshot was ended by signal ", WTERMSIG(how_ended_),
                         "; if nobody sent it, look for a lack of memory in the system's log")
          : std::string("the child that took the snapshot ended without a word; look into the system's log"));
}

}  // namespace gaios::rsm

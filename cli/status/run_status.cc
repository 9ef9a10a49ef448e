#include "gaios/cli/status/run_status.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include <absl/status/statusor.h>

#include "gaios/cli/complain.h"
#include "gaios/cli/status/group_status.h"
#include "gaios/cli/write_json.h"
#include "gaios/rsm/config.h"

namespace gaios::cli {
namespace {

absl::Status Show(const GroupStatus& status, const StatusFlags& flags) {
  if (!flags.json.empty()) {
    return WriteJson(StatusJson(status), flags.json);
  }
  if (flags.watch && isatty(STDOUT_FILENO) == 1) {
    std::fputs("\033[H\033[J", stdout);  // from the top of a clear screen
  }
  std::fputs(StatusTable(status).c_str(), stdout);
  std::fflush(stdout);
  return absl::OkStatus();
}

}  // namespace

int RunStatus(const StatusFlags& flags) {
  const absl::StatusOr<rsm::Config> config = rsm::LoadConfig(flags.config);
  if (!config.ok()) {
    return Complain(config.status());
  }
  sigset_t interrupts;
  sigemptyset(&interrupts);
  if (flags.watch) {
    sigaddset(&interrupts, SIGINT);
    sigaddset(&interrupts, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &interrupts, nullptr);
  }
  for (;;) {
    const GroupStatus status = ReadGroupStatus(*config);
    if (const absl::Status shown = Show(status, flags); !shown.ok()) {
      return Complain(shown);
    }
    if (!flags.watch) {
      return std::ranges::any_of(status.replicas, &ReplicaStatus::running) ? kExitGood : kExitDoesNotHold;
    }
    const timespec second = {.tv_sec = 1, .tv_nsec = 0};
    if (sigtimedwait(&interrupts, nullptr, &second) > 0) {
      return kExitGood;
    }
  }
}

}  // namespace gaios::cli

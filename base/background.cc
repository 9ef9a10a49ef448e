#include "gaios/base/background.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstring>

namespace gaios::base {
namespace {

constexpr int kLowestNice = 19;

}  // namespace

void GoToBackground(BackgroundPriority priority) {
  const sched_param ordinary = {};
  static_cast<void>(::sched_setscheduler(0, SCHED_BATCH, &ordinary));
  if (priority == BackgroundPriority::kLowest) {
    // Of the thread alone, on Linux.
    static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kLowestNice));
  }
  // The system takes those of them that the process may use.
  cpu_set_t every_cpu;
  std::memset(&every_cpu, 0xff, sizeof(every_cpu));
  static_cast<void>(::sched_setaffinity(0, sizeof(every_cpu), &every_cpu));
}

}  // namespace gaios::base

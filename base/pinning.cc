#include "gaios/base/pinning.h"

#include <pthread.h>
#include <sched.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

namespace gaios::base {
namespace {

// Well above what Linux can be configured for (8,192), so that a mistyped number is refused before it becomes
// memory.
constexpr int kMaxCpus = 1 << 16;

// A cpu mask of any size; the fixed cpu_set_t ends at 1,024 cpus.
class CpuMask {
 public:
  explicit CpuMask(int cpus) : cpus_(cpus), set_(CPU_ALLOC(static_cast<std::size_t>(cpus))) {
    if (set_ != nullptr) {
      CPU_ZERO_S(bytes(), set_.get());
    }
  }
  [[nodiscard]] bool allocated() const { return set_ != nullptr; }
  [[nodiscard]] int cpus() const { return cpus_; }
  [[nodiscard]] std::size_t bytes() const { return CPU_ALLOC_SIZE(static_cast<std::size_t>(cpus_)); }
  [[nodiscard]] cpu_set_t* get() { return set_.get(); }
  void Add(int cpu) { CPU_SET_S(static_cast<std::size_t>(cpu), bytes(), set_.get()); }
  [[nodiscard]] bool Contains(int cpu) const {
    return CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes(), set_.get()) != 0;
  }

 private:
  struct Free {
    void operator()(cpu_set_t* set) const { CPU_FREE(set); }
  };
  int cpus_;
  std::unique_ptr<cpu_set_t, Free> set_;
};

}  // namespace

absl::Status PinThisThread(int cpu) {
  if (cpu < 0 || cpu >= kMaxCpus) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cannot pin a thread to cpu ", cpu, ": cpus are numbered from 0; this thread may use cpus ",
        absl::StrJoin(AvailableCpus(), ","), ", configure one of these"));
  }
  CpuMask mask(cpu + 1);
  if (!mask.allocated()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot pin a thread to cpu ", cpu, ": no memory for the cpu mask; free some memory"));
  }
  mask.Add(cpu);
  if (sched_setaffinity(0, mask.bytes(), mask.get()) == 0) {
    return absl::OkStatus();
  }
  const int error = errno;
  if (error == EINVAL) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cannot pin a thread to cpu ", cpu,
        ": it does not exist, is offline, or is outside this process's cpuset; this thread may use cpus ",
        absl::StrJoin(AvailableCpus(), ","),
        ": configure one of these, or widen the cpuset (AllowedCPUs= of the systemd unit, --cpuset-cpus of "
        "the "
        "container)"));
  }
  return absl::ErrnoToStatus(
      error, absl::StrCat("cannot pin a thread to cpu ", cpu,
                          ": the kernel refused sched_setaffinity; allow that system call in the sandbox, or "
                          "configure no cpu"));
}

std::vector<int> AvailableCpus() {
  std::vector<int> available;
  // The kernel answers EINVAL to a mask smaller than its own, and does not say how large that is.
  for (int cpus = CPU_SETSIZE; cpus <= kMaxCpus; cpus *= 2) {
    CpuMask mask(cpus);
    if (!mask.allocated()) {
      break;
    }
    if (sched_getaffinity(0, mask.bytes(), mask.get()) == 0) {
      for (int cpu = 0; cpu < mask.cpus(); ++cpu) {
        if (mask.Contains(cpu)) {
          available.push_back(cpu);
        }
      }
      break;
    }
    if (errno != EINVAL) {
      break;
    }
  }
  return available;
}

void SetThisThreadName(std::string_view name) {
  constexpr std::size_t kMaxNameBytes = 15;
  const std::string shortened(name.substr(0, kMaxNameBytes));
  // Cannot fail for the calling thread with a name of this length.
  pthread_setname_np(pthread_self(), shortened.c_str());
}

}  // namespace gaios::base

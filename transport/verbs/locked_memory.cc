#include "gaios/transport/verbs/locked_memory.h"

#include <sys/resource.h>

#include <absl/strings/str_cat.h>

namespace gaios::transport::verbs {

std::string LockedMemoryAdvice() {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return "";
  }
  return absl::StrCat("; the limit of locked memory is ", limit.rlim_cur >> 10,
                      " KiB: raise it (ulimit -l, LimitMEMLOCK= of a systemd unit, or memlock in "
                      "/etc/security/limits.conf), or lower the log capacity");
}

}  // namespace gaios::transport::verbs

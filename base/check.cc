#include "gaios/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace gaios::base {

void CheckFailed(const char* file, int line, const char* condition, const char* message) noexcept {
  // One call, so that reports of several threads do not interleave within a line.
  std::fprintf(stderr, "%s:%d: check failed: %s: %s\n", file, line, condition, message);
  std::fflush(stderr);
  std::abort();
}

}  // namespace gaios::base

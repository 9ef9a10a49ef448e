#ifndef GAIOS_BASE_PREFETCH_H_
#define GAIOS_BASE_PREFETCH_H_

// Asking for cache lines before they are needed. Hints: no effect on what a program computes. Any thread.

#include <cstddef>

#include "gaios/base/align.h"

namespace gaios::base {

// Starts to fetch the lines of [at, at + bytes), to be written soon: they come owned, so that the stores need
// not wait.
inline void PrefetchForWrite(const std::byte* at, std::size_t bytes) {
  for (std::size_t done = 0; done < bytes; done += kCacheLineBytes) {
    __builtin_prefetch(at + done, 1);
  }
}

}  // namespace gaios::base

#endif  // GAIOS_BASE_PREFETCH_H_

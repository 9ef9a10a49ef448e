#ifndef GAIOS_BASE_PREFETCH_H_
#define GAIOS_BASE_PREFETCH_H_

// Asking for cache lines before they are needed. Hints: no effect on what a program computes. Any thread.
//
// To be inlined always: a function that only prefetches has no effect that the compiler knows of, and calls
// of it are dropped.

#include <cstddef>

#include "gaios/base/align.h"

namespace gaios::base {

// Starts to fetch the lines of [at, at + bytes), to be written soon: they come owned, so that the stores need
// not wait.
[[gnu::always_inline]] inline void PrefetchForWrite(const std::byte* at, std::size_t bytes) {
  for (std::size_t done = 0; done < bytes; done += kCacheLineBytes) {
    __builtin_prefetch(at + done, 1);
  }
}

}  // namespace gaios::base

#endif  // GAIOS_BASE_PREFETCH_H_

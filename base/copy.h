#ifndef GAIOS_BASE_COPY_H_
#define GAIOS_BASE_COPY_H_

// Copying a few bytes in place, for which a call of memcpy takes longer than the copy. Any thread.

#include <cstddef>
#include <cstring>

namespace gaios::base {

// Up to here a loop of 16-byte moves beats the call.
inline constexpr std::size_t kFewBytes = 256;

// memcpy, quick when `size` is at most kFewBytes.
[[gnu::always_inline]] inline void CopyFew(std::byte* to, const std::byte* from, std::size_t size) {
  constexpr std::size_t kStep = 16;
  if (size < kStep || size > kFewBytes) {
    if (size != 0) {
      std::memcpy(to, from, size);
    }
    return;
  }
  const std::size_t last = size - kStep;
  for (std::size_t done = 0; done < last; done += kStep) {
    std::memcpy(to + done, from + done, kStep);
  }
  std::memcpy(to + last, from + last, kStep);  // may lie over the one before
}

}  // namespace gaios::base

#endif  // GAIOS_BASE_COPY_H_

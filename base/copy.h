#ifndef GAIOS_BASE_COPY_H_
#define GAIOS_BASE_COPY_H_

// Copying a few bytes in place, for which a call of memcpy takes longer than the copy. Any thread.

#include <cstddef>
#include <cstring>

namespace gaios::base {

// Up to here a loop of moves beats the call.
inline constexpr std::size_t kFewBytes = 512;

// memcpy, quick when `size` is at most kFewBytes.
[[gnu::always_inline]] inline void CopyFew(std::byte* to, const std::byte* from, std::size_t size) {
  constexpr std::size_t kLine = 64;
  constexpr std::size_t kStep = 16;
  if (size < kStep || size > kFewBytes) {
    if (size != 0) {
      std::memcpy(to, from, size);
    }
    return;
  }
  // The last piece of either kind may lie over the one before.
  if (size >= kLine) {
    const std::size_t last = size - kLine;
    for (std::size_t done = 0; done < last; done += kLine) {
      std::memcpy(to + done, from + done, kLine);
    }
    std::memcpy(to + last, from + last, kLine);
    return;
  }
  const std::size_t last = size - kStep;
  for (std::size_t done = 0; done < last; done += kStep) {
    std::memcpy(to + done, from + done, kStep);
  }
  std::memcpy(to + last, from + last, kStep);
}

}  // namespace gaios::base

#endif  // GAIOS_BASE_COPY_H_

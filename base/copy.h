#ifndef GAIOS_BASE_COPY_H_
#define GAIOS_BASE_COPY_H_

// Copying a few bytes in place, for which a call of memcpy takes longer than the copy. Any thread.

#include <cstddef>
#include <cstring>

namespace gaios::base {

// Up to here a loop of moves beats the call.
inline constexpr std::size_t kFewBytes = 512;

// The first and the last kPiece bytes of `size`, at least kPiece and at most twice that: all of them.
template <std::size_t kPiece>
[[gnu::always_inline]] inline void CopyBothEnds(std::byte* to, const std::byte* from, std::size_t size) {
  std::memcpy(to, from, kPiece);
  std::memcpy(to + size - kPiece, from + size - kPiece, kPiece);
}

// memcpy, quick when `size` is at most kFewBytes.
[[gnu::always_inline]] inline void CopyFew(std::byte* to, const std::byte* from, std::size_t size) {
  constexpr std::size_t kLine = 64;
  constexpr std::size_t kStep = 16;
  constexpr std::size_t kWord = 8;
  constexpr std::size_t kHalfWord = 4;
  // The last piece of each kind may lie over the one before.
  if (size >= kLine) {
    if (size > kFewBytes) [[unlikely]] {
      std::memcpy(to, from, size);
      return;
    }
    const std::size_t last = size - kLine;
    for (std::size_t done = 0; done < last; done += kLine) {
      std::memcpy(to + done, from + done, kLine);
    }
    std::memcpy(to + last, from + last, kLine);
    return;
  }
  if (size < kStep) {
    if (size >= kWord) {
      CopyBothEnds<kWord>(to, from, size);
    } else if (size >= kHalfWord) {
      CopyBothEnds<kHalfWord>(to, from, size);
    } else {
      for (std::size_t done = 0; done < size; ++done) {
        to[done] = from[done];
      }
    }
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

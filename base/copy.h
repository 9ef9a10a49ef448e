#ifndef GAIOS_BASE_COPY_H_
#define GAIOS_BASE_COPY_H_

// Copying where memcpy is not the quickest: a few bytes, for which the call takes longer than the copy, and
// many that another processor reads next. Any thread.

#include <cstddef>
#include <cstdint>
#include <cstring>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

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

// 64 bytes, read once, to go to several places.
class LineInHand {
 public:
  [[gnu::always_inline]] explicit LineInHand(const std::byte* from) {
    std::memcpy(&first_, from, sizeof(Piece));
    std::memcpy(&second_, from + sizeof(Piece), sizeof(Piece));
    std::memcpy(&third_, from + 2 * sizeof(Piece), sizeof(Piece));
    std::memcpy(&fourth_, from + 3 * sizeof(Piece), sizeof(Piece));
  }
  [[gnu::always_inline]] void CopyTo(std::byte* to) const {
    std::memcpy(to, &first_, sizeof(Piece));
    std::memcpy(to + sizeof(Piece), &second_, sizeof(Piece));
    std::memcpy(to + 2 * sizeof(Piece), &third_, sizeof(Piece));
    std::memcpy(to + 3 * sizeof(Piece), &fourth_, sizeof(Piece));
  }

 private:
  using Piece [[gnu::vector_size(16)]] = std::uint64_t;  // what a register holds

  Piece first_;
  Piece second_;
  Piece third_;
  Piece fourth_;
};

// From here on it pays to go past the caches.
inline constexpr std::size_t kManyBytes = 4096;

// memcpy, quick when `size` is at least kManyBytes and another processor reads what was written, and this one
// does not: the stores go past this one's caches, so that no line is fetched only to be overwritten. What is
// stored later is seen after the copy, and so is what is loaded after a full fence, as with memcpy. Aligned 8
// bytes are never torn.
inline void CopyPastCaches(std::byte* to, const std::byte* from, std::size_t size) {
#ifdef __SSE2__
  constexpr std::size_t kLine = 64;
  const std::size_t head = -reinterpret_cast<std::uintptr_t>(to) % kLine;
  if (size < head + kLine) {
    std::memcpy(to, from, size);
    return;
  }
  std::memcpy(to, from, head);
  std::size_t done = head;
  for (; done + kLine <= size; done += kLine) {
    auto* const line = reinterpret_cast<__m128i*>(to + done);
    const auto* const source = reinterpret_cast<const __m128i*>(from + done);
    const __m128i first = _mm_loadu_si128(source);
    const __m128i second = _mm_loadu_si128(source + 1);
    const __m128i third = _mm_loadu_si128(source + 2);
    const __m128i fourth = _mm_loadu_si128(source + 3);
    _mm_stream_si128(line, first);
    _mm_stream_si128(line + 1, second);
    _mm_stream_si128(line + 2, third);
    _mm_stream_si128(line + 3, fourth);
  }
  std::memcpy(to + done, from + done, size - done);
  _mm_sfence();
#else
  std::memcpy(to, from, size);
#endif
}

}  // namespace gaios::base

#endif  // GAIOS_BASE_COPY_H_

#ifndef GAIOS_BASE_ALIGN_H_
#define GAIOS_BASE_ALIGN_H_

// Cache-line placement and power-of-two arithmetic.
//
// Everything here is constexpr and free of state. Sizes are in bytes.

#include <cstddef>
#include <cstdint>

#include "gaios/base/check.h"

namespace gaios::base {

// The unit of coherence on x86-64. A constant of the library instead of
// std::hardware_destructive_interference_size, whose value follows compiler tuning flags and would therefore
// leak into the layout of public types.
inline constexpr std::size_t kCacheLineBytes = 64;

// A value alone on its cache line(s), so that writes to it never invalidate a neighbour's line.
template <typename T>
struct alignas(kCacheLineBytes) CacheLinePadded {
  T value{};
};

[[nodiscard]] constexpr bool IsPowerOfTwo(std::uint64_t value) noexcept {
  return value != 0 && (value & (value - 1)) == 0;
}

// The smallest multiple of `alignment`, a power of two, that is not below `value`. The result must be
// representable in 64 bits.
[[nodiscard]] constexpr std::uint64_t RoundUp(std::uint64_t value, std::uint64_t alignment) {
  GAIOS_CHECK(IsPowerOfTwo(alignment), "RoundUp needs a power of two as alignment");
  GAIOS_CHECK(value <= UINT64_MAX - (alignment - 1), "RoundUp result exceeds 64 bits");
  return (value + alignment - 1) & ~(alignment - 1);
}

}  // namespace gaios::base

#endif  // GAIOS_BASE_ALIGN_H_

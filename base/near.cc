#include "gaios/base/near.h"

#include <algorithm>

#include "gaios/base/align.h"

// The linker's own names for the ends of a section. Not there when nothing is in it.
extern "C" {
extern const std::byte gaios_code_begin[] __asm__("__start_gaios_code") __attribute__((weak));
extern const std::byte gaios_code_end[] __asm__("__stop_gaios_code") __attribute__((weak));
}

namespace gaios::base {

std::span<const std::byte> BringNear(std::span<const std::byte> bytes, std::size_t most) {
  const std::size_t size = std::min(bytes.size(), most);
  for (std::size_t at = 0; at < size; at += kCacheLineBytes) {
    __builtin_prefetch(bytes.data() + at, 0, 2);
  }
  __asm__ volatile("" ::: "memory");  // an effect that the compiler knows of: else calls are dropped
  return bytes.subspan(size);
}

std::span<const std::byte> OwnCode() {
  const std::byte* const begin = gaios_code_begin;
  const std::byte* const end = gaios_code_end;
  return begin == nullptr || end == nullptr ? std::span<const std::byte>() : std::span(begin, end);
}

}  // namespace gaios::base

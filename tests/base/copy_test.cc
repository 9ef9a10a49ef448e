#include "gaios/base/copy.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace gaios::base {
namespace {

constexpr std::byte kUntouched{0xee};

std::vector<std::byte> Source(std::size_t size) {
  std::vector<std::byte> bytes(size);
  std::uint8_t value = 0;
  for (std::byte& byte : bytes) {
    byte = std::byte(value);
    value = static_cast<std::uint8_t>(value * 5 + 17);  // all values, another each time
  }
  return bytes;
}

// Copies `size` bytes from and to these offsets of larger places, and expects them there and nothing beside.
template <typename Copy>
void ExpectCopies(Copy copy, std::size_t size, std::size_t to_offset, std::size_t from_offset) {
  constexpr std::size_t kAround = 128;
  const std::vector<std::byte> from = Source(size + kAround);
  std::vector<std::byte> to(size + (2 * kAround), kUntouched);
  std::byte* const target = to.data() + to_offset;
  copy(target, from.data() + from_offset, size);
  const auto begin = to.begin() + static_cast<std::ptrdiff_t>(to_offset);
  const auto end = begin + static_cast<std::ptrdiff_t>(size);
  EXPECT_TRUE(std::equal(begin, end, from.begin() + static_cast<std::ptrdiff_t>(from_offset)))
      << size << " bytes, " << to_offset << ", " << from_offset;
  const auto untouched = [](std::byte byte) { return byte == kUntouched; };
  EXPECT_TRUE(std::all_of(to.begin(), begin, untouched) && std::all_of(end, to.end(), untouched))
      << size << " bytes, " << to_offset << ", " << from_offset;
}

TEST(Copy, FewBytesOfEverySize) {
  for (std::size_t size = 0; size <= 2 * kFewBytes; ++size) {
    ExpectCopies(CopyFew, size, size % 64, size % 7);
  }
}

TEST(Copy, PastTheCachesFromAndToEveryPlaceInALine) {
  for (std::size_t to_offset = 0; to_offset < 64; ++to_offset) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{63}, std::size_t{64},
                                   std::size_t{127}, kManyBytes, kManyBytes + 8, kManyBytes + 63}) {
      ExpectCopies(CopyPastCaches, size, to_offset, (to_offset * 3) % 64);
    }
  }
}

}  // namespace
}  // namespace gaios::base

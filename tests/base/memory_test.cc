#include "gaios/base/memory.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <span>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace gaios::base {
namespace {

constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

// Of the mapping that holds `at`, as the system says.
std::size_t PageBytesOf(const void* at) {
  constexpr std::size_t kBytesPerKibibyte = 1024;
  std::ifstream smaps("/proc/self/smaps");
  bool within = false;
  for (std::string line; std::getline(smaps, line);) {
    const std::size_t dash = line.find('-');
    if (line.find(':') > line.find(' ') && dash != std::string::npos) {
      const auto address = reinterpret_cast<std::uintptr_t>(at);
      within = std::stoull(line.substr(0, dash), nullptr, 16) <= address &&
               address < std::stoull(line.substr(dash + 1), nullptr, 16);
    } else if (within && line.starts_with("KernelPageSize:")) {
      return std::stoull(line.substr(line.find(':') + 1)) * kBytesPerKibibyte;
    }
  }
  return 0;
}

Memory Make(std::size_t bytes) {
  absl::StatusOr<Memory> memory = Memory::Create(bytes);
  EXPECT_TRUE(memory.ok()) << memory.status();
  return memory.ok() ? *std::move(memory) : Memory();
}

TEST(Memory, IsZeroBeginsOnAPageAndIsAtLeastWhatWasAskedFor) {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{100'000}, kHugePageBytes, kHugePageBytes + 1}) {
    const Memory memory = Make(bytes);
    EXPECT_GE(memory.size(), bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.data()) % 4096, 0U);
    EXPECT_TRUE(std::ranges::all_of(std::span(memory.data(), memory.size()),
                                    [](std::byte each) { return each == std::byte{0}; }));
  }
}

// With huge pages reserved and without: the lab has both.
TEST(Memory, SaysWhetherItIsOnHugePages) {
  for (const std::size_t bytes : {kHugePageBytes / 2, kHugePageBytes, 3 * kHugePageBytes}) {
    const Memory memory = Make(bytes);
    const bool huge = PageBytesOf(memory.data()) == kHugePageBytes;
    EXPECT_EQ(memory.huge_page_bytes(), huge ? memory.size() : 0) << bytes;
  }
}

TEST(Memory, ALittleTakesNoHugePage) {
  const Memory memory = Make(kHugePageBytes / 2 - 1);
  EXPECT_EQ(memory.huge_page_bytes(), 0U);
  EXPECT_NE(PageBytesOf(memory.data()), kHugePageBytes);
  EXPECT_EQ(memory.size(), kHugePageBytes / 2);
}

TEST(Memory, IsMovedWithWhatItSaysOfItself) {
  Memory memory = Make(kHugePageBytes);
  const std::byte* const at = memory.data();
  const std::size_t huge = memory.huge_page_bytes();
  Memory other(std::move(memory));
  EXPECT_EQ(other.data(), at);
  EXPECT_EQ(other.huge_page_bytes(), huge);
  Memory last;
  last = std::move(other);
  EXPECT_EQ(last.data(), at);
  EXPECT_EQ(last.huge_page_bytes(), huge);
}

}  // namespace
}  // namespace gaios::base

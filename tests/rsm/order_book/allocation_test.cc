// Apply allocates nothing: this program counts every allocation it makes.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <vector>

#include <gtest/gtest.h>

#include "tests/rsm/order_book/harness.h"
#include "tests/rsm/order_book/random_commands.h"

namespace {

std::atomic<std::uint64_t> allocations{0};

void* CountedAllocation(std::size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* const memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) {
    std::abort();
  }
  return memory;
}

}  // namespace

void* operator new(std::size_t bytes) {
  return CountedAllocation(bytes);
}
void* operator new[](std::size_t bytes) {
  return CountedAllocation(bytes);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t /*bytes*/) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t /*bytes*/) noexcept {
  std::free(memory);
}

namespace gaios::order_book {
namespace {

TEST(Allocation, IsCounted) {
  const std::uint64_t before = allocations.load();
  const std::vector<int> something(1000);
  EXPECT_GT(allocations.load(), before);
  EXPECT_EQ(something.size(), 1000U);
}

TEST(Allocation, ApplyMakesNone) {
  auto machine = OrderBookMachine::Make({.instruments = 3, .max_orders = 2'000});
  ASSERT_TRUE(machine.ok());
  std::vector<std::byte> memory(rsm::kMaxReplyBytes);
  RandomCommands commands(1, {.instruments = 3, .ids = 3'000, .owners = 4, .prices = 1'000});
  const std::uint64_t before = allocations.load();
  std::uint64_t reports = 0;
  for (int i = 0; i < 200'000; ++i) {
    const auto bytes = commands.Next();
    (*machine)->Prefetch(bytes);
    rsm::Reply reply(memory);
    (*machine)->Apply({.bytes = bytes}, reply);
    reports += reply.size();
    reports += (*machine)->StateHash() & 1;
  }
  EXPECT_EQ(allocations.load(), before);
  EXPECT_GT(reports, 0U);
}

}  // namespace
}  // namespace gaios::order_book

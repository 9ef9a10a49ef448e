// The fast path allocates nothing once it is warm: the leader's process counts what it asks of operator new
// while it commits.

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>

#include <gtest/gtest.h>

#include "bench/empty_machine.h"
#include "bench/group.h"
#include "bench/placement.h"
#include "bench/targets.h"

namespace {

std::atomic<std::uint64_t> allocations{0};

void* Allocate(std::size_t bytes, std::size_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment < sizeof(void*) ? sizeof(void*) : alignment,
                     bytes == 0 ? 1 : bytes) != 0) {
    throw std::bad_alloc();
  }
  return memory;
}

}  // namespace

void* operator new(std::size_t bytes) {
  return Allocate(bytes, alignof(std::max_align_t));
}
void* operator new[](std::size_t bytes) {
  return Allocate(bytes, alignof(std::max_align_t));
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return Allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return Allocate(bytes, static_cast<std::size_t>(alignment));
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
void operator delete(void* memory, std::align_val_t /*alignment*/) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t /*alignment*/) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t /*bytes*/, std::align_val_t /*alignment*/) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t /*bytes*/, std::align_val_t /*alignment*/) noexcept {
  std::free(memory);
}

namespace gaios::bench {
namespace {

// Commits `commands`, one after another, and returns how many did.
std::size_t CommitAll(ProductTarget& target, std::size_t commands) {
  std::size_t committed = 0;
  for (std::size_t proposed = 0; committed < commands && target.clean();) {
    if (proposed == committed && target.Propose()) {
      ++proposed;
    }
    committed += target.Poll();
  }
  return committed;
}

TEST(Allocations, LeaderMakesNoneOnceItIsWarm) {
  const base::TscClock clock;
  absl::StatusOr<std::unique_ptr<Group>> group =
      Group::Start({.replicas = 3,
                    .capacity_bytes = std::size_t{1} << 20,
                    .make_machine = [] { return std::make_unique<EmptyMachine>(); }},
                   ChoosePlacement(), clock);
  ASSERT_TRUE(group.ok()) << group.status();
  ProductTarget target((*group)->leader(), 64);
  constexpr std::size_t kCommands =
      50'000;  // several wraps of the ring, and several comparisons of state hashes
  ASSERT_EQ(CommitAll(target, kCommands), kCommands);
  const std::uint64_t before = allocations.load(std::memory_order_relaxed);
  ASSERT_GT(before, 0U) << "the count counts";
  const std::size_t committed = CommitAll(target, kCommands);
  EXPECT_EQ(allocations.load(std::memory_order_relaxed) - before, 0U);
  EXPECT_EQ(committed, kCommands);
  EXPECT_TRUE(target.clean());
  EXPECT_TRUE((*group)->Check().ok());
}

}  // namespace
}  // namespace gaios::bench

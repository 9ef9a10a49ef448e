// What becomes of the memory that a log has left.

#include "gaios/transport/shm/log_store.h"

#include <unistd.h>

#include <algorithm>
#include <cstddef>

#include <gtest/gtest.h>

namespace gaios::transport::shm {
namespace {

constexpr std::size_t kCapacity = 4096;
constexpr ReplicaId kSelf{0};
constexpr ReplicaId kPeer{1};

// Whoever was granted a memory may be reading it at any later moment, and must find no zeros there.
TEST(LogStore, P4MemoryThatWasPassedKeepsItsBytesForWhoeverStillMapsIt) {
  absl::StatusOr<LogStore> store = LogStore::Create(kCapacity, 2, kSelf);
  ASSERT_TRUE(store.ok()) << store.status();
  const auto map = [](LogMemory& memory) {
    memory.passed = true;
    return Region::Adopt(base::UniqueFd(::dup(memory.region.fd())), LogRegionBytes(kCapacity));
  };
  std::fill_n(store->log(), kCapacity, std::byte{0x5a});
  const absl::StatusOr<Region> granted = map(store->active());
  ASSERT_TRUE(granted.ok()) << granted.status();
  std::fill_n(store->spare(kPeer).region.data(), kCapacity, std::byte{0x5b});
  const absl::StatusOr<Region> spare = map(store->spare(kPeer));
  ASSERT_TRUE(spare.ok()) << spare.status();

  store->SwitchTo(kSelf, {});
  store->DropPassedSpare(kPeer);
  for (int i = 0; i < 10; ++i) {  // far more than it takes to unmap both
    ASSERT_TRUE(store->Maintain().ok());
  }
  const auto holds = [](const Region& region, std::byte value) {
    return std::all_of(region.data(), region.data() + kCapacity,
                       [value](std::byte each) { return each == value; });
  };
  EXPECT_TRUE(holds(*granted, std::byte{0x5a}));
  EXPECT_TRUE(holds(*spare, std::byte{0x5b}));
}

TEST(LogStore, SaysWhenMuchWaitsToBeUnmapped) {
  absl::StatusOr<LogStore> store = LogStore::Create(kCapacity, 2, kSelf);
  ASSERT_TRUE(store.ok()) << store.status();
  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(store->pressing()) << i;
    ASSERT_TRUE(store->EnsureSpare(kPeer).ok());
    store->spare(kPeer).passed = true;
    store->DropPassedSpare(kPeer);
  }
  EXPECT_TRUE(store->pressing());
}

}  // namespace
}  // namespace gaios::transport::shm

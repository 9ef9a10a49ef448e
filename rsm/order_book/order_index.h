#ifndef GAIOS_RSM_ORDER_BOOK_ORDER_INDEX_H_
#define GAIOS_RSM_ORDER_BOOK_ORDER_INDEX_H_

// From order id to resting order: a hash table with linear probing over 8-byte slots, sized once for the most
// orders there can be and less than half full, so it never grows. Ids that follow each other share a cache
// line, as most clients and feeds count up: the block of eight an id belongs to is hashed, its place within
// the block is not. A slot keeps 32 bits of hash, so that probing and deletion (by shifting back, no
// tombstones) look at other slots only, and an order is looked at when it is very likely the one.
//
// The table is never iterated: where ids lie in it shows nowhere.
//
// Not synchronised.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <absl/status/statusor.h>

#include "gaios/rsm/order_book/commands.h"
#include "gaios/rsm/order_book/handle.h"
#include "gaios/rsm/order_book/huge_array.h"
#include "gaios/rsm/order_book/order_pool.h"
#include "gaios/rsm/order_book/state_hash.h"

namespace gaios::order_book {

class OrderIndex {
 public:
  [[nodiscard]] static absl::StatusOr<OrderIndex> Make(std::uint32_t max_orders) {
    const std::size_t slots = std::bit_ceil(std::size_t{max_orders} * 2 + kBlock);
    absl::StatusOr<HugeArray<Slot>> memory = HugeArray<Slot>::Make(slots);
    if (!memory.ok()) {
      return memory.status();
    }
    OrderIndex index;
    index.slots_ = *std::move(memory);
    index.mask_ = static_cast<std::uint32_t>(slots - 1);
    return index;
  }

  OrderIndex() = default;

  [[nodiscard]] std::size_t mapped_bytes() const { return slots_.mapped_bytes(); }

  // Starts loading what a look-up of `id` will read.
  void Prefetch(OrderId id) const {
    const std::uint32_t home = Home(HashOf(id));
    __builtin_prefetch(&slots_[home]);
    __builtin_prefetch(
        &slots_[(home + kBlock / 2) & mask_]);  // probing from the second half may need the next line
  }

  // The order of this id, or none.
  [[nodiscard]] OrderHandle Find(OrderId id, const OrderPool& orders) const {
    const std::uint32_t hash = HashOf(id);
    for (std::uint32_t at = Home(hash);; at = (at + 1) & mask_) {
      const Slot slot = slots_[at];
      if (!slot.order || (slot.hash == hash && orders[slot.order].id == id)) {
        return slot.order;
      }
    }
  }

  // The same without a look at the order, so that it is now and then the wrong one.
  [[nodiscard]] OrderHandle FindLikely(OrderId id) const {
    const std::uint32_t hash = HashOf(id);
    std::uint32_t at = Home(hash);
    while (slots_[at].order && slots_[at].hash != hash) {
      at = (at + 1) & mask_;
    }
    return slots_[at].order;
  }

  // `id` is not in the index, and fewer than max_orders are.
  void Insert(OrderId id, OrderHandle order) {
    const std::uint32_t hash = HashOf(id);
    std::uint32_t at = Home(hash);
    while (slots_[at].order) {
      at = (at + 1) & mask_;
    }
    slots_[at] = {.hash = hash, .order = order};
  }

  // `id` is in the index, for `order`.
  void Erase(OrderId id, OrderHandle order) {
    std::uint32_t hole = Home(HashOf(id));
    while (slots_[hole].order != order) {
      hole = (hole + 1) & mask_;
    }
    // What probed past the hole moves into it, so that no search ends too early.
    for (std::uint32_t at = (hole + 1) & mask_; slots_[at].order; at = (at + 1) & mask_) {
      const std::uint32_t distance_from_home = (at - Home(slots_[at].hash)) & mask_;
      if (distance_from_home >= ((at - hole) & mask_)) {
        slots_[hole] = slots_[at];
        hole = at;
      }
    }
    slots_[hole] = {};
  }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    OrderHandle order;
  };
  static_assert(sizeof(Slot) == 8);

  static constexpr std::uint32_t kBlock = 8;  // ids, and slots, to a cache line

  [[nodiscard]] static std::uint32_t HashOf(OrderId id) {
    const auto block_hash = static_cast<std::uint32_t>(Mix(id / kBlock));
    return (block_hash & ~(kBlock - 1)) | static_cast<std::uint32_t>(id % kBlock);
  }
  [[nodiscard]] std::uint32_t Home(std::uint32_t hash) const { return hash & mask_; }

  HugeArray<Slot> slots_;
  std::uint32_t mask_ = 0;  // number of slots - 1
};

}  // namespace gaios::order_book

#endif  // GAIOS_RSM_ORDER_BOOK_ORDER_INDEX_H_

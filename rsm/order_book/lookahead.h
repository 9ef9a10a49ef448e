#ifndef GAIOS_RSM_ORDER_BOOK_LOOKAHEAD_H_
#define GAIOS_RSM_ORDER_BOOK_LOOKAHEAD_H_

// Brings what coming commands will touch into the cache while earlier ones are applied.
//
// With a million orders nearly every line that a command needs is a miss, and each tells where the next one
// is: index, order, level and neighbours; or shortcut, level, last order. A command alone waits for three or
// more of them in turn. Here coming commands walk their chains side by side: with each new hint the commands
// announced some hints ago take a step each, on lines whose prefetch was started at their step before, and
// start the next.
//
// Which kind a command is cannot be foreseen, so the steps do not ask: every command takes the same ones. A
// handle that a command does not have is the pool's unused element 0, which is always in the cache.
//
// This is about time only. Nothing here is part of the state or writes to it, and what a hint has seen may
// have changed when its command is applied, or the command may never come: then a prefetch was in vain. A
// handle out of date is still one of its pool, but a node may have other children: those are checked.
//
// Not synchronised.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "gaios/rsm/order_book/commands.h"
#include "gaios/rsm/order_book/handle.h"
#include "gaios/rsm/order_book/market.h"

namespace gaios::order_book {

class Lookahead {
 public:
  // The best number of commands between a hint and its Apply: all steps are made, and nothing is evicted
  // again.
  static constexpr std::size_t kDistance = 14;

  // Books below a size live in the cache anyway; looking ahead would only cost.
  [[nodiscard]] static bool Worthwhile(const Market& market) {
    return market.memory.orders.used() >= kWorthwhileOrders;
  }

  // `command` comes soon, after those of the hints before.
  void Hint(std::span<const std::byte> command, const Market& market);

 private:
  struct Walk {
    OrderId id = 0;            // the order that the command names
    std::int64_t key = 0;      // of the level that it brings an order to
    std::uint32_t side = 0;    // on that side, see PriceLevels::number()
    bool enters = false;       // whether it brings an order to any
    bool replaces = false;     // whether that takes another order's side
    bool in_tree = false;      // a level comes or goes: the tree is needed
    std::uint32_t height = 0;  // of `node`: 1 is a leaf
    OrderHandle order;
    LevelHandle level;
    NodeHandle node;
  };

  static constexpr std::size_t kHintsPerStep = 2;
  static constexpr std::uint32_t kWorthwhileOrders = 4096;

  [[nodiscard]] static Walk Start(std::span<const std::byte> command, const Market& market);
  static void ReadIndex(Walk& walk, const Market& market);
  static void ReadOrder(Walk& walk, const Market& market);
  static void ReadShortcut(Walk& walk, const Market& market);
  static void ReadLevel(Walk& walk, const Market& market);
  static void ReadNode(Walk& walk, const Market& market);
  // The walk that was started `steps` steps ago.
  [[nodiscard]] Walk& Ago(std::size_t steps) {
    return walks_[(hints_ - steps * kHintsPerStep) % walks_.size()];
  }

  std::array<Walk, 16> walks_;
  std::size_t hints_ = 0;
};
static_assert(Lookahead::kDistance < 16);

}  // namespace gaios::order_book

#endif  // GAIOS_RSM_ORDER_BOOK_LOOKAHEAD_H_

#ifndef GAIOS_RSM_ORDER_BOOK_LOOKAHEAD_H_
#define GAIOS_RSM_ORDER_BOOK_LOOKAHEAD_H_

// Brings what coming commands will touch into the cache while earlier ones are applied.
//
// With a million orders nearly every line that a command needs is a miss, and each tells where the next one
// is: index, order, level, next in the queue; or level index, level, last order. A command alone waits for
// three or more of them in turn. Here up to sixteen coming commands walk their chains side by side: with each
// new hint every one of them takes a step, on lines whose prefetch was started some hints ago, and starts the
// next.
//
// This is about time only. Nothing here is part of the state or writes to it, and what a hint has seen may
// have changed when its command is applied, or the command may never come: then a prefetch was in vain. As
// handles may be out of date, each is checked against its pool before it is followed.
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
  // What has been asked for and is to be read next.
  enum class Step : std::uint8_t { kDone, kIndex, kOrder, kBook, kNode, kLevel };

  struct Walk {
    Step step = Step::kDone;
    bool enters = false;  // brings a new order to `key`, rather than just taking one out
    Side side = Side::kBuy;
    InstrumentId instrument = 0;
    OrderId id = 0;
    Price price = 0;
    OrderHandle order;
    LevelHandle level;
    NodeHandle node;
    std::uint32_t height = 0;  // of `node`: 1 is a leaf
  };

  static constexpr std::size_t kHintsPerStep = 2;
  static constexpr std::uint32_t kWorthwhileOrders = 4096;

  [[nodiscard]] static Walk Start(std::span<const std::byte> command, const Market& market);
  static void Advance(Walk& walk, const Market& market);
  static void ReadIndex(Walk& walk, const Market& market);
  static void ReadOrder(Walk& walk, const Market& market);
  static void ReadBook(Walk& walk, const Market& market);
  static void ReadNode(Walk& walk, const Market& market);
  static void ReadLevel(Walk& walk, const Market& market);

  std::array<Walk, 16> walks_;
  std::size_t hints_ = 0;
};
static_assert(Lookahead::kDistance % 2 == 0 && Lookahead::kDistance < 16);

}  // namespace gaios::order_book

#endif  // GAIOS_RSM_ORDER_BOOK_LOOKAHEAD_H_

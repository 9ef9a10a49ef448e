#ifndef GAIOS_RSM_ORDER_BOOK_ORDER_POOL_H_
#define GAIOS_RSM_ORDER_BOOK_ORDER_POOL_H_

// A resting order: one cache line, a member of the doubly linked queue of its price level, so that it leaves
// from any place in O(1). Everything a cancellation needs is in it, as with a million orders each line
// touched is a cache miss.

#include <cstdint>

#include "gaios/rsm/order_book/commands.h"
#include "gaios/rsm/order_book/handle.h"
#include "gaios/rsm/order_book/pool.h"
#include "gaios/rsm/order_book/state_hash.h"

namespace gaios::order_book {

struct alignas(64) Order {
  OrderId id;
  Price price;
  Quantity remaining;
  std::uint64_t sequence;  // of its instrument; smaller is earlier
  OrderHandle next;        // later in the queue, or the next free order of the pool
  OrderHandle previous;    // earlier in the queue
  LevelHandle level;
  OwnerId owner;
  InstrumentId instrument;
  Side side;
  std::uint64_t hash;  // its HashTerm, kept so that taking it out of the state hash costs nothing
};
static_assert(sizeof(Order) == 64);

// The hash of `order` as its other members are now.
[[nodiscard]] constexpr std::uint64_t HashTerm(const Order& order) {
  return HashTerm(OrderTerm{.id = order.id,
                            .price = order.price,
                            .remaining = order.remaining,
                            .sequence = order.sequence,
                            .instrument = order.instrument,
                            .owner = order.owner,
                            .side = order.side});
}

using OrderPool = Pool<Order, OrderHandle>;

}  // namespace gaios::order_book

#endif  // GAIOS_RSM_ORDER_BOOK_ORDER_POOL_H_

#ifndef GAIOS_RSM_FEEDS_LIVE_ORDERS_H_
#define GAIOS_RSM_FEEDS_LIVE_ORDERS_H_

// The orders that rest in the recorded market at this point of its file. Formats name an order by its number
// alone, so a feed remembers instrument, side, limit and remainder of each, and knows a reference that it has
// never seen.

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "gaios/rsm/feeds/order_event.h"

namespace gaios::feeds {

struct LiveOrder {
  std::int64_t price_ticks = 0;
  std::uint64_t remaining_lots = 0;
  std::uint32_t instrument = 0;
  std::uint32_t owner = 0;
  OrderSide side = OrderSide::kBuy;
};

class LiveOrders {
 public:
  // Several times the most that a trading day of a whole exchange keeps open at once; little more than 1 GiB
  // when full.
  static constexpr std::size_t kMaxOrders = std::size_t{1} << 24;

  // False if the number is 0 or in use already, or there are kMaxOrders.
  [[nodiscard]] bool Add(std::uint64_t order_id, const LiveOrder& order) {
    return order_id != 0 && orders_.size() < kMaxOrders && orders_.try_emplace(order_id, order).second;
  }

  // nullptr if there is no such order. Valid until the next Add or Remove.
  [[nodiscard]] LiveOrder* Find(std::uint64_t order_id) {
    const auto found = orders_.find(order_id);
    return found == orders_.end() ? nullptr : &found->second;
  }

  void Remove(std::uint64_t order_id) { orders_.erase(order_id); }

  [[nodiscard]] std::size_t size() const { return orders_.size(); }

 private:
  std::unordered_map<std::uint64_t, LiveOrder> orders_;
};

// The event of `kind` about an order as it rests, of which `quantity_lots` are taken.
[[nodiscard]] inline OrderEvent EventAbout(OrderEventKind kind, std::uint64_t order_id,
                                           const LiveOrder& order, std::uint64_t time_ns,
                                           std::uint64_t quantity_lots) {
  OrderEvent event;
  event.order_id = order_id;
  event.time_ns = time_ns;
  event.price_ticks = order.price_ticks;
  event.quantity_lots = quantity_lots;
  event.remaining_lots = order.remaining_lots - quantity_lots;
  event.instrument = order.instrument;
  event.owner = order.owner;
  event.kind = kind;
  event.side = order.side;
  return event;
}

}  // namespace gaios::feeds

#endif  // GAIOS_RSM_FEEDS_LIVE_ORDERS_H_

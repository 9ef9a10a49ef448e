#ifndef GAIOS_RSM_FEEDS_ORDER_EVENT_H_
#define GAIOS_RSM_FEEDS_ORDER_EVENT_H_

// One step of an order flow, whatever it was read from: the common language of the feeds and the generator,
// which to_commands.h turns into commands of the order book. A plain value, free to copy.

#include <cstdint>
#include <string_view>

namespace gaios::feeds {

enum class OrderEventKind : std::uint8_t {
  kAdd,      // a new limit order
  kExecute,  // an incoming order takes `quantity_lots` from the named resting order, at that order's price
  kReduce,   // the named order shrinks by `quantity_lots` and keeps its priority
  kCancel,   // the named order leaves with all that remained of it, `quantity_lots`
  kReplace,  // the named order leaves; `new_order_id` takes its place with a price and quantity of its own
};

enum class OrderSide : std::uint8_t { kBuy, kSell };

struct OrderEvent {
  std::uint64_t order_id = 0;      // the order added, or the named one; never 0
  std::uint64_t new_order_id = 0;  // kReplace only, else 0
  std::uint64_t time_ns =
      0;  // of the feed: since midnight (ITCH), since 1970 (Bitstamp), since start (generator)
  std::int64_t price_ticks = 0;      // kAdd: its limit; kReplace: the new limit; else the named order's limit
  std::uint64_t quantity_lots = 0;   // as said at the kinds; kReplace: the new quantity
  std::uint64_t remaining_lots = 0;  // what rests of the order, after the event, as the feed sees it
  std::uint32_t instrument = 0;
  std::uint32_t owner = 0;  // participant who owns the order, 0 for unknown
  OrderEventKind kind = OrderEventKind::kAdd;
  OrderSide side =
      OrderSide::kBuy;  // of the order named or added; an execution's incoming order is on the other

  friend bool operator==(const OrderEvent&, const OrderEvent&) = default;
};

static_assert(sizeof(OrderEvent) == 64, "one cache line an event");

[[nodiscard]] constexpr std::string_view Name(OrderEventKind kind) {
  switch (kind) {
    case OrderEventKind::kAdd:
      return "add";
    case OrderEventKind::kExecute:
      return "execute";
    case OrderEventKind::kReduce:
      return "reduce";
    case OrderEventKind::kCancel:
      return "cancel";
    case OrderEventKind::kReplace:
      return "replace";
  }
  return "unknown";
}

}  // namespace gaios::feeds

#endif  // GAIOS_RSM_FEEDS_ORDER_EVENT_H_

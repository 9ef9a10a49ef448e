#include "gaios/rsm/order_book/book.h"

#include <algorithm>
#include <cstdint>

#include "gaios/base/check.h"

namespace gaios::order_book {

namespace {

// Whether a trade between the two would be somebody's with himself, and the incoming order minds.
template <typename Incoming>
bool MustNotTrade(const Incoming& incoming, const Order& resting) {
  return incoming.self_trade != SelfTrade::kAllow && incoming.owner != 0 && incoming.owner == resting.owner;
}

bool CancelsIncoming(SelfTrade mode) {
  return mode == SelfTrade::kCancelNewest || mode == SelfTrade::kCancelBoth;
}
bool CancelsResting(SelfTrade mode) {
  return mode == SelfTrade::kCancelOldest || mode == SelfTrade::kCancelBoth;
}

CancelReason RestReason(OrderType type) {
  return type == OrderType::kMarket ? CancelReason::kMarketRest : CancelReason::kImmediateOrCancelRest;
}

}  // namespace

void Book::Submit(const NewOrder& command, BookMemory& memory, ReportWriter& reports) {
  const bool may_rest = command.type == OrderType::kLimit || command.type == OrderType::kPostOnly;
  RejectReason reason = RejectReason::kNone;
  if (command.type == OrderType::kPostOnly && WouldTrade(command.side, command.price, memory)) {
    reason = RejectReason::kWouldTrade;
  } else if (may_rest && memory.orders.used() == memory.orders.capacity()) {
    reason = RejectReason::kBookFull;
  }
  if (reason != RejectReason::kNone) {
    reports.Reject(reason, {.side = command.side, .instrument = instrument_, .order_id = command.order_id});
    return;
  }
  const Incoming incoming{.id = command.order_id,
                          .owner = command.owner,
                          .side = command.side,
                          .type = command.type,
                          .self_trade = command.self_trade,
                          .price = command.type == OrderType::kMarket ? 0 : command.price,
                          .remaining = command.quantity};
  ReportAccepted(incoming, reports);
  Enter(incoming, memory, reports);
}

void Book::CancelOrder(OrderHandle handle, BookMemory& memory, ReportWriter& reports) {
  ReportCancelled(memory.orders[handle], CancelReason::kRequested, reports);
  Remove(handle, memory);
}

void Book::ReduceOrder(OrderHandle handle, const Reduce& command, BookMemory& memory, ReportWriter& reports) {
  Order& order = memory.orders[handle];
  if (command.mode == ReduceMode::kTo && command.quantity >= order.remaining) {
    reports.Reject(RejectReason::kNotAReduction,
                   {.side = order.side, .instrument = instrument_, .order_id = order.id});
    return;
  }
  const Quantity by = command.mode == ReduceMode::kBy ? command.quantity : order.remaining - command.quantity;
  if (by >= order.remaining) {
    CancelOrder(handle, memory, reports);
    return;
  }
  memory.state_hash -= order.hash;
  order.remaining -= by;
  order.hash = HashTerm(order);
  memory.state_hash += order.hash;
  memory.levels.levels[order.level].quantity -= by;
  reports.Add({.kind = ReportKind::kReduced,
               .side = order.side,
               .instrument = instrument_,
               .order_id = order.id,
               .price = order.price,
               .quantity = by,
               .remaining = order.remaining});
}

void Book::ReplaceOrder(OrderHandle handle, const Replace& command, BookMemory& memory,
                        ReportWriter& reports) {
  const Order& old = memory.orders[handle];
  if (command.type == OrderType::kPostOnly && WouldTrade(old.side, command.price, memory)) {
    reports.Reject(RejectReason::kWouldTrade,
                   {.side = old.side, .instrument = instrument_, .order_id = old.id});
    return;
  }
  const Incoming incoming{.id = command.new_order_id,
                          .owner = old.owner,
                          .side = old.side,
                          .type = command.type,
                          .self_trade = command.self_trade,
                          .price = command.price,
                          .remaining = command.quantity};
  Remove(handle, memory);
  reports.Add({.kind = ReportKind::kReplaced,
               .side = incoming.side,
               .instrument = instrument_,
               .order_id = incoming.id,
               .other_order_id = command.order_id,
               .price = incoming.price,
               .quantity = incoming.remaining});
  Enter(incoming, memory, reports);
}

void Book::ExecuteOrder(OrderHandle handle, const Execute& command, BookMemory& memory,
                        ReportWriter& reports) {
  const Order& resting = memory.orders[handle];
  Incoming incoming{.id = command.incoming_order_id,
                    .owner = command.owner,
                    .side = Opposite(resting.side),
                    .type = OrderType::kImmediateOrCancel,
                    .self_trade = command.self_trade,
                    .price = resting.price,
                    .remaining = command.quantity};
  ReportAccepted(incoming, reports);
  if (MustNotTrade(incoming, resting)) {
    if (CancelsResting(incoming.self_trade)) {
      ReportCancelled(resting, CancelReason::kSelfTrade, reports);
      Remove(handle, memory);
    }
    ReportCancelled(incoming, CancelReason::kSelfTrade, reports);
    return;
  }
  const bool first = side(resting.side).best() == resting.level && !resting.previous;
  Trade(incoming, handle, first ? 0 : kOutOfPriority, memory, reports);
  if (incoming.remaining > 0) {
    ReportCancelled(incoming, CancelReason::kImmediateOrCancelRest, reports);
  }
}

void Book::RestoreCounters(const BookCounters& counters, BookMemory& memory) {
  const CounterWeights weights = WeightsOf(instrument_);
  counters_ = counters;
  memory.state_hash += weights.sequence * counters.sequence + weights.trades * counters.trades +
                       weights.traded_quantity * counters.traded_quantity;
}

void Book::RestoreOrder(const OrderTerm& order, BookMemory& memory) {
  Append(order, memory);
}

std::int64_t Book::LimitKey(const Incoming& incoming) {
  return incoming.type == OrderType::kMarket ? INT64_MAX : KeyOf(Opposite(incoming.side), incoming.price);
}

[[gnu::always_inline]] inline bool Book::WouldTrade(Side incoming_side, Price price,
                                                    const BookMemory& memory) const {
  const Side other = Opposite(incoming_side);
  const LevelHandle best = side(other).best();
  return best && memory.levels.levels[best].key <= KeyOf(other, price);
}

bool Book::CanFill(const Incoming& incoming, const BookMemory& memory) const {
  const std::int64_t limit = LimitKey(incoming);
  Quantity missing = incoming.remaining;
  for (LevelHandle at = side(Opposite(incoming.side)).best(); at; at = memory.levels.levels[at].next) {
    const Level& level = memory.levels.levels[at];
    if (level.key > limit) {
      return false;
    }
    for (OrderHandle handle = level.first; handle; handle = memory.orders[handle].next) {
      const Order& resting = memory.orders[handle];
      if (MustNotTrade(incoming, resting)) {
        if (CancelsIncoming(incoming.self_trade)) {
          return false;
        }
        continue;
      }
      if (resting.remaining >= missing) {
        return true;
      }
      missing -= resting.remaining;
    }
  }
  return false;
}

[[gnu::always_inline]] inline void Book::Enter(Incoming incoming, BookMemory& memory, ReportWriter& reports) {
  if (incoming.type == OrderType::kFillOrKill && !CanFill(incoming, memory)) {
    ReportCancelled(incoming, CancelReason::kFillOrKillUnfilled, reports);
    return;
  }
  const MatchEnd end = Match(incoming, memory, reports);
  if (incoming.remaining == 0) {
    return;
  }
  if (end == MatchEnd::kStoppedBySelfTrade) {
    ReportCancelled(incoming, CancelReason::kSelfTrade, reports);
    return;
  }
  switch (incoming.type) {
    case OrderType::kLimit:
    case OrderType::kPostOnly:
      Rest(incoming, memory);
      return;
    case OrderType::kMarket:
    case OrderType::kImmediateOrCancel:
      ReportCancelled(incoming, RestReason(incoming.type), reports);
      return;
    case OrderType::kFillOrKill:
      GAIOS_CHECK(false, "a fill-or-kill order that can be filled is filled");
  }
}

Book::MatchEnd Book::Match(Incoming& incoming, BookMemory& memory, ReportWriter& reports) {
  const PriceLevels& levels = side(Opposite(incoming.side));
  const std::int64_t limit = LimitKey(incoming);
  while (incoming.remaining > 0 && levels.best()) {
    const Level& best = memory.levels.levels[levels.best()];
    if (best.key > limit) {
      break;
    }
    const OrderHandle first = best.first;
    const Order& resting = memory.orders[first];
    if (!MustNotTrade(incoming, resting)) {
      Trade(incoming, first, 0, memory, reports);
      continue;
    }
    if (CancelsResting(incoming.self_trade)) {
      ReportCancelled(resting, CancelReason::kSelfTrade, reports);
      Remove(first, memory);
    }
    if (CancelsIncoming(incoming.self_trade)) {
      return MatchEnd::kStoppedBySelfTrade;
    }
  }
  return MatchEnd::kNothingLeftToTrade;
}

void Book::Trade(Incoming& incoming, OrderHandle handle, std::uint8_t flags, BookMemory& memory,
                 ReportWriter& reports) {
  Order& resting = memory.orders[handle];
  const Quantity quantity = std::min(incoming.remaining, resting.remaining);
  const CounterWeights weights = WeightsOf(instrument_);
  memory.state_hash -= resting.hash;
  memory.state_hash += weights.trades + weights.traded_quantity * quantity;
  ++counters_.trades;
  counters_.traded_quantity += quantity;
  incoming.remaining -= quantity;
  resting.remaining -= quantity;
  memory.levels.levels[resting.level].quantity -= quantity;
  reports.AddFill({.kind = incoming.remaining == 0 ? ReportKind::kFilled : ReportKind::kPartiallyFilled,
                   .side = incoming.side,
                   .flags = flags,
                   .instrument = instrument_,
                   .order_id = incoming.id,
                   .other_order_id = resting.id,
                   .trade_id = counters_.trades,
                   .price = resting.price,
                   .quantity = quantity,
                   .remaining = incoming.remaining,
                   .other_remaining = resting.remaining});
  if (resting.remaining == 0) {
    Unlink(handle, memory);
  } else {
    resting.hash = HashTerm(resting);
    memory.state_hash += resting.hash;
  }
}

[[gnu::always_inline]] inline void Book::Rest(const Incoming& incoming, BookMemory& memory) {
  ++counters_.sequence;
  memory.state_hash += WeightsOf(instrument_).sequence;
  Append({.id = incoming.id,
          .price = incoming.price,
          .remaining = incoming.remaining,
          .sequence = counters_.sequence,
          .instrument = instrument_,
          .owner = incoming.owner,
          .side = incoming.side},
         memory);
}

[[gnu::always_inline]] inline void Book::Append(const OrderTerm& term, BookMemory& memory) {
  const OrderHandle handle = memory.orders.Take();
  memory.index.Insert(term.id, handle);
  const std::uint64_t hash = HashTerm(term);
  memory.state_hash += hash;
  const LevelHandle level_handle =
      MutableSide(term.side).FindOrInsert(KeyOf(term.side, term.price), memory.levels);
  Level& level = memory.levels.levels[level_handle];
  Order& order = memory.orders[handle];
  order.id = term.id;
  order.price = term.price;
  order.remaining = term.remaining;
  order.sequence = term.sequence;
  order.next = OrderHandle();
  order.previous = level.last;
  order.level = level_handle;
  order.owner = term.owner;
  order.instrument = term.instrument;
  order.side = term.side;
  order.hash = hash;
  if (level.last) {
    memory.orders[level.last].next = handle;
  } else {
    level.first = handle;
  }
  level.last = handle;
  level.quantity += term.remaining;
  ++level.orders;
}

void Book::Remove(OrderHandle handle, BookMemory& memory) {
  memory.state_hash -= memory.orders[handle].hash;
  Unlink(handle, memory);
}

[[gnu::always_inline]] inline void Book::Unlink(OrderHandle handle, BookMemory& memory) {
  const Order& order = memory.orders[handle];
  // Every decision here rests on the order's own line; the lines of its level and its neighbours are only
  // written. So the processor goes on to the next message while they are on their way.
  if (!order.next && !order.previous) {
    MutableSide(order.side).Erase(order.level, memory.levels);
  } else {
    Level& level = memory.levels.levels[order.level];
    level.quantity -= order.remaining;
    --level.orders;
    OrderHandle& from_next = order.next ? memory.orders[order.next].previous : level.last;
    OrderHandle& from_previous = order.previous ? memory.orders[order.previous].next : level.first;
    from_next = order.previous;
    from_previous = order.next;
  }
  memory.index.Erase(order.id, handle);
  memory.orders.Give(handle);
}

[[gnu::always_inline]] inline void Book::ReportAccepted(const Incoming& incoming,
                                                        ReportWriter& reports) const {
  reports.Add({.kind = ReportKind::kAccepted,
               .side = incoming.side,
               .instrument = instrument_,
               .order_id = incoming.id,
               .price = incoming.price,
               .quantity = incoming.remaining});
}

void Book::ReportCancelled(const Incoming& incoming, CancelReason reason, ReportWriter& reports) const {
  reports.Add({.kind = ReportKind::kCancelled,
               .reason = static_cast<std::uint8_t>(reason),
               .side = incoming.side,
               .instrument = instrument_,
               .order_id = incoming.id,
               .price = incoming.price,
               .quantity = incoming.remaining});
}

void Book::ReportCancelled(const Order& order, CancelReason reason, ReportWriter& reports) const {
  reports.Add({.kind = ReportKind::kCancelled,
               .reason = static_cast<std::uint8_t>(reason),
               .side = order.side,
               .instrument = instrument_,
               .order_id = order.id,
               .price = order.price,
               .quantity = order.remaining});
}

}  // namespace gaios::order_book

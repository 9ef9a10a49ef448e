#ifndef GAIOS_RSM_ORDER_BOOK_BOOK_H_
#define GAIOS_RSM_ORDER_BOOK_BOOK_H_

// The limit order book of one instrument, with strict price-time priority: an incoming order trades with the
// best price first and, at one price, with the order that came first, always at the resting order's price.
//
// After every call: the best bid is below the best ask; every level has an order; the orders of a level are
// in the order of their sequence numbers; and BookMemory::state_hash is the hash of what all books hold.
//
// A book is one cache line; orders, levels and the index lie in a BookMemory that all books of a machine
// share and that every call is given. Callers have checked the command's fields and found the orders it
// names. Not synchronised.

#include <cstdint>

#include "gaios/rsm/order_book/commands.h"
#include "gaios/rsm/order_book/handle.h"
#include "gaios/rsm/order_book/order_index.h"
#include "gaios/rsm/order_book/order_pool.h"
#include "gaios/rsm/order_book/price_levels.h"
#include "gaios/rsm/order_book/report_writer.h"
#include "gaios/rsm/order_book/reports.h"

namespace gaios::order_book {

struct BookMemory {
  OrderPool orders;
  LevelMemory levels;
  OrderIndex index;
  std::uint64_t state_hash = 0;  // see state_hash.h
};

// What an instrument counts. All only grow, and start at 0.
struct BookCounters {
  std::uint64_t sequence = 0;         // orders that have come to rest; the last one's place in time
  std::uint64_t trades = 0;           // the last trade id
  std::uint64_t traded_quantity = 0;  // lots, modulo 2^64
};

class alignas(64) Book {
 public:
  Book() = default;
  explicit Book(InstrumentId instrument)
      : sides_{PriceLevels(instrument * 2), PriceLevels(instrument * 2 + 1)}, instrument_(instrument) {}

  [[nodiscard]] const BookCounters& counters() const { return counters_; }
  [[nodiscard]] const PriceLevels& side(Side side) const { return sides_[static_cast<std::size_t>(side)]; }

  void Submit(const NewOrder& command, BookMemory& memory, ReportWriter& reports);
  void CancelOrder(OrderHandle handle, BookMemory& memory, ReportWriter& reports);
  void ReduceOrder(OrderHandle handle, const Reduce& command, BookMemory& memory, ReportWriter& reports);
  void ReplaceOrder(OrderHandle handle, const Replace& command, BookMemory& memory, ReportWriter& reports);
  void ExecuteOrder(OrderHandle handle, const Execute& command, BookMemory& memory, ReportWriter& reports);

  // For a snapshot's contents: the counters of a book that has none yet, and an order for the end of its
  // queue.
  void RestoreCounters(const BookCounters& counters, BookMemory& memory);
  void RestoreOrder(const OrderTerm& order, BookMemory& memory);

 private:
  // The order that a command brings in, while it trades.
  struct Incoming {
    OrderId id;
    OwnerId owner;
    Side side;
    OrderType type;
    SelfTrade self_trade;
    Price price;
    Quantity remaining;
  };
  enum class MatchEnd : std::uint8_t { kNothingLeftToTrade, kStoppedBySelfTrade };

  [[nodiscard]] PriceLevels& MutableSide(Side side) { return sides_[static_cast<std::size_t>(side)]; }
  // The worst key on the other side that `incoming` trades with.
  [[nodiscard]] static std::int64_t LimitKey(const Incoming& incoming);
  [[nodiscard]] bool WouldTrade(Side side, Price price, const BookMemory& memory) const;
  [[nodiscard]] bool CanFill(const Incoming& incoming, const BookMemory& memory) const;

  void Enter(Incoming incoming, BookMemory& memory, ReportWriter& reports);
  MatchEnd Match(Incoming& incoming, BookMemory& memory, ReportWriter& reports);
  void Trade(Incoming& incoming, OrderHandle resting, std::uint8_t flags, BookMemory& memory,
             ReportWriter& reports);
  void Rest(const Incoming& incoming, BookMemory& memory);
  void Append(const OrderTerm& term, BookMemory& memory);
  void Remove(OrderHandle handle, BookMemory& memory);
  void Unlink(OrderHandle handle, BookMemory& memory);

  void ReportAccepted(const Incoming& incoming, ReportWriter& reports) const;
  void ReportCancelled(const Incoming& incoming, CancelReason reason, ReportWriter& reports) const;
  void ReportCancelled(const Order& order, CancelReason reason, ReportWriter& reports) const;

  PriceLevels sides_[2];
  BookCounters counters_;
  InstrumentId instrument_ = 0;
};
static_assert(sizeof(Book) == 64);

}  // namespace gaios::order_book

#endif  // GAIOS_RSM_ORDER_BOOK_BOOK_H_

#include "tests/fuzz/feed_check.h"

#include <algorithm>
#include <unordered_map>

#include "gaios/base/check.h"
#include "gaios/rsm/feeds/order_event.h"
#include "gaios/rsm/feeds/to_commands.h"

#include "tests/fuzz/book.h"

namespace gaios::fuzz {
namespace {

using feeds::FeedReport;
using feeds::FeedState;
using feeds::OrderEvent;
using feeds::OrderEventKind;
using feeds::OrderSide;

// The market that a feed tells of, as its events alone make it.
class ToldMarket {
 public:
  void Take(const OrderEvent& event) {
    GAIOS_CHECK(event.order_id != 0 && event.price_ticks > 0 && event.quantity_lots > 0,
                "an event has an order, a price and a quantity");
    GAIOS_CHECK((event.new_order_id != 0) == (event.kind == OrderEventKind::kReplace),
                "a replacement alone names a new order");
    if (event.kind == OrderEventKind::kAdd) {
      Add(event.order_id, event);
      return;
    }
    const auto found = orders_.find(event.order_id);
    GAIOS_CHECK(found != orders_.end(), "an event names an order that is live");
    const Told order = found->second;
    GAIOS_CHECK(
        order.instrument == event.instrument && order.side == event.side && order.owner == event.owner,
        "an order keeps its instrument, side and owner");
    switch (event.kind) {
      case OrderEventKind::kAdd:
        return;
      case OrderEventKind::kReplace:
        orders_.erase(found);
        Add(event.new_order_id, event);
        return;
      case OrderEventKind::kReduce:
        GAIOS_CHECK(event.quantity_lots < order.remaining, "a reduction leaves something");
        break;
      case OrderEventKind::kExecute:
        GAIOS_CHECK(event.quantity_lots <= order.remaining, "no more is executed than remains");
        break;
      case OrderEventKind::kCancel:
        GAIOS_CHECK(event.quantity_lots == order.remaining, "a cancellation takes all that remains");
        break;
    }
    GAIOS_CHECK(event.price_ticks == order.price, "an order keeps its price");
    GAIOS_CHECK(event.remaining_lots == order.remaining - event.quantity_lots, "what remains adds up");
    found->second.remaining = event.remaining_lots;
    if (event.remaining_lots == 0) {
      orders_.erase(found);
    }
  }

 private:
  struct Told {
    std::uint64_t remaining = 0;
    std::int64_t price = 0;
    std::uint32_t instrument = 0;
    std::uint32_t owner = 0;
    OrderSide side = OrderSide::kBuy;
  };

  void Add(std::uint64_t id, const OrderEvent& event) {
    GAIOS_CHECK(event.remaining_lots == event.quantity_lots, "a new order rests with all of its quantity");
    const Told order = {event.remaining_lots, event.price_ticks, event.instrument, event.owner, event.side};
    GAIOS_CHECK(orders_.emplace(id, order).second, "an order is added once");
  }

  std::unordered_map<std::uint64_t, Told> orders_;
};

void CheckReport(const FeedReport& report, FeedState end, std::uint64_t events) {
  GAIOS_CHECK(report.truncated == (end == FeedState::kDamaged), "a damaged end is a truncated file");
  GAIOS_CHECK(report.end_reason.empty() == (end == FeedState::kEnd), "a damaged end has a reason");
  GAIOS_CHECK(report.mapped() == events, "what was mapped became an event");
  for (const feeds::TypeCount& type : report.types) {
    GAIOS_CHECK(type.seen == type.mapped + type.ignored + type.unknown_references + type.inconsistent,
                "a message is counted once");
  }
  GAIOS_CHECK(!report.ToString().empty(), "a report can be shown");
}

}  // namespace

void CheckFeed(feeds::Feed& feed, std::size_t bytes) {
  ToldMarket told;
  Book book;
  OrderEvent event;
  std::uint64_t events = 0;
  FeedState state = FeedState::kEvent;
  while ((state = feed.Next(event)) == FeedState::kEvent) {
    // Each event takes bytes from the file, so it ends. What is compressed may be much larger.
    GAIOS_CHECK(feed.report().end_offset > events, "an event takes bytes");
    ++events;
    told.Take(event);
    const feeds::BookCommand command = feeds::ToCommand(event);
    book.Apply(feeds::BytesOf(command));
  }
  CheckReport(feed.report(), state, events);
  if (bytes != 0) {
    GAIOS_CHECK(feed.report().end_offset <= bytes, "no more is read than there is");
    GAIOS_CHECK(state != FeedState::kEnd || feed.report().end_offset == bytes, "all is read");
  }
  const OrderEvent last = event;
  GAIOS_CHECK(feed.Next(event) == state && event == last, "the end is final");
  book.CheckSnapshot();
}

}  // namespace gaios::fuzz

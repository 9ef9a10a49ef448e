#ifndef GAIOS_RSM_ORDER_BOOK_COMMANDS_H_
#define GAIOS_RSM_ORDER_BOOK_COMMANDS_H_

// The commands of the order book, as they travel in the log: fixed little-endian structs without padding, the
// kind in the first byte, natural alignment. A command is exactly one struct; reserved bytes are zero.
// Anything else gets a rejection as its reply, never a crash.
//
// Units: prices are whole ticks, quantities whole lots; what a tick or a lot is worth is the client's
// business. Order ids are chosen by clients and must be unique among the resting orders of all instruments.
// Owners group the orders that must not trade with each other; owner 0 is nobody and may trade with anybody.
//
// Plain values, safe from any thread.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace gaios::order_book {

static_assert(std::endian::native == std::endian::little,
              "the wire formats are memory images of a little-endian machine");

using OrderId = std::uint64_t;       // 0 is no order
using InstrumentId = std::uint32_t;  // index, from 0, below OrderBookOptions::instruments
using OwnerId = std::uint32_t;       // 0 is nobody
using Price = std::int64_t;          // ticks, 1 to kMaxPrice
using Quantity = std::uint64_t;      // lots, 1 to kMaxQuantity

inline constexpr Price kMaxPrice = (Price{1} << 62) - 1;
// Small enough that the quantities of 2^24 orders, the most a machine holds, add up without overflow.
inline constexpr Quantity kMaxQuantity = (Quantity{1} << 40) - 1;

enum class CommandKind : std::uint8_t { kNewOrder = 1, kCancel = 2, kReduce = 3, kReplace = 4, kExecute = 5 };

enum class Side : std::uint8_t { kBuy = 0, kSell = 1 };

[[nodiscard]] constexpr Side Opposite(Side side) {
  return static_cast<Side>(static_cast<std::uint8_t>(side) ^ 1U);
}

enum class OrderType : std::uint8_t {
  kLimit = 0,              // trades what it can at its price or better; the rest joins the book
  kMarket = 1,             // trades what it can at any price (its own is ignored); the rest is cancelled
  kImmediateOrCancel = 2,  // a limit order whose rest is cancelled
  kFillOrKill = 3,         // trades all of it at its price or better, or nothing
  kPostOnly = 4,           // joins the book, or is rejected when it would trade
};

// What happens when an order is about to trade with a resting order of the same owner. The incoming order's
// mode decides; the newest is the incoming order.
enum class SelfTrade : std::uint8_t {
  kAllow = 0,
  kCancelNewest = 1,  // the rest of the incoming order is cancelled
  kCancelOldest = 2,  // the resting order is cancelled, matching goes on
  kCancelBoth = 3,    // both
};

enum class ReduceMode : std::uint8_t {
  kBy = 0,  // take `quantity` lots away; an order left with nothing is cancelled
  kTo = 1,  // leave `quantity` lots, fewer than there are; 0 cancels the order
};

// A new order. A fill-or-kill that meets an order of its own under kCancelNewest or kCancelBoth is killed
// whole; under kCancelOldest its own orders do not count as available.
struct NewOrder {
  CommandKind kind = CommandKind::kNewOrder;
  Side side = Side::kBuy;
  OrderType type = OrderType::kLimit;
  SelfTrade self_trade = SelfTrade::kAllow;
  InstrumentId instrument = 0;
  OrderId order_id = 0;
  OwnerId owner = 0;
  std::uint32_t reserved = 0;
  Price price = 0;
  Quantity quantity = 0;
};

// Takes a resting order out of the book. `owner` must be the order's.
struct Cancel {
  CommandKind kind = CommandKind::kCancel;
  std::uint8_t reserved[3] = {};
  OwnerId owner = 0;
  OrderId order_id = 0;
};

// Makes a resting order smaller; it keeps its place in the queue.
struct Reduce {
  CommandKind kind = CommandKind::kReduce;
  ReduceMode mode = ReduceMode::kBy;
  std::uint8_t reserved[2] = {};
  OwnerId owner = 0;
  OrderId order_id = 0;
  Quantity quantity = 0;
};

// Takes a resting order out and enters a new one of the same instrument, side and owner, at the end of its
// queue. The new order is kLimit or kPostOnly; its id may be that of the old one. When it is rejected the old
// order stays.
struct Replace {
  CommandKind kind = CommandKind::kReplace;
  OrderType type = OrderType::kLimit;
  SelfTrade self_trade = SelfTrade::kAllow;
  std::uint8_t reserved = 0;
  OwnerId owner = 0;
  OrderId order_id = 0;
  OrderId new_order_id = 0;
  Price price = 0;
  Quantity quantity = 0;
};

// An immediate-or-cancel order against one named resting order, at that order's price: it fills that order
// and no other, wherever in the queue it stands, and the rest is cancelled. Recorded feeds name the order
// that traded; this is how they are replayed. A fill that passed better orders by is marked (kOutOfPriority
// in reports.h).
struct Execute {
  CommandKind kind = CommandKind::kExecute;
  SelfTrade self_trade = SelfTrade::kAllow;
  std::uint8_t reserved[2] = {};
  OwnerId owner = 0;              // of the incoming order
  OrderId order_id = 0;           // the resting order to fill
  OrderId incoming_order_id = 0;  // the client's name for the incoming order; it never rests, so 0 will do
  Quantity quantity = 0;
};

template <typename T>
concept WireFormat = std::is_trivially_copyable_v<T> && std::has_unique_object_representations_v<T>;

static_assert(WireFormat<NewOrder> && sizeof(NewOrder) == 40);
static_assert(offsetof(NewOrder, instrument) == 4 && offsetof(NewOrder, order_id) == 8 &&
              offsetof(NewOrder, owner) == 16 && offsetof(NewOrder, price) == 24 &&
              offsetof(NewOrder, quantity) == 32);
static_assert(WireFormat<Cancel> && sizeof(Cancel) == 16);
static_assert(offsetof(Cancel, owner) == 4 && offsetof(Cancel, order_id) == 8);
static_assert(WireFormat<Reduce> && sizeof(Reduce) == 24);
static_assert(offsetof(Reduce, owner) == 4 && offsetof(Reduce, order_id) == 8 &&
              offsetof(Reduce, quantity) == 16);
static_assert(WireFormat<Replace> && sizeof(Replace) == 40);
static_assert(offsetof(Replace, owner) == 4 && offsetof(Replace, order_id) == 8 &&
              offsetof(Replace, new_order_id) == 16 && offsetof(Replace, price) == 24 &&
              offsetof(Replace, quantity) == 32);
static_assert(WireFormat<Execute> && sizeof(Execute) == 32);
static_assert(offsetof(Execute, owner) == 4 && offsetof(Execute, order_id) == 8 &&
              offsetof(Execute, incoming_order_id) == 16 && offsetof(Execute, quantity) == 24);

inline constexpr std::size_t kMaxCommandBytes = 40;

// The bytes of one command, for Propose. Valid as long as `command`.
template <WireFormat T>
[[nodiscard]] std::span<const std::byte> AsBytes(const T& command) {
  return std::as_bytes(std::span<const T, 1>(&command, 1));
}

}  // namespace gaios::order_book

#endif  // GAIOS_RSM_ORDER_BOOK_COMMANDS_H_

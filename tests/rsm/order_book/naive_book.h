#ifndef GAIOS_TESTS_RSM_ORDER_BOOK_NAIVE_BOOK_H_
#define GAIOS_TESTS_RSM_ORDER_BOOK_NAIVE_BOOK_H_

// A deliberately naive order book to compare the engine with: maps of lists, everything looked for by
// walking, nothing kept that can be worked out. It shares the wire formats with the engine and no code. Slow,
// and meant to be obvious.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <tuple>
#include <vector>

#include "gaios/rsm/order_book/commands.h"
#include "gaios/rsm/order_book/reports.h"

namespace gaios::order_book {

class NaiveBook {
 public:
  struct Resting {
    OrderId id = 0;
    InstrumentId instrument = 0;
    Side side = Side::kBuy;
    Price price = 0;
    Quantity left = 0;
    OwnerId owner = 0;
    std::uint64_t arrival = 0;
    friend bool operator==(const Resting&, const Resting&) = default;
  };

  NaiveBook(std::size_t instruments, std::size_t max_orders)
      : instruments_(instruments), max_orders_(max_orders) {}

  std::vector<ExecutionReport> Apply(std::span<const std::byte> bytes) {
    out_.clear();
    Dispatch(bytes);
    return out_;
  }

  // All resting orders: by instrument, bids first, best price first, earliest first.
  [[nodiscard]] std::vector<Resting> All() const {
    std::vector<Resting> all(orders_.begin(), orders_.end());
    std::sort(all.begin(), all.end(), [](const Resting& a, const Resting& b) {
      const auto rank = [](const Resting& order) {
        return std::tuple(order.instrument, order.side == Side::kSell,
                          order.side == Side::kSell ? order.price : -order.price, order.arrival);
      };
      return rank(a) < rank(b);
    });
    return all;
  }
  [[nodiscard]] std::size_t size() const { return orders_.size(); }

 private:
  using Iterator = std::list<Resting>::iterator;

  struct Entering {
    OrderId id = 0;
    InstrumentId instrument = 0;
    Side side = Side::kBuy;
    OrderType type = OrderType::kLimit;
    SelfTrade mode = SelfTrade::kAllow;
    OwnerId owner = 0;
    Price price = 0;
    Quantity left = 0;
  };

  template <typename T>
  static std::optional<T> As(std::span<const std::byte> bytes) {
    if (bytes.size() != sizeof(T)) {
      return std::nullopt;
    }
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }

  void Reject(RejectReason reason, OrderId id = 0, InstrumentId instrument = 0, Side side = Side::kBuy) {
    out_.push_back({.kind = ReportKind::kRejected,
                    .reason = static_cast<std::uint8_t>(reason),
                    .side = side,
                    .instrument = instrument,
                    .order_id = id});
  }

  void Dispatch(std::span<const std::byte> bytes) {
    const int kind = bytes.empty() ? -1 : static_cast<int>(bytes[0]);
    if (kind == -1) {
      return Reject(RejectReason::kMalformed);
    }
    if (kind < 1 || kind > 5) {
      return Reject(RejectReason::kUnknownCommand);
    }
    if (const auto c = As<NewOrder>(bytes); kind == 1 && c) {
      return c->reserved == 0 ? New(*c) : Reject(RejectReason::kMalformed, c->order_id);
    }
    if (const auto c = As<Cancel>(bytes); kind == 2 && c) {
      const bool clean = c->reserved[0] == 0 && c->reserved[1] == 0 && c->reserved[2] == 0;
      return clean ? Withdraw(*c) : Reject(RejectReason::kMalformed, c->order_id);
    }
    if (const auto c = As<Reduce>(bytes); kind == 3 && c) {
      const bool clean = c->reserved[0] == 0 && c->reserved[1] == 0;
      return clean ? Shrink(*c) : Reject(RejectReason::kMalformed, c->order_id);
    }
    if (const auto c = As<Replace>(bytes); kind == 4 && c) {
      return c->reserved == 0 ? Swap(*c) : Reject(RejectReason::kMalformed, c->order_id);
    }
    if (const auto c = As<Execute>(bytes); kind == 5 && c) {
      const bool clean = c->reserved[0] == 0 && c->reserved[1] == 0;
      return clean ? Hit(*c) : Reject(RejectReason::kMalformed, c->order_id);
    }
    Reject(RejectReason::kMalformed);
  }

  Iterator Find(OrderId id) {
    return std::find_if(orders_.begin(), orders_.end(),
                        [id](const Resting& order) { return order.id == id; });
  }

  static bool GoodPrice(Price price) { return price > 0 && price <= kMaxPrice; }
  static bool GoodQuantity(Quantity quantity) { return quantity > 0 && quantity <= kMaxQuantity; }

  // The order on the other side that would trade first, if any may.
  Iterator Counterparty(const Entering& in) {
    auto best = orders_.end();
    for (auto it = orders_.begin(); it != orders_.end(); ++it) {
      if (it->instrument != in.instrument || it->side == in.side) {
        continue;
      }
      if (in.type != OrderType::kMarket &&
          (in.side == Side::kBuy ? it->price > in.price : it->price < in.price)) {
        continue;
      }
      if (best == orders_.end()) {
        best = it;
        continue;
      }
      const bool better_price = in.side == Side::kBuy ? it->price < best->price : it->price > best->price;
      if (better_price || (it->price == best->price && it->arrival < best->arrival)) {
        best = it;
      }
    }
    return best;
  }

  static bool Own(const Entering& in, const Resting& resting) {
    return in.mode != SelfTrade::kAllow && in.owner != 0 && in.owner == resting.owner;
  }

  void Cancelled(OrderId id, InstrumentId instrument, Side side, Price price, Quantity left,
                 CancelReason reason) {
    out_.push_back({.kind = ReportKind::kCancelled,
                    .reason = static_cast<std::uint8_t>(reason),
                    .side = side,
                    .instrument = instrument,
                    .order_id = id,
                    .price = price,
                    .quantity = left});
  }
  void Cancelled(const Entering& in, CancelReason reason) {
    Cancelled(in.id, in.instrument, in.side, in.price, in.left, reason);
  }
  void Withdrawn(Iterator it, CancelReason reason) {
    Cancelled(it->id, it->instrument, it->side, it->price, it->left, reason);
    orders_.erase(it);
  }

  void Trade(Entering& in, Iterator it, bool out_of_priority) {
    const Quantity lots = std::min(in.left, it->left);
    in.left -= lots;
    it->left -= lots;
    out_.push_back({.kind = in.left == 0 ? ReportKind::kFilled : ReportKind::kPartiallyFilled,
                    .side = in.side,
                    .flags = out_of_priority ? kOutOfPriority : std::uint8_t{0},
                    .instrument = in.instrument,
                    .order_id = in.id,
                    .other_order_id = it->id,
                    .trade_id = ++trades_[in.instrument],
                    .price = it->price,
                    .quantity = lots,
                    .remaining = in.left,
                    .other_remaining = it->left});
    if (it->left == 0) {
      orders_.erase(it);
    }
  }

  // A rehearsal on a copy: does the order trade whole, and is nothing in its way?
  bool WouldFillWhole(const Entering& order) const {
    NaiveBook copy = *this;
    Entering in = order;
    in.type = OrderType::kImmediateOrCancel;
    while (in.left > 0) {
      const auto it = copy.Counterparty(in);
      if (it == copy.orders_.end()) {
        return false;
      }
      if (Own(in, *it)) {
        if (in.mode != SelfTrade::kCancelOldest) {
          return false;
        }
        copy.orders_.erase(it);
        continue;
      }
      copy.Trade(in, it, false);
    }
    return true;
  }

  void Run(Entering in) {
    if (in.type == OrderType::kFillOrKill && !WouldFillWhole(in)) {
      return Cancelled(in, CancelReason::kFillOrKillUnfilled);
    }
    while (in.left > 0) {
      const auto it = Counterparty(in);
      if (it == orders_.end()) {
        break;
      }
      if (!Own(in, *it)) {
        Trade(in, it, false);
        continue;
      }
      if (in.mode == SelfTrade::kCancelOldest || in.mode == SelfTrade::kCancelBoth) {
        Withdrawn(it, CancelReason::kSelfTrade);
      }
      if (in.mode == SelfTrade::kCancelNewest || in.mode == SelfTrade::kCancelBoth) {
        return Cancelled(in, CancelReason::kSelfTrade);
      }
    }
    if (in.left == 0) {
      return;
    }
    if (in.type == OrderType::kMarket) {
      return Cancelled(in, CancelReason::kMarketRest);
    }
    if (in.type == OrderType::kImmediateOrCancel) {
      return Cancelled(in, CancelReason::kImmediateOrCancelRest);
    }
    orders_.push_back({.id = in.id,
                       .instrument = in.instrument,
                       .side = in.side,
                       .price = in.price,
                       .left = in.left,
                       .owner = in.owner,
                       .arrival = ++arrivals_[in.instrument]});
  }

  void Accepted(const Entering& in) {
    out_.push_back({.kind = ReportKind::kAccepted,
                    .side = in.side,
                    .instrument = in.instrument,
                    .order_id = in.id,
                    .price = in.price,
                    .quantity = in.left});
  }

  void New(const NewOrder& c) {
    const bool market = c.type == OrderType::kMarket;
    std::optional<RejectReason> problem;
    if (c.instrument >= instruments_) {
      problem = RejectReason::kUnknownInstrument;
    } else if (c.side != Side::kBuy && c.side != Side::kSell) {
      problem = RejectReason::kBadSide;
    } else if (static_cast<int>(c.type) > 4) {
      problem = RejectReason::kBadType;
    } else if (static_cast<int>(c.self_trade) > 3) {
      problem = RejectReason::kBadSelfTrade;
    } else if (c.order_id == 0) {
      problem = RejectReason::kBadOrderId;
    } else if (!market && !GoodPrice(c.price)) {
      problem = RejectReason::kBadPrice;
    } else if (!GoodQuantity(c.quantity)) {
      problem = RejectReason::kBadQuantity;
    } else if (Find(c.order_id) != orders_.end()) {
      problem = RejectReason::kDuplicateOrderId;
    }
    if (problem) {
      return Reject(*problem, c.order_id, c.instrument);
    }
    const Entering in{.id = c.order_id,
                      .instrument = c.instrument,
                      .side = c.side,
                      .type = c.type,
                      .mode = c.self_trade,
                      .owner = c.owner,
                      .price = market ? 0 : c.price,
                      .left = c.quantity};
    if (c.type == OrderType::kPostOnly && Counterparty(in) != orders_.end()) {
      return Reject(RejectReason::kWouldTrade, c.order_id, c.instrument, c.side);
    }
    if ((c.type == OrderType::kLimit || c.type == OrderType::kPostOnly) && orders_.size() >= max_orders_) {
      return Reject(RejectReason::kBookFull, c.order_id, c.instrument, c.side);
    }
    Accepted(in);
    Run(in);
  }

  void Withdraw(const Cancel& c) {
    const auto it = Find(c.order_id);
    if (it == orders_.end()) {
      return Reject(RejectReason::kUnknownOrder, c.order_id);
    }
    if (it->owner != c.owner) {
      return Reject(RejectReason::kWrongOwner, c.order_id, it->instrument, it->side);
    }
    Withdrawn(it, CancelReason::kRequested);
  }

  void Shrink(const Reduce& c) {
    if (c.mode != ReduceMode::kBy && c.mode != ReduceMode::kTo) {
      return Reject(RejectReason::kBadMode, c.order_id);
    }
    if (c.quantity > kMaxQuantity || (c.mode == ReduceMode::kBy && c.quantity == 0)) {
      return Reject(RejectReason::kBadQuantity, c.order_id);
    }
    const auto it = Find(c.order_id);
    if (it == orders_.end()) {
      return Reject(RejectReason::kUnknownOrder, c.order_id);
    }
    if (it->owner != c.owner) {
      return Reject(RejectReason::kWrongOwner, c.order_id, it->instrument, it->side);
    }
    if (c.mode == ReduceMode::kTo && c.quantity >= it->left) {
      return Reject(RejectReason::kNotAReduction, c.order_id, it->instrument, it->side);
    }
    const Quantity target =
        c.mode == ReduceMode::kTo ? c.quantity : it->left - std::min(it->left, c.quantity);
    if (target == 0) {
      return Withdrawn(it, CancelReason::kRequested);
    }
    out_.push_back({.kind = ReportKind::kReduced,
                    .side = it->side,
                    .instrument = it->instrument,
                    .order_id = it->id,
                    .price = it->price,
                    .quantity = it->left - target,
                    .remaining = target});
    it->left = target;
  }

  void Swap(const Replace& c) {
    std::optional<RejectReason> problem;
    if (c.type != OrderType::kLimit && c.type != OrderType::kPostOnly) {
      problem = RejectReason::kBadType;
    } else if (static_cast<int>(c.self_trade) > 3) {
      problem = RejectReason::kBadSelfTrade;
    } else if (c.new_order_id == 0) {
      problem = RejectReason::kBadOrderId;
    } else if (!GoodPrice(c.price)) {
      problem = RejectReason::kBadPrice;
    } else if (!GoodQuantity(c.quantity)) {
      problem = RejectReason::kBadQuantity;
    }
    if (problem) {
      return Reject(*problem, c.order_id);
    }
    const auto it = Find(c.order_id);
    if (it == orders_.end()) {
      return Reject(RejectReason::kUnknownOrder, c.order_id);
    }
    if (it->owner != c.owner) {
      return Reject(RejectReason::kWrongOwner, c.order_id, it->instrument, it->side);
    }
    if (c.new_order_id != c.order_id && Find(c.new_order_id) != orders_.end()) {
      return Reject(RejectReason::kDuplicateOrderId, c.order_id, it->instrument, it->side);
    }
    const Entering in{.id = c.new_order_id,
                      .instrument = it->instrument,
                      .side = it->side,
                      .type = c.type,
                      .mode = c.self_trade,
                      .owner = it->owner,
                      .price = c.price,
                      .left = c.quantity};
    if (c.type == OrderType::kPostOnly && Counterparty(in) != orders_.end()) {
      return Reject(RejectReason::kWouldTrade, c.order_id, it->instrument, it->side);
    }
    orders_.erase(it);
    out_.push_back({.kind = ReportKind::kReplaced,
                    .side = in.side,
                    .instrument = in.instrument,
                    .order_id = in.id,
                    .other_order_id = c.order_id,
                    .price = in.price,
                    .quantity = in.left});
    Run(in);
  }

  void Hit(const Execute& c) {
    if (static_cast<int>(c.self_trade) > 3) {
      return Reject(RejectReason::kBadSelfTrade, c.order_id);
    }
    if (!GoodQuantity(c.quantity)) {
      return Reject(RejectReason::kBadQuantity, c.order_id);
    }
    const auto it = Find(c.order_id);
    if (it == orders_.end()) {
      return Reject(RejectReason::kUnknownOrder, c.order_id);
    }
    Entering in{.id = c.incoming_order_id,
                .instrument = it->instrument,
                .side = it->side == Side::kBuy ? Side::kSell : Side::kBuy,
                .type = OrderType::kImmediateOrCancel,
                .mode = c.self_trade,
                .owner = c.owner,
                .price = it->price,
                .left = c.quantity};
    Accepted(in);
    if (Own(in, *it)) {
      if (in.mode != SelfTrade::kCancelNewest) {
        Withdrawn(it, CancelReason::kSelfTrade);
      }
      return Cancelled(in, CancelReason::kSelfTrade);
    }
    Trade(in, it, Counterparty(in) != it);
    if (in.left > 0) {
      Cancelled(in, CancelReason::kImmediateOrCancelRest);
    }
  }

  std::size_t instruments_;
  std::size_t max_orders_;
  std::list<Resting> orders_;
  std::map<InstrumentId, std::uint64_t> arrivals_;
  std::map<InstrumentId, std::uint64_t> trades_;
  std::vector<ExecutionReport> out_;
};

}  // namespace gaios::order_book

#endif  // GAIOS_TESTS_RSM_ORDER_BOOK_NAIVE_BOOK_H_

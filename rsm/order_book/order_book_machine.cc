#include "gaios/rsm/order_book/order_book_machine.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include "gaios/base/check.h"
#include "gaios/rsm/order_book/report_writer.h"
#include "gaios/rsm/order_book/snapshot.h"

namespace gaios::order_book {

namespace {

bool ReservedIsZero(const NewOrder& command) {
  return command.reserved == 0;
}
bool ReservedIsZero(const Replace& command) {
  return command.reserved == 0;
}
// The others have their reserved bytes at the end of the first word.
template <typename T>
bool ReservedIsZero(const T& command) {
  static_assert(offsetof(T, reserved) + sizeof(command.reserved) == sizeof(std::uint32_t));
  std::uint32_t first_word = 0;
  std::memcpy(&first_word, &command, sizeof(first_word));
  return first_word >> (8 * offsetof(T, reserved)) == 0;
}

bool IsPrice(Price price) {
  return price >= 1 && price <= kMaxPrice;
}
bool IsQuantity(Quantity quantity) {
  return quantity >= 1 && quantity <= kMaxQuantity;
}
bool IsSelfTrade(SelfTrade mode) {
  return mode <= SelfTrade::kCancelBoth;
}

// What is wrong with a command's own fields, whatever the books hold.
RejectReason CheckFields(const NewOrder& command, const OrderBookOptions& options) {
  if (command.instrument >= options.instruments) {
    return RejectReason::kUnknownInstrument;
  }
  if (command.side > Side::kSell) {
    return RejectReason::kBadSide;
  }
  if (command.type > OrderType::kPostOnly) {
    return RejectReason::kBadType;
  }
  if (!IsSelfTrade(command.self_trade)) {
    return RejectReason::kBadSelfTrade;
  }
  if (command.order_id == 0) {
    return RejectReason::kBadOrderId;
  }
  if (command.type != OrderType::kMarket && !IsPrice(command.price)) {
    return RejectReason::kBadPrice;
  }
  return IsQuantity(command.quantity) ? RejectReason::kNone : RejectReason::kBadQuantity;
}

RejectReason CheckFields(const Cancel& /*command*/) {
  return RejectReason::kNone;
}

RejectReason CheckFields(const Reduce& command) {
  if (command.mode > ReduceMode::kTo) {
    return RejectReason::kBadMode;
  }
  const bool may_be_zero = command.mode == ReduceMode::kTo;
  return IsQuantity(command.quantity) || (may_be_zero && command.quantity == 0) ? RejectReason::kNone
                                                                                : RejectReason::kBadQuantity;
}

RejectReason CheckFields(const Replace& command) {
  if (command.type != OrderType::kLimit && command.type != OrderType::kPostOnly) {
    return RejectReason::kBadType;
  }
  if (!IsSelfTrade(command.self_trade)) {
    return RejectReason::kBadSelfTrade;
  }
  if (command.new_order_id == 0) {
    return RejectReason::kBadOrderId;
  }
  if (!IsPrice(command.price)) {
    return RejectReason::kBadPrice;
  }
  return IsQuantity(command.quantity) ? RejectReason::kNone : RejectReason::kBadQuantity;
}

RejectReason CheckFields(const Execute& command) {
  if (!IsSelfTrade(command.self_trade)) {
    return RejectReason::kBadSelfTrade;
  }
  return IsQuantity(command.quantity) ? RejectReason::kNone : RejectReason::kBadQuantity;
}

// Carries out one command. Guards first, then a single call that changes things.
class Applier {
 public:
  Applier(Market& market, ReportWriter& reports)
      : market_(market), memory_(market.memory), reports_(reports) {}

  void Apply(std::span<const std::byte> bytes) {
    if (bytes.empty()) {
      reports_.Reject(RejectReason::kMalformed, {});
      return;
    }
    switch (static_cast<CommandKind>(bytes[0])) {
      case CommandKind::kNewOrder:
        return Decode<NewOrder>(bytes);
      case CommandKind::kCancel:
        return Decode<Cancel>(bytes);
      case CommandKind::kReduce:
        return Decode<Reduce>(bytes);
      case CommandKind::kReplace:
        return Decode<Replace>(bytes);
      case CommandKind::kExecute:
        return Decode<Execute>(bytes);
    }
    reports_.Reject(RejectReason::kUnknownCommand, {});
  }

 private:
  template <typename T>
  void Decode(std::span<const std::byte> bytes) {
    T command;
    if (bytes.size() != sizeof(T)) {
      reports_.Reject(RejectReason::kMalformed, {});
      return;
    }
    std::memcpy(&command, bytes.data(), sizeof(T));
    if (!ReservedIsZero(command)) {
      reports_.Reject(RejectReason::kMalformed, {.order_id = command.order_id});
      return;
    }
    Handle(command);
  }

  void Handle(const NewOrder& command) {
    RejectReason reason = CheckFields(command, market_.options);
    if (reason == RejectReason::kNone && memory_.index.Find(command.order_id, memory_.orders)) {
      reason = RejectReason::kDuplicateOrderId;
    }
    if (reason != RejectReason::kNone) {
      reports_.Reject(reason, {.instrument = command.instrument, .order_id = command.order_id});
      return;
    }
    market_.books[command.instrument].Submit(command, memory_, reports_);
  }

  void Handle(const Cancel& command) {
    if (const OrderHandle order = FindOwned(command)) {
      BookOf(order).CancelOrder(order, memory_, reports_);
    }
  }

  void Handle(const Reduce& command) {
    if (const OrderHandle order = FindOwned(command)) {
      BookOf(order).ReduceOrder(order, command, memory_, reports_);
    }
  }

  void Handle(const Replace& command) {
    const OrderHandle order = FindOwned(command);
    if (!order) {
      return;
    }
    if (command.new_order_id != command.order_id &&
        memory_.index.Find(command.new_order_id, memory_.orders)) {
      RejectFor(order, RejectReason::kDuplicateOrderId);
      return;
    }
    BookOf(order).ReplaceOrder(order, command, memory_, reports_);
  }

  void Handle(const Execute& command) {
    if (const OrderHandle order = FindNamed(command)) {
      BookOf(order).ExecuteOrder(order, command, memory_, reports_);
    }
  }

  // The resting order that a command names, or none after rejecting the command.
  template <typename T>
  OrderHandle FindNamed(const T& command) {
    const RejectReason reason = CheckFields(command);
    if (reason != RejectReason::kNone) {
      reports_.Reject(reason, {.order_id = command.order_id});
      return OrderHandle();
    }
    const OrderHandle order = memory_.index.Find(command.order_id, memory_.orders);
    if (!order) {
      reports_.Reject(RejectReason::kUnknownOrder, {.order_id = command.order_id});
      return order;
    }
    PrefetchAround(memory_.orders[order]);
    return order;
  }

  // The same, when it must be the sender's.
  template <typename T>
  OrderHandle FindOwned(const T& command) {
    const OrderHandle order = FindNamed(command);
    if (order && memory_.orders[order].owner != command.owner) {
      RejectFor(order, RejectReason::kWrongOwner);
      return OrderHandle();
    }
    return order;
  }

  // What will be written when the order leaves.
  void PrefetchAround(const Order& order) {
    __builtin_prefetch(&memory_.levels.levels[order.level], 1);
    __builtin_prefetch(&memory_.orders[order.next], 1);
    __builtin_prefetch(&memory_.orders[order.previous], 1);
  }

  void RejectFor(OrderHandle handle, RejectReason reason) {
    const Order& order = memory_.orders[handle];
    reports_.Reject(reason, {.side = order.side, .instrument = order.instrument, .order_id = order.id});
  }

  Book& BookOf(OrderHandle order) { return market_.books[memory_.orders[order].instrument]; }

  Market& market_;
  BookMemory& memory_;
  ReportWriter& reports_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<OrderBookMachine>> OrderBookMachine::Make(const OrderBookOptions& options) {
  absl::StatusOr<std::unique_ptr<Market>> market = Market::Make(options);
  if (!market.ok()) {
    return market.status();
  }
  return std::unique_ptr<OrderBookMachine>(new OrderBookMachine(*std::move(market)));
}

void OrderBookMachine::Apply(const rsm::Command& command, rsm::Reply& reply) {
  ReportWriter reports(reply);
  Applier(*market_, reports).Apply(command.bytes);
  reports.Finish();
}

std::uint64_t OrderBookMachine::StateHash() const {
  return market_->memory.state_hash;
}

absl::Status OrderBookMachine::Save(rsm::SnapshotSink& sink) const {
  return SaveMarket(*market_, sink);
}

absl::Status OrderBookMachine::Restore(rsm::SnapshotSource& source) {
  absl::StatusOr<std::unique_ptr<Market>> restored = RestoreMarket(market_->options, source);
  if (!restored.ok()) {
    return restored.status();
  }
  market_ = *std::move(restored);
  return absl::OkStatus();
}

std::optional<Quantity> OrderBookMachine::Remaining(OrderId id) const {
  const OrderHandle order = market_->memory.index.Find(id, market_->memory.orders);
  return order ? std::optional(market_->memory.orders[order].remaining) : std::nullopt;
}

std::optional<BestLevel> OrderBookMachine::Best(InstrumentId instrument, Side side) const {
  GAIOS_CHECK(instrument < market_->options.instruments, "the instrument exists");
  const LevelHandle best = market_->books[instrument].side(side).best();
  if (!best) {
    return std::nullopt;
  }
  const Level& level = market_->memory.levels.levels[best];
  return BestLevel{.price = PriceOf(side, level.key), .quantity = level.quantity, .orders = level.orders};
}

const BookCounters& OrderBookMachine::Counters(InstrumentId instrument) const {
  GAIOS_CHECK(instrument < market_->options.instruments, "the instrument exists");
  return market_->books[instrument].counters();
}

}  // namespace gaios::order_book

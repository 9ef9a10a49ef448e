#ifndef GAIOS_RSM_ORDER_BOOK_ORDER_BOOK_MACHINE_H_
#define GAIOS_RSM_ORDER_BOOK_ORDER_BOOK_MACHINE_H_

// The limit order book as a state machine to replicate: many instruments, commands as in commands.h, replies
// as in reports.h. See book.h for the rules of trading.
//
// All memory is mapped and touched by Make (about 175 bytes for each of max_orders; mapped_bytes says how
// many); after that Apply neither allocates nor makes a system call, and a new order that finds no room is
// rejected. Restore maps a second market while it reads, and fails when it cannot. StateHash is kept up to
// date by Apply and costs nothing to ask for.
//
// An order id is unique while its order rests; the machine does not remember ids of orders that are gone. A
// client that must not submit twice uses a session.
//
// Threads: as StateMachine, one at a time. Errors: Apply answers with a rejection, the others with a status.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/rsm/order_book/commands.h"
#include "gaios/rsm/order_book/lookahead.h"
#include "gaios/rsm/order_book/market.h"
#include "gaios/rsm/order_book/reports.h"
#include "gaios/rsm/state_machine.h"

namespace gaios::order_book {

// The best level of one side.
struct BestLevel {
  Price price = 0;
  Quantity quantity = 0;
  std::uint32_t orders = 0;

  friend bool operator==(const BestLevel&, const BestLevel&) = default;
};

class OrderBookMachine final : public rsm::StateMachine {
 public:
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<OrderBookMachine>> Make(
      const OrderBookOptions& options);

  void Apply(const rsm::Command& command, rsm::Reply& reply) override;
  [[nodiscard]] std::uint64_t StateHash() const override;
  [[nodiscard]] absl::Status Save(rsm::SnapshotSink& sink) const override;
  [[nodiscard]] absl::Status Restore(rsm::SnapshotSource& source) override;

  // Says that `command` comes soon, best kPrefetchDistance commands ahead; commands are announced in the
  // order in which they are applied. No effect on state or replies, but with many orders an announced command
  // costs a fraction of the time, as its cache misses are waited for together with those of its neighbours.
  void Prefetch(std::span<const std::byte> command) override { lookahead_.Hint(command, *market_); }
  [[nodiscard]] std::uint32_t PrefetchDistance() const override {
    return Lookahead::Worthwhile(*market_) ? kPrefetchDistance : 0;
  }
  static constexpr std::uint32_t kPrefetchDistance = Lookahead::kDistance;

  [[nodiscard]] const OrderBookOptions& options() const { return market_->options; }
  [[nodiscard]] std::size_t mapped_bytes() const { return market_->mapped_bytes(); }
  [[nodiscard]] std::uint32_t resting_orders() const { return market_->memory.orders.used(); }
  // Lots left of a resting order.
  [[nodiscard]] std::optional<Quantity> Remaining(OrderId id) const;
  // `instrument` is below options().instruments.
  [[nodiscard]] std::optional<BestLevel> Best(InstrumentId instrument, Side side) const;
  [[nodiscard]] const BookCounters& Counters(InstrumentId instrument) const;

 private:
  explicit OrderBookMachine(std::unique_ptr<Market> market) : market_(std::move(market)) {}

  std::unique_ptr<Market> market_;
  Lookahead lookahead_;
};

}  // namespace gaios::order_book

#endif  // GAIOS_RSM_ORDER_BOOK_ORDER_BOOK_MACHINE_H_

#ifndef GAIOS_TESTS_RSM_ORDER_BOOK_HARNESS_H_
#define GAIOS_TESTS_RSM_ORDER_BOOK_HARNESS_H_

// What the tests of the order book share: a machine that takes commands and gives back their reports, and
// snapshots in memory.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <gtest/gtest.h>

#include "gaios/rsm/order_book/commands.h"
#include "gaios/rsm/order_book/order_book_machine.h"
#include "gaios/rsm/order_book/reports.h"
#include "gaios/rsm/state_machine.h"

#include "tests/support/memory_snapshot.h"

namespace gaios::order_book {

using rsm::MemorySink;
using rsm::MemorySource;

struct Outcome {
  ReplyHeader header;
  std::vector<ExecutionReport> reports;
};

class TestMachine {
 public:
  explicit TestMachine(const OrderBookOptions& options = {.instruments = 4, .max_orders = 1000},
                       std::size_t reply_bytes = rsm::kMaxReplyBytes)
      : reply_memory_(reply_bytes) {
    auto machine = OrderBookMachine::Make(options);
    EXPECT_TRUE(machine.ok()) << machine.status();
    machine_ = *std::move(machine);
  }

  Outcome ApplyBytes(std::span<const std::byte> bytes) {
    rsm::Reply reply(reply_memory_);
    machine_->Apply({.bytes = bytes}, reply);
    const auto view = ReplyView::Parse(reply.bytes());
    Outcome outcome;
    EXPECT_TRUE(view.has_value()) << "a reply that cannot be read";
    if (view.has_value()) {
      outcome.header = view->header();
      for (std::size_t i = 0; i < view->size(); ++i) {
        outcome.reports.push_back((*view)[i]);
      }
    }
    return outcome;
  }
  template <typename T>
  Outcome Apply(const T& command) {
    return ApplyBytes(AsBytes(command));
  }

  [[nodiscard]] std::vector<std::byte> Save() const {
    MemorySink sink;
    EXPECT_TRUE(machine_->Save(sink).ok());
    return sink.bytes();
  }
  [[nodiscard]] absl::Status Restore(std::span<const std::byte> bytes) {
    MemorySource source(bytes);
    return machine_->Restore(source);
  }

  OrderBookMachine* operator->() { return machine_.get(); }
  const OrderBookMachine* operator->() const { return machine_.get(); }

 private:
  std::unique_ptr<OrderBookMachine> machine_;
  std::vector<std::byte> reply_memory_;
};

inline NewOrder Buy(OrderId id, Price price, Quantity quantity, OrderType type = OrderType::kLimit) {
  return {.side = Side::kBuy, .type = type, .order_id = id, .price = price, .quantity = quantity};
}
inline NewOrder Sell(OrderId id, Price price, Quantity quantity, OrderType type = OrderType::kLimit) {
  return {.side = Side::kSell, .type = type, .order_id = id, .price = price, .quantity = quantity};
}
inline NewOrder By(OwnerId owner, NewOrder order, SelfTrade self_trade = SelfTrade::kAllow) {
  order.owner = owner;
  order.self_trade = self_trade;
  return order;
}

}  // namespace gaios::order_book

#endif  // GAIOS_TESTS_RSM_ORDER_BOOK_HARNESS_H_

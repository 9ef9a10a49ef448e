#include "gaios/rsm/feeds/to_commands.h"

#include <cstring>

#include <gtest/gtest.h>

namespace gaios::feeds {
namespace {

OrderEvent Event(OrderEventKind kind) {
  OrderEvent event;
  event.kind = kind;
  event.order_id = 11;
  event.new_order_id = kind == OrderEventKind::kReplace ? 12 : 0;
  event.time_ns = 5;
  event.price_ticks = 13;
  event.quantity_lots = 14;
  event.remaining_lots = 15;
  event.instrument = 16;
  event.owner = 17;
  event.side = OrderSide::kSell;
  return event;
}

// The command as a receiver takes it from the bytes.
template <typename T>
T FromBytes(const BookCommand& command) {
  const std::span<const std::byte> bytes = BytesOf(command);
  T out;
  EXPECT_EQ(bytes.size(), sizeof(T));
  std::memcpy(&out, bytes.data(), std::min(bytes.size(), sizeof(T)));
  return out;
}

TEST(ToCommand, AddBecomesALimitOrder) {
  const BookCommand command = ToCommand(Event(OrderEventKind::kAdd));
  const auto order = FromBytes<order_book::NewOrder>(command);
  EXPECT_EQ(order.kind, order_book::CommandKind::kNewOrder);
  EXPECT_EQ(order.type, order_book::OrderType::kLimit);
  EXPECT_EQ(order.side, order_book::Side::kSell);
  EXPECT_EQ(order.self_trade, order_book::SelfTrade::kAllow);
  EXPECT_EQ(order.instrument, 16U);
  EXPECT_EQ(order.order_id, 11U);
  EXPECT_EQ(order.owner, 17U);
  EXPECT_EQ(order.price, 13);
  EXPECT_EQ(order.quantity, 14U);
  OrderEvent buy = Event(OrderEventKind::kAdd);
  buy.side = OrderSide::kBuy;
  EXPECT_EQ(FromBytes<order_book::NewOrder>(ToCommand(buy)).side, order_book::Side::kBuy);
}

TEST(ToCommand, ExecuteNamesTheRestingOrderAndIsNobodys) {
  const BookCommand command = ToCommand(Event(OrderEventKind::kExecute));
  const auto execute = FromBytes<order_book::Execute>(command);
  EXPECT_EQ(execute.kind, order_book::CommandKind::kExecute);
  EXPECT_EQ(execute.order_id, 11U);
  EXPECT_EQ(execute.quantity, 14U);
  EXPECT_EQ(execute.owner, 0U);
}

TEST(ToCommand, ReduceTakesTheDifference) {
  const auto reduce = FromBytes<order_book::Reduce>(ToCommand(Event(OrderEventKind::kReduce)));
  EXPECT_EQ(reduce.kind, order_book::CommandKind::kReduce);
  EXPECT_EQ(reduce.mode, order_book::ReduceMode::kBy);
  EXPECT_EQ(reduce.order_id, 11U);
  EXPECT_EQ(reduce.owner, 17U);
  EXPECT_EQ(reduce.quantity, 14U);
}

TEST(ToCommand, CancelNamesTheOwner) {
  const auto cancel = FromBytes<order_book::Cancel>(ToCommand(Event(OrderEventKind::kCancel)));
  EXPECT_EQ(cancel.kind, order_book::CommandKind::kCancel);
  EXPECT_EQ(cancel.order_id, 11U);
  EXPECT_EQ(cancel.owner, 17U);
}

TEST(ToCommand, ReplaceNamesBothOrders) {
  const auto replace = FromBytes<order_book::Replace>(ToCommand(Event(OrderEventKind::kReplace)));
  EXPECT_EQ(replace.kind, order_book::CommandKind::kReplace);
  EXPECT_EQ(replace.type, order_book::OrderType::kLimit);
  EXPECT_EQ(replace.order_id, 11U);
  EXPECT_EQ(replace.new_order_id, 12U);
  EXPECT_EQ(replace.owner, 17U);
  EXPECT_EQ(replace.price, 13);
  EXPECT_EQ(replace.quantity, 14U);
}

}  // namespace
}  // namespace gaios::feeds

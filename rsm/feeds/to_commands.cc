#include "gaios/rsm/feeds/to_commands.h"

#include "gaios/base/check.h"

namespace gaios::feeds {
namespace {

order_book::Side SideOf(OrderSide side) {
  return side == OrderSide::kBuy ? order_book::Side::kBuy : order_book::Side::kSell;
}

order_book::NewOrder NewOrderOf(const OrderEvent& event) {
  order_book::NewOrder command;
  command.side = SideOf(event.side);
  command.type = order_book::OrderType::kLimit;
  command.instrument = event.instrument;
  command.order_id = event.order_id;
  command.owner = event.owner;
  command.price = event.price_ticks;
  command.quantity = event.quantity_lots;
  return command;
}

order_book::Execute ExecuteOf(const OrderEvent& event) {
  order_book::Execute command;
  command.order_id = event.order_id;
  command.quantity = event.quantity_lots;
  return command;
}

order_book::Reduce ReduceOf(const OrderEvent& event) {
  order_book::Reduce command;
  command.mode = order_book::ReduceMode::kBy;
  command.owner = event.owner;
  command.order_id = event.order_id;
  command.quantity = event.quantity_lots;
  return command;
}

order_book::Cancel CancelOf(const OrderEvent& event) {
  order_book::Cancel command;
  command.owner = event.owner;
  command.order_id = event.order_id;
  return command;
}

order_book::Replace ReplaceOf(const OrderEvent& event) {
  order_book::Replace command;
  command.owner = event.owner;
  command.order_id = event.order_id;
  command.new_order_id = event.new_order_id;
  command.price = event.price_ticks;
  command.quantity = event.quantity_lots;
  return command;
}

}  // namespace

BookCommand ToCommand(const OrderEvent& event) {
  switch (event.kind) {
    case OrderEventKind::kAdd:
      return NewOrderOf(event);
    case OrderEventKind::kExecute:
      return ExecuteOf(event);
    case OrderEventKind::kReduce:
      return ReduceOf(event);
    case OrderEventKind::kCancel:
      return CancelOf(event);
    case OrderEventKind::kReplace:
      return ReplaceOf(event);
  }
  GAIOS_CHECK(false, "an event of no kind");
  return {};
}

std::span<const std::byte> BytesOf(const BookCommand& command) {
  return std::visit([](const auto& alternative) { return order_book::AsBytes(alternative); }, command);
}

}  // namespace gaios::feeds

#ifndef GAIOS_RSM_FEEDS_TO_COMMANDS_H_
#define GAIOS_RSM_FEEDS_TO_COMMANDS_H_

// From the steps of an order flow to the commands of the order book, one command an event:
//   add      a limit order
//   execute  an immediate-or-cancel order of nobody's against the named order
//   reduce   a reduction by so many lots
//   cancel   a cancellation
//   replace  a replacement by a limit order
// A pure function; the events' times are not carried over, since commands get theirs from the leader.

#include <cstddef>
#include <span>
#include <variant>

#include "gaios/rsm/feeds/order_event.h"
#include "gaios/rsm/order_book/commands.h"

namespace gaios::feeds {

using BookCommand = std::variant<order_book::NewOrder, order_book::Execute, order_book::Reduce,
                                 order_book::Cancel, order_book::Replace>;

[[nodiscard]] BookCommand ToCommand(const OrderEvent& event);

// What to propose for it. Valid as long as `command` is, unchanged.
[[nodiscard]] std::span<const std::byte> BytesOf(const BookCommand& command);

}  // namespace gaios::feeds

#endif  // GAIOS_RSM_FEEDS_TO_COMMANDS_H_

#include "tests/fuzz/book_commands.h"

#include <cstdint>
#include <iterator>
#include <limits>

#include "gaios/rsm/order_book/commands.h"

namespace gaios::fuzz {
namespace {

using order_book::AsBytes;
using order_book::NewOrder;
using order_book::OrderType;
using order_book::Price;
using order_book::Quantity;
using order_book::SelfTrade;
using order_book::Side;

// Some at the bounds of their range and beyond, most small.
template <typename Number>
Number TakeNumber(Choices& choices, Number small, Number largest) {
  const auto code = choices.Take<std::uint8_t>();
  if (code < 0xf0) {
    return static_cast<Number>(static_cast<Number>(code) % small + 1);
  }
  constexpr Number kLeast = std::numeric_limits<Number>::min();
  constexpr Number kMost = std::numeric_limits<Number>::max();
  const Number numbers[] = {0, 1, kLeast, kMost, largest, static_cast<Number>(largest + 1), kMost - 1};
  return numbers[code % std::size(numbers)];
}

Price TakePrice(Choices& choices) {
  return TakeNumber<Price>(choices, 24, order_book::kMaxPrice);
}
Quantity TakeQuantity(Choices& choices) {
  return TakeNumber<Quantity>(choices, 16, order_book::kMaxQuantity);
}
order_book::OrderId TakeId(Choices& choices) {
  return TakeNumber<order_book::OrderId>(choices, 64, std::numeric_limits<std::uint64_t>::max());
}
order_book::OwnerId TakeOwner(Choices& choices) {
  return choices.Below(3);
}

}  // namespace

void ApplyChosen(Book& book, Choices& choices) {
  switch (choices.Below(8)) {
    case 0: {
      book.Apply(choices.Bytes(choices.Below(order_book::kMaxCommandBytes + 8)));
      return;
    }
    case 1: {
      const order_book::Cancel cancel{.owner = TakeOwner(choices), .order_id = TakeId(choices)};
      book.Apply(AsBytes(cancel));
      return;
    }
    case 2: {
      const order_book::Reduce reduce{.mode = static_cast<order_book::ReduceMode>(choices.Below(3)),
                                      .owner = TakeOwner(choices),
                                      .order_id = TakeId(choices),
                                      .quantity = TakeQuantity(choices)};
      book.Apply(AsBytes(reduce));
      return;
    }
    case 3: {
      const std::uint8_t modes = choices.Take<std::uint8_t>();
      const order_book::Replace replace{.type = static_cast<OrderType>(modes % 6),
                                        .self_trade = static_cast<SelfTrade>(modes / 6 % 5),
                                        .owner = TakeOwner(choices),
                                        .order_id = TakeId(choices),
                                        .new_order_id = TakeId(choices),
                                        .price = TakePrice(choices),
                                        .quantity = TakeQuantity(choices)};
      book.Apply(AsBytes(replace));
      return;
    }
    case 4: {
      const order_book::Execute execute{.self_trade = static_cast<SelfTrade>(choices.Below(5)),
                                        .owner = TakeOwner(choices),
                                        .order_id = TakeId(choices),
                                        .incoming_order_id = TakeId(choices),
                                        .quantity = TakeQuantity(choices)};
      book.Apply(AsBytes(execute));
      return;
    }
    default: {
      const std::uint8_t modes = choices.Take<std::uint8_t>();
      const NewOrder order{.side = static_cast<Side>(modes % 2 + (modes >= 0xfc ? 2 : 0)),
                           .type = static_cast<OrderType>(modes / 2 % 6),
                           .self_trade = static_cast<SelfTrade>(modes / 12 % 5),
                           .instrument = choices.Below(5),
                           .order_id = TakeId(choices),
                           .owner = TakeOwner(choices),
                           .price = TakePrice(choices),
                           .quantity = TakeQuantity(choices)};
      book.Apply(AsBytes(order));
      return;
    }
  }
}

}  // namespace gaios::fuzz

// The same commands as in order_book.cc for a book with thousands of orders. Only there are coming commands
// looked at ahead (lookahead.h), which reads bytes that nobody has checked and handles that may be out of
// date.

#include <array>
#include <vector>

#include "gaios/base/check.h"
#include "gaios/rsm/order_book/commands.h"

#include "tests/fuzz/book.h"
#include "tests/fuzz/book_commands.h"
#include "tests/fuzz/choices.h"
#include "tests/fuzz/target.h"

namespace gaios::fuzz {
namespace {

using order_book::Side;

// More than the least with which lookahead.cc bothers.
constexpr std::uint32_t kOrders = 4200;
constexpr std::uint32_t kInstruments = 4;
constexpr order_book::OrderBookOptions kOptions = {.instruments = kInstruments, .max_orders = kOrders + 40};

// With ids from 1, so that the commands meet them, on levels of one and of several orders.
std::vector<std::byte> SnapshotOfALargeBook() {
  Book book(kOptions);
  std::vector<std::byte> reply_memory(rsm::kMaxReplyBytes);
  for (std::uint32_t i = 0; i < kOrders; ++i) {
    const bool buy = i % 2 == 0;
    const order_book::NewOrder order{.side = buy ? Side::kBuy : Side::kSell,
                                     .instrument = i % kInstruments,
                                     .order_id = 1 + i,
                                     .price = buy ? 1 + i % 700 : 1000 + i % 900,
                                     .quantity = 1 + i % 7};
    rsm::Reply reply(reply_memory);
    book.machine().Apply({.bytes = order_book::AsBytes(order)}, reply);
  }
  GAIOS_CHECK(book.machine().resting_orders() == kOrders, "the book is as large as was meant");
  return book.Save();
}

}  // namespace

void RunTarget(std::span<const std::byte> input) {
  static const std::vector<std::byte>& snapshot = *new std::vector<std::byte>(SnapshotOfALargeBook());
  Choices choices(input);
  Book book(kOptions);
  GAIOS_CHECK(book.Restore(snapshot), "what was saved can be restored");
  while (!choices.empty()) {
    // Some are only announced: what was foreseen need not come.
    const std::uint8_t announced = choices.Below(4);
    for (std::uint8_t i = 0; i < announced; ++i) {
      book.Announce(choices.Bytes(choices.Below(order_book::kMaxCommandBytes + 2)));
    }
    ApplyChosen(book, choices);
  }
}

}  // namespace gaios::fuzz

#include "gaios/rsm/order_book/market.h"

#include <utility>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "gaios/rsm/order_book/state_hash.h"

namespace gaios::order_book {

namespace {

absl::Status CheckRange(const char* name, std::uint32_t value, std::uint32_t most) {
  if (value >= 1 && value <= most) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("order book: ", name, " is ", value, ", set it to a number from 1 to ", most));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Market>> Market::Make(const OrderBookOptions& options) {
  if (absl::Status status = CheckRange("instruments", options.instruments, OrderBookOptions::kMaxInstruments);
      !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckRange("max_orders", options.max_orders, OrderBookOptions::kMaxOrders);
      !status.ok()) {
    return status;
  }
  auto orders = OrderPool::Make(options.max_orders);
  if (!orders.ok()) {
    return orders.status();
  }
  // Each order may be alone on its level.
  auto levels = LevelMemory::Make(options.max_orders, options.instruments * 2);
  if (!levels.ok()) {
    return levels.status();
  }
  auto index = OrderIndex::Make(options.max_orders);
  if (!index.ok()) {
    return index.status();
  }
  auto books = HugeArray<Book>::Make(options.instruments);
  if (!books.ok()) {
    return books.status();
  }
  auto market = std::make_unique<Market>();
  market->options = options;
  market->memory.orders = *std::move(orders);
  market->memory.levels = *std::move(levels);
  market->memory.index = *std::move(index);
  market->memory.state_hash = Mix((std::uint64_t{options.instruments} << 32) | options.max_orders);
  market->books = *std::move(books);
  for (InstrumentId instrument = 0; instrument < options.instruments; ++instrument) {
    market->books[instrument] = Book(instrument);
  }
  return market;
}

std::size_t Market::mapped_bytes() const {
  return memory.orders.mapped_bytes() + memory.levels.levels.mapped_bytes() +
         memory.levels.nodes.mapped_bytes() + memory.levels.shortcuts.mapped_bytes() +
         memory.index.mapped_bytes() + books.mapped_bytes();
}

}  // namespace gaios::order_book

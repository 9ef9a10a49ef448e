#ifndef GAIOS_RSM_ORDER_BOOK_MARKET_H_
#define GAIOS_RSM_ORDER_BOOK_MARKET_H_

// All books of a machine and the memory they share: the state that is replicated.
//
// Owns its memory, all of it mapped when it is made. Not synchronised.

#include <cstddef>
#include <cstdint>
#include <memory>

#include <absl/status/statusor.h>

#include "gaios/rsm/order_book/book.h"
#include "gaios/rsm/order_book/commands.h"
#include "gaios/rsm/order_book/huge_array.h"

namespace gaios::order_book {

// Part of the state: replicas of one group must have the same, as it decides which orders are rejected.
// Replicas that do not have different state hashes from the start.
struct OrderBookOptions {
  static constexpr std::uint32_t kMaxInstruments = 1U << 20;
  static constexpr std::uint32_t kMaxOrders = 1U << 24;

  // Number of instruments, 1 to kMaxInstruments. Each costs 64 bytes, and about 1,000 for its first levels.
  std::uint32_t instruments = 4096;
  // Most orders that can rest at once, in all instruments, 1 to kMaxOrders. Each costs about 175 bytes,
  // reserved and touched at the start; further ones are rejected with kBookFull.
  std::uint32_t max_orders = 1U << 20;

  friend bool operator==(const OrderBookOptions&, const OrderBookOptions&) = default;
};

struct Market {
  OrderBookOptions options;
  BookMemory memory;
  HugeArray<Book> books;  // by instrument

  // An empty market. Fails on options out of range and when the memory is not to be had.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Market>> Make(const OrderBookOptions& options);

  [[nodiscard]] std::size_t mapped_bytes() const;
};

}  // namespace gaios::order_book

#endif  // GAIOS_RSM_ORDER_BOOK_MARKET_H_

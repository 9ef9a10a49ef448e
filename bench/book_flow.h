#ifndef GAIOS_BENCH_BOOK_FLOW_H_
#define GAIOS_BENCH_BOOK_FLOW_H_

// An order flow in memory, decoded to commands of the order book before anything is timed.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "gaios/rsm/order_book/market.h"

namespace gaios::bench {

struct BookMessage {
  std::array<std::byte, order_book::kMaxCommandBytes> bytes;
  std::uint32_t size = 0;
  [[nodiscard]] std::span<const std::byte> command() const { return std::span(bytes).first(size); }
};

struct BookFlow {
  std::string name;
  order_book::OrderBookOptions book;     // of a machine that holds it
  std::vector<BookMessage> preparation;  // brings the book to the size at which it is measured
  std::vector<BookMessage> messages;

  // All of a recording. Errors are those of opening it; where it is damaged, what comes before counts.
  [[nodiscard]] static absl::StatusOr<BookFlow> Recorded(const std::string& path);
  // `messages` after the book has grown to `resting_orders`.
  [[nodiscard]] static absl::StatusOr<BookFlow> Generated(std::uint32_t instruments,
                                                          std::uint32_t resting_orders, std::size_t messages);
};

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_BOOK_FLOW_H_

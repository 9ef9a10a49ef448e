#ifndef GAIOS_RSM_ORDER_BOOK_STATE_HASH_H_
#define GAIOS_RSM_ORDER_BOOK_STATE_HASH_H_

// How the state hash is made: a sum, modulo 2^64, of one term for each resting order and one for each
// counter. A sum does not depend on the order of its terms, so equal states have equal hashes whatever road
// led to them, and it is kept up to date by subtracting the old term and adding the new one. It guards
// against divergence, not malice.
//
// Pure functions, safe from any thread.

#include <cstdint>

#include "gaios/rsm/order_book/commands.h"

namespace gaios::order_book {

// A bijection on 64-bit numbers in which each input bit changes about half of the output bits.
[[nodiscard]] constexpr std::uint64_t Mix(std::uint64_t x) {
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93U;
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93U;
  x ^= x >> 32;
  return x;
}

// What the hash knows of a resting order. `sequence` is its place in time among the orders of its instrument.
struct OrderTerm {
  OrderId id;
  Price price;
  Quantity remaining;
  std::uint64_t sequence;
  InstrumentId instrument;
  OwnerId owner;
  Side side;
};

[[nodiscard]] constexpr std::uint64_t HashTerm(const OrderTerm& order) {
  // Each field is mixed on its own, with an offset of its own, so that the multiplications run side by side.
  const std::uint64_t price_and_side =
      (static_cast<std::uint64_t>(order.price) << 1) | static_cast<std::uint64_t>(order.side);
  const std::uint64_t whose = (std::uint64_t{order.instrument} << 32) | order.owner;
  return Mix(Mix(order.id + 0x9e3779b97f4a7c15U) + Mix(price_and_side + 0x3c6ef372fe94f82bU) +
             Mix(order.remaining + 0xdaa66d2c7ddf743fU) + Mix(order.sequence + 0x78dde6e5fd29f054U) +
             Mix(whose + 0x1715609f7c746c69U));
}

// The weights of an instrument's counters: a counter that grows by n adds n times its weight to the hash.
struct CounterWeights {
  std::uint64_t sequence;
  std::uint64_t trades;
  std::uint64_t traded_quantity;
};

[[nodiscard]] constexpr CounterWeights WeightsOf(InstrumentId instrument) {
  const std::uint64_t base = std::uint64_t{instrument} * 4 + 0xb54cda586a0c7e5dU;
  return {.sequence = Mix(base) | 1, .trades = Mix(base + 1) | 1, .traded_quantity = Mix(base + 2) | 1};
}

}  // namespace gaios::order_book

#endif  // GAIOS_RSM_ORDER_BOOK_STATE_HASH_H_

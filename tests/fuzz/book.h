#ifndef GAIOS_TESTS_FUZZ_BOOK_H_
#define GAIOS_TESTS_FUZZ_BOOK_H_

// A small order book that looks at itself after every command: see Apply for what must hold.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "gaios/rsm/order_book/order_book_machine.h"
#include "gaios/rsm/order_book/reports.h"
#include "gaios/rsm/state_machine.h"

namespace gaios::fuzz {

// Small, so that books fill up; with a few instruments, so that numbers out of range are met too.
inline constexpr order_book::OrderBookOptions kBookOptions = {.instruments = 4, .max_orders = 48};

class Book {
 public:
  explicit Book(const order_book::OrderBookOptions& options = kBookOptions);

  // Applies the bytes, announced first as a replica does. The reply can be read and its counts add up; a
  // command that is rejected changes nothing; no book is crossed; counters only grow.
  order_book::ReplyHeader Apply(std::span<const std::byte> command);
  // Announces only, which must change nothing.
  void Announce(std::span<const std::byte> command);

  [[nodiscard]] std::vector<std::byte> Save() const;
  [[nodiscard]] bool Restore(std::span<const std::byte> snapshot);
  // A machine that is made from the snapshot has the state hash of this one, though it counts it anew from
  // what it holds, and the same snapshot.
  void CheckSnapshot() const;

  [[nodiscard]] order_book::OrderBookMachine& machine() { return *machine_; }

 private:
  void CheckReply(const order_book::ReplyView& reply) const;
  void CheckBooks();

  std::unique_ptr<order_book::OrderBookMachine> machine_;
  std::vector<order_book::BookCounters> counters_;
  std::array<std::byte, rsm::kMaxReplyBytes> reply_memory_ = {};
};

}  // namespace gaios::fuzz

#endif  // GAIOS_TESTS_FUZZ_BOOK_H_

#include "gaios/cli/replica/machines.h"

#include <utility>

#include "gaios/cli/replica/counter_machine.h"
#include "gaios/rsm/order_book/order_book_machine.h"

namespace gaios::cli {

absl::StatusOr<Machine> MakeMachine(rsm::StateMachineKind kind) {
  if (kind == rsm::StateMachineKind::kCounter) {
    return Machine{.machine = std::make_unique<CounterMachine>(), .reserved_bytes = sizeof(CounterMachine)};
  }
  // ITCH numbers instruments by 16 bits, and exchanges use some ten thousand of them.
  constexpr order_book::OrderBookOptions kOptions = {.instruments = 1U << 14, .max_orders = 1U << 20};
  absl::StatusOr<std::unique_ptr<order_book::OrderBookMachine>> book =
      order_book::OrderBookMachine::Make(kOptions);
  if (!book.ok()) {
    return book.status();
  }
  const std::size_t reserved_bytes = (*book)->mapped_bytes();
  return Machine{.machine = *std::move(book), .reserved_bytes = reserved_bytes};
}

}  // namespace gaios::cli

#ifndef GAIOS_CLI_DEMO_BOOK_OUTCOMES_H_
#define GAIOS_CLI_DEMO_BOOK_OUTCOMES_H_

// What the order book made of the commands of a flow, by its replies: a recording made at another venue need
// not fit a book that matches by itself (decision record 10). It says nothing of the replication: a rejected
// command is committed like any other. One thread; allocates nothing after its construction.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gaios/rsm/order_book/commands.h"

namespace gaios::cli {

class BookOutcomes {
 public:
  // For at most `window` commands under way, with numbers that lie no further apart.
  explicit BookOutcomes(std::size_t window) : executes_(window) {}

  // `command` as the book will see it. To be called before the reply can come.
  void OnSent(std::uint64_t number, std::span<const std::byte> command);
  // A reply that is no whole one, or is no longer kept, counts nowhere.
  void OnReply(std::uint64_t number, std::span<const std::byte> reply);

  // Commands that the book refused.
  [[nodiscard]] std::uint64_t rejects() const { return rejects_; }
  // Executions that did not find all of the named order's lots that they were to take. Those that found no
  // order at all are rejects too.
  [[nodiscard]] std::uint64_t unfilled_executions() const { return unfilled_executions_; }

 private:
  std::vector<order_book::Quantity> executes_;  // by number: lots that an execution is to take; 0 for others
  std::uint64_t rejects_ = 0;
  std::uint64_t unfilled_executions_ = 0;
};

}  // namespace gaios::cli

#endif  // GAIOS_CLI_DEMO_BOOK_OUTCOMES_H_

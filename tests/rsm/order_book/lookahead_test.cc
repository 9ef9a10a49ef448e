// Announcing commands changes nothing but time: a machine that is told of every command, and of others that
// never come, does the same as one that is not.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "tests/rsm/order_book/harness.h"
#include "tests/rsm/order_book/random_commands.h"

namespace gaios::order_book {
namespace {

TEST(Lookahead, ChangesNothingButTime) {
  // Enough orders for the machine to think it worthwhile.
  const OrderBookOptions options{.instruments = 2, .max_orders = 30'000};
  const RandomProfile profile{
      .instruments = 2, .ids = 40'000, .owners = 2, .prices = 6'000, .nonsense_percent = 5};
  TestMachine plain(options);
  TestMachine announced(options);
  for (OrderId id = 1; id <= 8'000; ++id) {
    const NewOrder order = id % 2 == 0 ? Buy(id, 1 + static_cast<Price>(id % 90), 5)
                                       : Sell(id, 7'000 + static_cast<Price>(id), 5);
    plain.Apply(order);
    announced.Apply(order);
  }
  RandomCommands commands(17, profile);
  RandomCommands never_applied(18, profile);
  std::deque<std::vector<std::byte>> queue;
  std::vector<std::byte> middle;
  for (int i = 0; i < 100'000; ++i) {
    const auto next = commands.Next();
    queue.emplace_back(next.begin(), next.end());
    announced->Prefetch(queue.back());
    if (i % 7 == 0) {
      announced->Prefetch(never_applied.Next());
    }
    if (i == 50'000) {
      middle = announced.Save();
      ASSERT_TRUE(announced.Restore(middle).ok());
    }
    if (queue.size() > OrderBookMachine::kPrefetchDistance) {
      ASSERT_TRUE(announced.ApplyBytes(queue.front()).reports == plain.ApplyBytes(queue.front()).reports);
      ASSERT_EQ(announced->StateHash(), plain->StateHash());
      queue.pop_front();
    }
  }
  EXPECT_GT(plain->resting_orders(), 4'096U);
}

TEST(Lookahead, TakesAnyPrice) {
  TestMachine machine({.instruments = 2, .max_orders = 5'000});
  for (OrderId id = 1; id <= 4'500; ++id) {
    machine.Apply(id % 2 == 0 ? Buy(id, 1 + static_cast<Price>(id % 90), 5)
                              : Sell(id, 7'000 + static_cast<Price>(id), 5));
  }
  for (const Price price : {std::numeric_limits<Price>::min(), Price{-1}, Price{0}, kMaxPrice + 1,
                            std::numeric_limits<Price>::max()}) {
    // As many as it takes for the first to be looked up to its end. UBSan tells.
    for (OrderId id = 1; id <= 20; ++id) {
      machine->Prefetch(AsBytes(Buy(9'000, price, 1)));
      machine->Prefetch(AsBytes(Sell(9'000, price, 1)));
      machine->Prefetch(
          AsBytes(Replace{.order_id = id, .new_order_id = 9'000, .price = price, .quantity = 1}));
    }
    EXPECT_EQ(machine.Apply(Buy(9'000, price, 1)).header.reject_reason, RejectReason::kBadPrice) << price;
  }
}

}  // namespace
}  // namespace gaios::order_book

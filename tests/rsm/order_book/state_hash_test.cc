// The state hash: equal states have equal hashes whatever road led to them, different states different ones.

#include "gaios/rsm/order_book/state_hash.h"

#include <cstdint>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "tests/rsm/order_book/harness.h"
#include "tests/rsm/order_book/random_commands.h"

namespace gaios::order_book {
namespace {

TEST(StateHash, InstrumentsMayBeServedInAnyOrder) {
  const auto on = [](InstrumentId instrument, NewOrder order) {
    order.instrument = instrument;
    return order;
  };
  TestMachine one;
  TestMachine other;
  for (OrderId id = 1; id <= 20; ++id) {
    one.Apply(on(0, Buy(id, 100, id)));
    one.Apply(on(1, Sell(100 + id, 200, id)));
  }
  for (OrderId id = 1; id <= 20; ++id) {
    other.Apply(on(1, Sell(100 + id, 200, id)));
  }
  for (OrderId id = 1; id <= 20; ++id) {
    other.Apply(on(0, Buy(id, 100, id)));
  }
  EXPECT_EQ(one->StateHash(), other->StateHash());
  EXPECT_TRUE(one.Save() == other.Save());
}

TEST(StateHash, StepsDoNotMatterOnlyWhereTheyLead) {
  TestMachine one;
  TestMachine other;
  for (TestMachine* const machine : {&one, &other}) {
    machine->Apply(Sell(1, 100, 10));
    machine->Apply(Sell(2, 101, 10));
    machine->Apply(Sell(3, 102, 10));
  }
  one.Apply(Reduce{.order_id = 1, .quantity = 3});
  one.Apply(Reduce{.order_id = 1, .quantity = 2});
  one.Apply(Cancel{.order_id = 2});
  one.Apply(Cancel{.order_id = 3});
  other.Apply(Cancel{.order_id = 3});
  other.Apply(Cancel{.order_id = 77});  // rejected
  other.Apply(Reduce{.order_id = 2, .quantity = 10});
  other.Apply(Reduce{.mode = ReduceMode::kTo, .order_id = 1, .quantity = 5});
  EXPECT_EQ(one->StateHash(), other->StateHash());
}

TEST(StateHash, EveryFieldOfAnOrderCounts) {
  const NewOrder base = By(1, Sell(1, 100, 10));
  std::vector<NewOrder> variants(7, base);
  variants[1].order_id = 2;
  variants[2].price = 101;
  variants[3].quantity = 11;
  variants[4].owner = 2;
  variants[5].instrument = 1;
  variants[6].side = Side::kBuy;
  std::set<std::uint64_t> hashes;
  for (const NewOrder& variant : variants) {
    TestMachine machine;
    machine.Apply(variant);
    hashes.insert(machine->StateHash());
  }
  EXPECT_EQ(hashes.size(), variants.size());
}

TEST(StateHash, PriorityCounts) {
  TestMachine one;
  TestMachine other;
  one.Apply(Sell(1, 100, 10));
  one.Apply(Sell(2, 100, 10));
  other.Apply(Sell(2, 100, 10));
  other.Apply(Sell(1, 100, 10));
  EXPECT_NE(one->StateHash(), other->StateHash());
}

TEST(StateHash, CountersCountThoughNoOrderRests) {
  const TestMachine empty;
  TestMachine traded;
  traded.Apply(Sell(1, 100, 10));
  traded.Apply(Buy(2, 100, 10));
  EXPECT_EQ(traded->resting_orders(), 0U);
  EXPECT_NE(traded->StateHash(), empty->StateHash());
}

TEST(StateHash, OptionsCount) {
  const TestMachine one({.instruments = 2, .max_orders = 100});
  const TestMachine other({.instruments = 2, .max_orders = 101});
  EXPECT_NE(one->StateHash(), other->StateHash());
}

TEST(StateHash, ChangesWithEveryCommandThatChangesAnything) {
  TestMachine machine;
  RandomCommands commands(3, {});
  std::set<std::uint64_t> seen{machine->StateHash()};
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t before = machine->StateHash();
    const Outcome outcome = machine.ApplyBytes(commands.Next());
    bool changes = false;
    for (const ExecutionReport& report : outcome.reports) {
      changes = changes || report.kind == ReportKind::kPartiallyFilled ||
                report.kind == ReportKind::kFilled || report.kind == ReportKind::kReduced ||
                report.kind == ReportKind::kReplaced;
    }
    if (changes) {
      EXPECT_TRUE(seen.insert(machine->StateHash()).second) << "command " << i;
    } else if (outcome.header.reject_reason != RejectReason::kNone) {
      EXPECT_EQ(machine->StateHash(), before) << "command " << i;
    }
  }
}

TEST(StateHash, MixIsABijectionOnASample) {
  std::set<std::uint64_t> mixed;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    mixed.insert(Mix(i));
  }
  EXPECT_EQ(mixed.size(), 100'000U);
}

}  // namespace
}  // namespace gaios::order_book

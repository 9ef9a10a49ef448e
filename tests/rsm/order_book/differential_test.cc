// The engine and the naive book of naive_book.h get the same random commands and must give the same reports
// and hold the same orders; on the way the properties that make it an order book are checked on what the
// engine says.

#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/rsm/order_book/harness.h"
#include "tests/rsm/order_book/naive_book.h"
#include "tests/rsm/order_book/random_commands.h"

namespace gaios::order_book {
namespace {

struct Scenario {
  std::string name;
  RandomProfile profile;
  OrderBookOptions options;
  std::uint64_t seeds = 8;
  int commands = 12'000;
};

void PrintTo(const Scenario& scenario, std::ostream* out) {
  *out << scenario.name;
}

// The orders of a snapshot, read from its bytes as snapshot.h documents them.
std::vector<NaiveBook::Resting> OrdersOf(const std::vector<std::byte>& snapshot, std::uint32_t instruments) {
  constexpr std::size_t kHeader = 32;
  constexpr std::size_t kCounters = 24;
  constexpr std::size_t kOrder = 48;
  constexpr std::size_t kChecksum = 8;
  std::vector<NaiveBook::Resting> orders;
  for (std::size_t at = kHeader + kCounters * instruments; at + kChecksum < snapshot.size(); at += kOrder) {
    NaiveBook::Resting order;
    const std::byte* const record = snapshot.data() + at;
    std::memcpy(&order.id, record, 8);
    std::memcpy(&order.price, record + 8, 8);
    std::memcpy(&order.left, record + 16, 8);
    std::memcpy(&order.arrival, record + 24, 8);
    std::memcpy(&order.instrument, record + 32, 4);
    std::memcpy(&order.owner, record + 36, 4);
    std::memcpy(&order.side, record + 40, 1);
    orders.push_back(order);
  }
  return orders;
}

// Lots come in with accepted and replacing orders and go with fills and cancellations: what is left is in the
// book.
class Conservation {
 public:
  void See(const ExecutionReport& report, const std::map<OrderId, Quantity>& resting_before) {
    switch (report.kind) {
      case ReportKind::kAccepted:
        in_ += report.quantity;
        break;
      case ReportKind::kReplaced:
        in_ += report.quantity;
        out_ += resting_before.at(report.other_order_id);
        break;
      case ReportKind::kPartiallyFilled:
      case ReportKind::kFilled:
        out_ += 2 * report.quantity;
        break;
      case ReportKind::kCancelled:
      case ReportKind::kReduced:
        out_ += report.quantity;
        break;
      case ReportKind::kRejected:
        break;
    }
  }
  [[nodiscard]] Quantity balance() const { return in_ - out_; }

 private:
  Quantity in_ = 0;
  Quantity out_ = 0;
};

void ExpectNotCrossed(const TestMachine& machine, std::uint32_t instruments) {
  for (InstrumentId instrument = 0; instrument < instruments; ++instrument) {
    const auto bid = machine->Best(instrument, Side::kBuy);
    const auto ask = machine->Best(instrument, Side::kSell);
    if (bid && ask) {
      ASSERT_LT(bid->price, ask->price) << "instrument " << instrument;
    }
  }
}

class Differential : public testing::TestWithParam<Scenario> {};

TEST_P(Differential, EngineAndNaiveBookAgree) {
  const Scenario& scenario = GetParam();
  for (std::uint64_t seed = 1; seed <= scenario.seeds; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    TestMachine machine(scenario.options);
    NaiveBook naive(scenario.options.instruments, scenario.options.max_orders);
    RandomCommands commands(seed, scenario.profile);
    Conservation conservation;
    for (int i = 0; i < scenario.commands; ++i) {
      SCOPED_TRACE(testing::Message() << "command " << i);
      const auto bytes = commands.Next();
      std::map<OrderId, Quantity> before;
      if (!bytes.empty() && bytes[0] == static_cast<std::byte>(CommandKind::kReplace)) {
        for (const NaiveBook::Resting& order : naive.All()) {
          before[order.id] = order.left;
        }
      }
      const Outcome outcome = machine.ApplyBytes(bytes);
      const std::vector<ExecutionReport> expected = naive.Apply(bytes);
      ASSERT_TRUE(outcome.reports == expected);
      ASSERT_EQ(machine->resting_orders(), naive.size());
      Quantity filled = 0;
      for (const ExecutionReport& report : outcome.reports) {
        conservation.See(report, before);
        const bool fill = report.kind == ReportKind::kFilled || report.kind == ReportKind::kPartiallyFilled;
        filled += fill ? report.quantity : 0;
      }
      ASSERT_EQ(outcome.header.filled_quantity, filled);
      ASSERT_EQ(outcome.header.reports, expected.size());
      ExpectNotCrossed(machine, scenario.options.instruments);
      if (i % 500 == 0) {
        const std::vector<NaiveBook::Resting> all = naive.All();
        ASSERT_TRUE(OrdersOf(machine.Save(), scenario.options.instruments) == all);
        Quantity resting = 0;
        for (const NaiveBook::Resting& order : all) {
          ASSERT_EQ(machine->Remaining(order.id), order.left);
          resting += order.left;
        }
        ASSERT_EQ(conservation.balance(), resting);
      }
    }
    ASSERT_TRUE(OrdersOf(machine.Save(), scenario.options.instruments) == naive.All());
  }
}

TEST_P(Differential, RestoredMachineHasTheSameHashAndGoesOnAlike) {
  const Scenario& scenario = GetParam();
  for (std::uint64_t seed = 101; seed <= 100 + scenario.seeds; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    TestMachine machine(scenario.options);
    RandomCommands commands(seed, scenario.profile);
    for (int i = 0; i < scenario.commands / 2; ++i) {
      machine.ApplyBytes(commands.Next());
    }
    const std::vector<std::byte> snapshot = machine.Save();
    TestMachine restored(scenario.options);
    restored.Apply(Buy(1, 1, 1));  // what was there before goes
    const absl::Status status = restored.Restore(snapshot);
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_EQ(restored->StateHash(), machine->StateHash());
    ASSERT_TRUE(restored.Save() == snapshot);
    for (int i = 0; i < scenario.commands / 2; ++i) {
      const auto bytes = commands.Next();
      ASSERT_TRUE(restored.ApplyBytes(bytes).reports == machine.ApplyBytes(bytes).reports) << "command " << i;
      ASSERT_EQ(restored->StateHash(), machine->StateHash()) << "command " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Flows, Differential,
    testing::Values(
        Scenario{.name = "Mixed", .profile = {}, .options = {.instruments = 3, .max_orders = 1000}},
        Scenario{.name = "OneInstrumentManyLevels",
                 .profile = {.instruments = 1, .ids = 600, .owners = 3, .prices = 500},
                 .options = {.instruments = 1, .max_orders = 1000},
                 .seeds = 4},
        Scenario{.name = "FullPool",
                 .profile = {.instruments = 2, .ids = 200, .owners = 2, .prices = 60},
                 .options = {.instruments = 2, .max_orders = 40}},
        Scenario{.name = "MostlySelfTrades",
                 .profile = {.instruments = 1, .ids = 100, .owners = 2, .prices = 6},
                 .options = {.instruments = 1, .max_orders = 100}},
        Scenario{.name = "Nonsense",
                 .profile = {.instruments = 2, .ids = 100, .owners = 3, .prices = 20, .nonsense_percent = 50},
                 .options = {.instruments = 2, .max_orders = 100}}),
    [](const testing::TestParamInfo<Scenario>& scenario) { return scenario.param.name; });

// So that agreeing means something: the random commands bring about every outcome there is.
TEST(RandomCommandsTest, ReachEveryOutcome) {
  TestMachine machine({.instruments = 3, .max_orders = 40});
  RandomCommands commands(1, {.nonsense_percent = 40});
  std::set<ReportKind> kinds;
  std::set<int> reject_reasons;
  std::set<int> cancel_reasons;
  bool out_of_priority = false;
  for (int i = 0; i < 200'000; ++i) {
    for (const ExecutionReport& report : machine.ApplyBytes(commands.Next()).reports) {
      kinds.insert(report.kind);
      out_of_priority = out_of_priority || report.flags == kOutOfPriority;
      if (report.kind == ReportKind::kRejected) {
        reject_reasons.insert(report.reason);
      } else if (report.kind == ReportKind::kCancelled) {
        cancel_reasons.insert(report.reason);
      }
    }
  }
  EXPECT_EQ(kinds.size(), 7U);
  EXPECT_EQ(reject_reasons.size(), 16U);
  EXPECT_EQ(cancel_reasons.size(), 5U);
  EXPECT_TRUE(out_of_priority);
}

// A queue of one price, thinned and shortened at random, empties in the order in which it was filled.
TEST(TimePriority, EarlierOrdersTradeFirst) {
  std::mt19937_64 random(7);
  TestMachine machine;
  std::vector<OrderId> queue;
  for (OrderId id = 1; id <= 200; ++id) {
    machine.Apply(Sell(id, 50, 10));
    queue.push_back(id);
  }
  for (OrderId id = 1; id <= 200; ++id) {
    if (random() % 3 == 0) {
      machine.Apply(Cancel{.order_id = id});
      std::erase(queue, id);
    } else if (random() % 2 == 0) {
      machine.Apply(Reduce{.order_id = id, .quantity = 1 + random() % 9});
    }
  }
  std::vector<OrderId> traded;
  while (machine->resting_orders() > 0) {
    for (const ExecutionReport& report :
         machine.Apply(Buy(1000, 50, 1 + random() % 25, OrderType::kImmediateOrCancel)).reports) {
      if (report.trade_id != 0 && (traded.empty() || traded.back() != report.other_order_id)) {
        traded.push_back(report.other_order_id);
      }
    }
  }
  EXPECT_THAT(traded, testing::ElementsAreArray(queue));
}

}  // namespace
}  // namespace gaios::order_book

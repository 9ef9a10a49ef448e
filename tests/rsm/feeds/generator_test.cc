#include "gaios/rsm/feeds/generator.h"

#include <cmath>
#include <deque>
#include <map>
#include <unordered_map>
#include <utility>

#include <gtest/gtest.h>

#include "tests/rsm/feeds/writers.h"

namespace gaios::feeds {
namespace {

std::unique_ptr<Generator> Make(const GeneratorOptions& options) {
  absl::StatusOr<std::unique_ptr<Generator>> generator = Generator::Create(options);
  EXPECT_TRUE(generator.ok()) << generator.status();
  return *std::move(generator);
}

// A slow and obvious model of the market: queues by price, per instrument.
class Market {
 public:
  void Apply(const OrderEvent& event) {
    switch (event.kind) {
      case OrderEventKind::kAdd:
        Insert(event.order_id, event);
        break;
      case OrderEventKind::kReplace:
        Erase(event.order_id);
        Insert(event.new_order_id, event);
        break;
      case OrderEventKind::kExecute:
        ExpectFirstInLine(event);
        Take(event);
        break;
      case OrderEventKind::kReduce:
        EXPECT_GT(event.remaining_lots, 0U);
        Take(event);
        break;
      case OrderEventKind::kCancel:
        EXPECT_EQ(event.remaining_lots, 0U);
        Take(event);
        break;
    }
  }
  [[nodiscard]] std::size_t size() const { return orders_.size(); }

 private:
  struct Resting {
    std::uint32_t instrument;
    OrderSide side;
    std::int64_t price;
    std::uint64_t quantity;
    std::uint32_t owner;
  };
  using Queues = std::map<std::int64_t, std::deque<std::uint64_t>>;

  Queues& QueuesOf(std::uint32_t instrument, OrderSide side) { return books_[{instrument, side}]; }

  static std::int64_t Best(const Queues& queues, OrderSide side) {
    return side == OrderSide::kBuy ? queues.rbegin()->first : queues.begin()->first;
  }

  void Insert(std::uint64_t id, const OrderEvent& event) {
    ASSERT_TRUE(orders_
                    .try_emplace(id, Resting{event.instrument, event.side, event.price_ticks,
                                             event.quantity_lots, event.owner})
                    .second)
        << "an id used twice";
    QueuesOf(event.instrument, event.side)[event.price_ticks].push_back(id);
    const Queues& buys = QueuesOf(event.instrument, OrderSide::kBuy);
    const Queues& sells = QueuesOf(event.instrument, OrderSide::kSell);
    if (!buys.empty() && !sells.empty()) {
      ASSERT_LT(Best(buys, OrderSide::kBuy), Best(sells, OrderSide::kSell)) << "crossed by order " << id;
    }
  }

  void Erase(std::uint64_t id) {
    const auto found = orders_.find(id);
    ASSERT_NE(found, orders_.end()) << "no order " << id;
    Queues& queues = QueuesOf(found->second.instrument, found->second.side);
    std::deque<std::uint64_t>& queue = queues[found->second.price];
    std::erase(queue, id);
    if (queue.empty()) {
      queues.erase(found->second.price);
    }
    orders_.erase(found);
  }

  void Take(const OrderEvent& event) {
    const auto found = orders_.find(event.order_id);
    ASSERT_NE(found, orders_.end()) << "no order " << event.order_id;
    Resting& order = found->second;
    ASSERT_EQ(order.instrument, event.instrument);
    ASSERT_EQ(order.side, event.side);
    ASSERT_EQ(order.price, event.price_ticks);
    ASSERT_EQ(order.owner, event.owner);
    ASSERT_EQ(order.quantity, event.quantity_lots + event.remaining_lots);
    order.quantity = event.remaining_lots;
    if (order.quantity == 0) {
      Erase(event.order_id);
    }
  }

  void ExpectFirstInLine(const OrderEvent& event) {
    const Queues& queues = QueuesOf(event.instrument, event.side);
    ASSERT_FALSE(queues.empty());
    const std::int64_t best = Best(queues, event.side);
    EXPECT_EQ(event.price_ticks, best);
    EXPECT_EQ(event.order_id, queues.at(best).front());
  }

  std::unordered_map<std::uint64_t, Resting> orders_;
  std::map<std::pair<std::uint32_t, OrderSide>, Queues> books_;
};

TEST(Generator, MakesTheSameFlowFromTheSameSeed) {
  const GeneratorOptions options = {.seed = 9, .max_events = 20'000, .instruments = 5, .owners = 7};
  const FeedRun first = RunToEnd(*Make(options));
  EXPECT_EQ(first.end, FeedState::kEnd);
  EXPECT_EQ(first.events.size(), options.max_events);
  EXPECT_EQ(first.events, RunToEnd(*Make(options)).events);
  GeneratorOptions other = options;
  other.seed = 10;
  EXPECT_NE(first.events, RunToEnd(*Make(other)).events);
}

// Fixed for all machines, compilers and builds; a change of it changes every flow that a seed stands for.
TEST(Generator, FlowOfASeedNeverChanges) {
  std::uint64_t digest = 0;
  for (const OrderEvent& event : RunToEnd(*Make({.seed = 1, .max_events = 10'000, .owners = 3})).events) {
    for (const std::uint64_t part :
         {event.order_id, event.new_order_id, event.time_ns, static_cast<std::uint64_t>(event.price_ticks),
          event.quantity_lots, std::uint64_t{event.owner}, static_cast<std::uint64_t>(event.kind)}) {
      digest = (digest ^ part) * 0x9e3779b97f4a7c15U;
      digest ^= digest >> 29;
    }
  }
  EXPECT_EQ(digest, 16735939329211304331U);
}

TEST(Generator, AgreesWithStrictPriceTimePriority) {
  const GeneratorOptions cases[] = {
      {.seed = 1, .instruments = 1, .target_orders = 500},
      {.seed = 2, .instruments = 10, .target_orders = 2'000, .owners = 5, .cancel_permille = 500},
      {.seed = 3, .instruments = 3, .target_orders = 1},
      {.seed = 4, .instruments = 50, .target_orders = 100, .cancel_permille = 0, .mean_depth_levels = 20},
      {.seed = 5, .instruments = 1, .target_orders = 300, .cancel_permille = 100, .start_price_ticks = 1'000},
      {.seed = 6, .replace_permille = 500, .reduce_permille = 400},
  };
  for (const GeneratorOptions& options : cases) {
    SCOPED_TRACE(options.seed);
    const std::unique_ptr<Generator> generator = Make(options);
    Market market;
    OrderEvent event;
    std::uint64_t time_ns = 0;
    for (int i = 0; i < 100'000; ++i) {
      ASSERT_EQ(generator->Next(event), FeedState::kEvent);
      ASSERT_GE(event.time_ns, time_ns);
      time_ns = event.time_ns;
      ASSERT_LT(event.instrument, options.instruments);
      ASSERT_LE(event.owner, options.owners);
      ASSERT_EQ(event.owner == 0, options.owners == 0);
      ASSERT_GT(event.price_ticks, 0);
      market.Apply(event);
      ASSERT_EQ(market.size(), generator->live_orders());
      ASSERT_FALSE(HasFatalFailure());
    }
  }
}

TEST(Generator, ReachesAndHoldsTheTargetDepth) {
  constexpr std::uint32_t kTarget = 20'000;
  const std::unique_ptr<Generator> generator =
      Make({.seed = 5, .instruments = 100, .target_orders = kTarget});
  OrderEvent event;
  std::uint64_t events = 0;
  while (generator->live_orders() < kTarget * 19 / 20) {
    ASSERT_EQ(generator->Next(event), FeedState::kEvent);
    ASSERT_LT(++events, 3 * kTarget) << "the climb takes too long";
  }
  for (int i = 0; i < 1'000'000; ++i) {
    ASSERT_EQ(generator->Next(event), FeedState::kEvent);
    ASSERT_NEAR(generator->live_orders(), kTarget, kTarget * 0.06);
  }
}

TEST(Generator, KeepsToTheMixAndTheRate) {
  const GeneratorOptions options = {.seed = 8,
                                    .max_events = 1'000'000,
                                    .instruments = 20,
                                    .target_orders = 5'000,
                                    .replace_permille = 80,
                                    .reduce_permille = 30,
                                    .cancel_permille = 900,
                                    .events_per_second = 50'000};
  const FeedRun run = RunToEnd(*Make(options));
  const auto share = [&](const char* name) {
    return static_cast<double>(run.report.Find(name)->seen) / static_cast<double>(run.events.size());
  };
  EXPECT_NEAR(share("replace"), 0.080, 0.002);
  EXPECT_NEAR(share("reduce"), 0.030, 0.002);
  const double departures = share("cancel") + share("execute");
  EXPECT_NEAR(share("cancel") / departures, 0.9, 0.02);
  EXPECT_NEAR(share("add"), departures, 0.02);

  // Exponential gaps: the standard deviation equals the mean.
  double sum = 0;
  double squares = 0;
  for (std::size_t i = 1; i < run.events.size(); ++i) {
    const auto gap = static_cast<double>(run.events[i].time_ns - run.events[i - 1].time_ns);
    sum += gap;
    squares += gap * gap;
  }
  const auto gaps = static_cast<double>(run.events.size() - 1);
  const double mean = sum / gaps;
  EXPECT_NEAR(mean, 20'000, 200);
  EXPECT_NEAR(std::sqrt(squares / gaps - mean * mean), 20'000, 300);
}

TEST(Generator, MovesPrices) {
  const FeedRun run =
      RunToEnd(*Make({.seed = 12, .max_events = 300'000, .target_orders = 200, .cancel_permille = 500}));
  std::map<std::int64_t, int> traded;
  for (const OrderEvent& event : run.events) {
    if (event.kind == OrderEventKind::kExecute) {
      ++traded[event.price_ticks];
    }
  }
  EXPECT_GT(traded.size(), 20U);
}

TEST(Generator, RefusesOptionsWithTheirNames) {
  const std::pair<GeneratorOptions, std::string> cases[] = {
      {{.instruments = 0}, "instruments"},
      {{.instruments = 70'000}, "instruments"},
      {{.target_orders = 0}, "target_orders"},
      {{.target_orders = 1U << 27}, "target_orders"},
      {{.replace_permille = 1001}, "replace_permille"},
      {{.replace_permille = 500, .reduce_permille = 401}, "reduce_permille"},
      {{.reduce_permille = 0xffffffff}, "reduce_permille"},
      {{.cancel_permille = 1001}, "cancel_permille"},
      {{.events_per_second = 0}, "events_per_second"},
      {{.mean_depth_levels = 21}, "mean_depth_levels"},
      {{.start_price_ticks = 10}, "start_price_ticks"},
  };
  for (const auto& [options, name] : cases) {
    const absl::Status status = Generator::Create(options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(std::string(status.message()).find(name), std::string::npos) << status;
  }
}

}  // namespace
}  // namespace gaios::feeds

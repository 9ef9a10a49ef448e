#ifndef GAIOS_RSM_FEEDS_GENERATOR_H_
#define GAIOS_RSM_FEEDS_GENERATOR_H_

// An order flow made from a seed: the same options give the same events on every machine, in every build.
//
// The flow is that of a market which agrees with itself. Per instrument there is a middle price; orders to
// buy rest below it and orders to sell at or above it, at a geometric distance, so no limit order ever trades
// on its arrival. Trades come as sweeps: executions take the orders at the best price of one side in the
// order of their age until that price is empty, then the middle moves by one tick, up or down at random. A
// book that keeps strict price-time priority therefore fills every execution with the very order that it
// names, and holds exactly the orders that the generator believes to be live. Arrivals are a Poisson process.
// Lower-numbered instruments are busier, as in real markets.
//
// The number of resting orders climbs to the target, then stays within a few percent of it. Memory is fixed
// at creation (about 45 bytes for each order of the target, plus 1 KiB for each instrument); an event costs
// constant time.
//
// Threads: one at a time.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <absl/status/statusor.h>

#include "gaios/rsm/feeds/feed.h"
#include "gaios/rsm/feeds/random.h"

namespace gaios::feeds {

struct GeneratorOptions {
  std::uint64_t seed = 1;
  std::uint64_t max_events = 0;        // the flow ends after so many; 0 for never
  std::uint32_t instruments = 1;       // numbered from 0; 1 to 65536
  std::uint32_t target_orders = 1000;  // resting orders over all instruments; 1 to 2^26
  std::uint32_t owners = 0;            // orders belong to owners 1 to this; 0 leaves them without

  // The mix, in thousandths. Of all events, how many replace and how many reduce an order; the others are
  // arrivals and departures in equal numbers once the target is reached. Of the departures, how many are
  // cancellations; the others are executions.
  std::uint32_t replace_permille = 60;
  std::uint32_t reduce_permille = 20;
  std::uint32_t cancel_permille = 940;

  std::uint32_t events_per_second = 1'000'000;  // mean rate, for the times of the events; at least 1
  std::uint32_t mean_depth_levels = 6;          // mean distance of a new order from the best price; 1 to 20
  std::uint32_t start_price_ticks = 100'000;    // first middle price of each instrument; 1,000 to 2^30
};

class Generator final : public Feed {
 public:
  // Fails with what is wrong with the options.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Generator>> Create(const GeneratorOptions& options);

  // kEvent, or kEnd after `max_events`.
  [[nodiscard]] FeedState Next(OrderEvent& event) override;
  [[nodiscard]] const FeedReport& report() const override { return report_; }

  // Orders that rest after the last event.
  [[nodiscard]] std::uint32_t live_orders() const { return live_; }

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;
  // Price levels of a side that can hold orders, a power of two: those at distance 0 to 63 from the middle.
  static constexpr std::uint32_t kWindowLevels = 64;
  static constexpr std::size_t kVictimsAhead = 16;

  // A resting order in the queue of its price, or a free place (quantity 0, `next` in the list of free
  // places).
  struct Order {
    std::uint64_t id = 0;
    std::int32_t price = 0;
    std::uint32_t quantity = 0;
    std::uint32_t previous = kNone;
    std::uint32_t next = kNone;
    std::uint32_t side_book = 0;  // 2 * instrument, plus 1 for the side that sells
    std::uint32_t owner = 0;
  };
  static_assert(sizeof(Order) == 32, "an order never straddles two cache lines");

  struct Level {
    std::uint32_t head = kNone;
    std::uint32_t tail = kNone;
  };

  explicit Generator(const GeneratorOptions& options);

  void Add(OrderEvent& event);
  void Cancel(std::uint32_t place, OrderEvent& event);
  void Reduce(std::uint32_t place, OrderEvent& event);
  void Replace(std::uint32_t place, OrderEvent& event);
  void Depart(OrderEvent& event);
  bool Sweep(OrderEvent& event);
  void Execute(std::uint32_t place, OrderEvent& event);
  void BeginSweep();

  [[nodiscard]] bool DrawArrival();
  [[nodiscard]] std::int32_t DrawPrice(std::uint32_t side_book);
  [[nodiscard]] std::uint32_t DrawQuantity();
  [[nodiscard]] std::uint32_t DrawInstrument();
  [[nodiscard]] std::uint32_t DrawVictim();
  void RefillVictim(std::size_t index);

  [[nodiscard]] Level& LevelOf(std::uint32_t side_book, std::int32_t price);
  void Link(std::uint32_t place);
  void Unlink(std::uint32_t place);
  void Free(std::uint32_t place);
  void Describe(const Order& order, OrderEventKind kind, std::uint32_t quantity, OrderEvent& event) const;
  void AdvanceTime();

  GeneratorOptions options_;
  Random random_;
  FeedReport report_;
  std::uint64_t events_ = 0;
  std::uint64_t next_id_ = 1;

  std::uint64_t mean_gap_ns_ = 0;  // with kGapBits binary places
  std::uint64_t time_ns_ = 0;
  std::uint64_t time_fraction_ = 0;

  std::vector<Order> orders_;
  std::uint32_t used_ = 0;  // places that were ever taken
  std::uint32_t free_ = kNone;
  std::uint32_t live_ = 0;
  std::vector<Level> levels_;  // kWindowLevels for each side of each instrument, indexed by price modulo that
  std::vector<std::int32_t> middle_;  // by instrument: the lowest price at which orders to sell may rest

  bool sweeping_ = false;
  std::uint32_t sweep_side_book_ = 0;

  // Places to take the next cancelled, reduced or replaced orders from, drawn ahead so that memory is there
  // in time.
  std::array<std::uint32_t, kVictimsAhead> victims_ = {};
  std::size_t next_victim_ = 0;
};

}  // namespace gaios::feeds

#endif  // GAIOS_RSM_FEEDS_GENERATOR_H_

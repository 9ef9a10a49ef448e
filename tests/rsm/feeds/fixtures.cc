#include "tests/rsm/feeds/fixtures.h"

#include <memory>

#include "gaios/base/check.h"
#include "gaios/rsm/feeds/bitstamp.h"
#include "gaios/rsm/feeds/generator.h"

#include "tests/rsm/feeds/writers.h"

namespace gaios::feeds {
namespace {

std::vector<OrderEvent> Generate(const GeneratorOptions& options) {
  const absl::StatusOr<std::unique_ptr<Generator>> generator = Generator::Create(options);
  GAIOS_CHECK(generator.ok(), "the options of a fixture");
  std::vector<OrderEvent> events;
  OrderEvent event;
  while ((*generator)->Next(event) == FeedState::kEvent) {
    events.push_back(event);
  }
  return events;
}

}  // namespace

std::vector<OrderEvent> ItchFixtureEvents() {
  return Generate({.seed = 50,
                   .max_events = 120,
                   .instruments = 3,
                   .target_orders = 20,
                   .owners = 4,
                   .reduce_permille = 60,
                   .cancel_permille = 700});
}

std::vector<OrderEvent> BitstampFixtureEvents() {
  std::vector<OrderEvent> events = Generate({.seed = 15,
                                             .max_events = 100,
                                             .instruments = 1,
                                             .target_orders = 20,
                                             .replace_permille = 0,
                                             .reduce_permille = 100,
                                             .cancel_permille = 700,
                                             .events_per_second = 3,
                                             .start_price_ticks = 23'650});
  constexpr std::uint64_t kNsPerMs = 1'000'000;
  for (OrderEvent& event : events) {
    // The format knows whole milliseconds, one instrument, and no executions.
    event.time_ns -= event.time_ns % kNsPerMs;
    event.instrument = kBitstampInstrument;
    if (event.kind == OrderEventKind::kExecute) {
      event.kind = event.remaining_lots == 0 ? OrderEventKind::kCancel : OrderEventKind::kReduce;
    }
  }
  return events;
}

std::vector<Fixture> Fixtures() {
  const std::vector<OrderEvent> itch = ItchFixtureEvents();
  const std::string csv = WriteBitstampCsv(BitstampFixtureEvents());
  return {{"small.itch50", WriteItch(itch, ItchLengths::kReal), Compression::kNone},
          {"small_zero_lengths.itch50.gz", WriteItch(itch, ItchLengths::kZero), Compression::kGzip},
          {"small_orders.csv", csv, Compression::kNone},
          {"small_orders.csv.xz", csv, Compression::kXz}};
}

}  // namespace gaios::feeds

#include "gaios/rsm/feeds/generator.h"

#include <algorithm>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "gaios/base/check.h"

namespace gaios::feeds {
namespace {

constexpr std::uint32_t kMaxInstruments = 1U << 16;
constexpr std::uint32_t kMaxTargetOrders = 1U << 26;
constexpr std::uint32_t kMaxMeanDepthLevels = 20;
constexpr std::uint32_t kMinStartPriceTicks = 1'000;
constexpr std::uint32_t kMaxStartPriceTicks = 1U << 30;
constexpr std::uint32_t kRoundLot = 100;
constexpr std::uint32_t kMeanFurtherRoundLots = 2;

// The gap between events is exponential (kFixedBits places, below 45.0) times its mean (kGapBits places,
// below 1e9 ns).
constexpr int kGapBits = 12;
constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
static_assert(((std::uint64_t{45} << kFixedBits) * (kNsPerSecond << kGapBits)) / (kNsPerSecond << kGapBits) ==
                  std::uint64_t{45} << kFixedBits,
              "the product of both fits in 64 bits");

// Middle prices turn round here, so that every price fits and is positive.
constexpr std::int32_t kMinMiddle = 100;
constexpr std::int32_t kMaxMiddle = (1 << 30) + (1 << 29);

absl::Status OutOfRange(const char* name, std::uint64_t value, std::uint64_t low, std::uint64_t high) {
  return absl::InvalidArgumentError(
      absl::StrCat("generator option ", name, " is ", value, "; give a number from ", low, " to ", high));
}

bool Sells(std::uint32_t side_book) {
  return (side_book & 1) != 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Generator>> Generator::Create(const GeneratorOptions& options) {
  if (options.instruments < 1 || options.instruments > kMaxInstruments) {
    return OutOfRange("instruments", options.instruments, 1, kMaxInstruments);
  }
  if (options.target_orders < 1 || options.target_orders > kMaxTargetOrders) {
    return OutOfRange("target_orders", options.target_orders, 1, kMaxTargetOrders);
  }
  if (options.replace_permille > 1000) {
    return OutOfRange("replace_permille", options.replace_permille, 0, 1000);
  }
  if (options.reduce_permille > 900 - std::min(options.replace_permille, 900U)) {
    return absl::InvalidArgumentError(
        absl::StrCat("generator options replace_permille ", options.replace_permille, " and reduce_permille ",
                     options.reduce_permille, " leave too few arrivals; together give at most 900"));
  }
  if (options.cancel_permille > 1000) {
    return OutOfRange("cancel_permille", options.cancel_permille, 0, 1000);
  }
  if (options.events_per_second < 1) {
    return OutOfRange("events_per_second", options.events_per_second, 1, 0xffffffff);
  }
  if (options.mean_depth_levels < 1 || options.mean_depth_levels > kMaxMeanDepthLevels) {
    return OutOfRange("mean_depth_levels", options.mean_depth_levels, 1, kMaxMeanDepthLevels);
  }
  if (options.start_price_ticks < kMinStartPriceTicks || options.start_price_ticks > kMaxStartPriceTicks) {
    return OutOfRange("start_price_ticks", options.start_price_ticks, kMinStartPriceTicks,
                      kMaxStartPriceTicks);
  }
  return std::unique_ptr<Generator>(new Generator(options));
}

Generator::Generator(const GeneratorOptions& options)
    : options_(options),
      random_(options.seed),
      mean_gap_ns_((kNsPerSecond << kGapBits) / options.events_per_second),
      // Room to swing around the target.
      orders_(std::size_t{options.target_orders} + options.target_orders / 4 + 64),
      levels_(std::size_t{options.instruments} * 2 * kWindowLevels),
      middle_(options.instruments, static_cast<std::int32_t>(options.start_price_ticks)) {
  report_.format = "generated";
  for (const OrderEventKind kind : {OrderEventKind::kAdd, OrderEventKind::kExecute, OrderEventKind::kReduce,
                                    OrderEventKind::kCancel, OrderEventKind::kReplace}) {
    report_.types.push_back({.name = std::string(Name(kind))});
  }
}

FeedState Generator::Next(OrderEvent& event) {
  if (options_.max_events != 0 && events_ == options_.max_events) {
    return FeedState::kEnd;
  }
  ++events_;
  AdvanceTime();
  const std::uint32_t mix = random_.Below(1000);
  if (live_ > 0 && mix < options_.replace_permille) {
    Replace(DrawVictim(), event);
  } else if (live_ > 0 && mix < options_.replace_permille + options_.reduce_permille) {
    Reduce(DrawVictim(), event);
  } else if (live_ == 0 || DrawArrival()) {
    Add(event);
  } else {
    Depart(event);
  }
  TypeCount& count = report_.types[static_cast<std::size_t>(event.kind)];
  ++count.seen;
  ++count.mapped;
  return FeedState::kEvent;
}

void Generator::AdvanceTime() {
  time_fraction_ += ExponentialOf(random_.Next()) * mean_gap_ns_ >> kFixedBits;
  time_ns_ += time_fraction_ >> kGapBits;
  time_fraction_ &= (std::uint64_t{1} << kGapBits) - 1;
}

// Arrivals are one half of arrivals and departures at the target, and more the further below it the market
// is: all but a tenth from one eighth below, so that the depth is reached soon and then held.
bool Generator::DrawArrival() {
  constexpr std::int64_t kScale = 1000;
  constexpr std::int64_t kGain = 4;
  const std::int64_t target = options_.target_orders;
  const std::int64_t error = (target - static_cast<std::int64_t>(live_)) * kScale / target;
  const std::int64_t share =
      std::clamp<std::int64_t>(kScale / 2 + kGain * error, kScale / 10, kScale * 9 / 10);
  return random_.Below(static_cast<std::uint32_t>(kScale)) < static_cast<std::uint32_t>(share) &&
         live_ < orders_.size();
}

void Generator::Add(OrderEvent& event) {
  std::uint32_t place = free_;
  if (place != kNone) {
    free_ = orders_[place].next;
  } else {
    GAIOS_CHECK(used_ < orders_.size(), "more orders than places");
    place = used_++;
  }
  const std::uint64_t bits = random_.Next();
  Order& order = orders_[place];
  order.id = next_id_++;
  order.side_book = DrawInstrument() * 2 + static_cast<std::uint32_t>(bits & 1);
  order.price = DrawPrice(order.side_book);
  order.quantity = DrawQuantity();
  order.owner =
      options_.owners == 0 ? 0 : 1 + static_cast<std::uint32_t>((bits >> 32) * options_.owners >> 32);
  Link(place);
  ++live_;
  Describe(order, OrderEventKind::kAdd, order.quantity, event);
  event.remaining_lots = order.quantity;
}

void Generator::Cancel(std::uint32_t place, OrderEvent& event) {
  const Order& order = orders_[place];
  Describe(order, OrderEventKind::kCancel, order.quantity, event);
  Unlink(place);
  Free(place);
}

void Generator::Reduce(std::uint32_t place, OrderEvent& event) {
  Order& order = orders_[place];
  if (order.quantity == 1) {
    Cancel(place, event);
    return;
  }
  const std::uint32_t taken = 1 + random_.Below(order.quantity - 1);
  Describe(order, OrderEventKind::kReduce, taken, event);
  order.quantity -= taken;
}

void Generator::Replace(std::uint32_t place, OrderEvent& event) {
  Order& order = orders_[place];
  Unlink(place);
  const std::uint64_t old_id = order.id;
  order.id = next_id_++;
  order.price = DrawPrice(order.side_book);
  order.quantity = DrawQuantity();
  Link(place);
  Describe(order, OrderEventKind::kReplace, order.quantity, event);
  event.order_id = old_id;
  event.new_order_id = order.id;
  event.remaining_lots = order.quantity;
}

void Generator::Depart(OrderEvent& event) {
  if (random_.Below(1000) >= options_.cancel_permille && Sweep(event)) {
    return;
  }
  Cancel(DrawVictim(), event);
}

// The next step of the sweep, or false if the sweep is over without one. Orders at the far end of the other
// side, which the move of the middle would leave behind, are cancelled first.
bool Generator::Sweep(OrderEvent& event) {
  if (!sweeping_) {
    BeginSweep();
  }
  const std::uint32_t taken = sweep_side_book_;
  std::int32_t& middle = middle_[taken / 2];
  const bool up = Sells(taken);
  const std::int32_t best = up ? middle : middle - 1;
  if (const std::uint32_t head = LevelOf(taken, best).head; head != kNone) {
    Execute(head, event);
    return true;
  }
  constexpr auto kWindow = static_cast<std::int32_t>(kWindowLevels);
  const std::int32_t left_behind = up ? middle - kWindow : middle + kWindow - 1;
  if (const std::uint32_t head = LevelOf(taken ^ 1, left_behind).head; head != kNone) {
    Cancel(head, event);
    return true;
  }
  middle += up ? 1 : -1;
  sweeping_ = false;
  return false;
}

void Generator::BeginSweep() {
  const std::uint32_t instrument = DrawInstrument();
  std::uint32_t sells = static_cast<std::uint32_t>(random_.Next() >> 63);
  if (middle_[instrument] <= kMinMiddle) {
    sells = 1;
  } else if (middle_[instrument] >= kMaxMiddle) {
    sells = 0;
  }
  sweep_side_book_ = instrument * 2 + sells;
  sweeping_ = true;
}

// Three of four executions take the whole order, if it is larger than one lot.
void Generator::Execute(std::uint32_t place, OrderEvent& event) {
  Order& order = orders_[place];
  const std::uint64_t bits = random_.Next();
  if (order.quantity > 1 && (bits & 3) == 0) {
    const auto taken = 1 + static_cast<std::uint32_t>((bits >> 32) * (order.quantity - 1) >> 32);
    Describe(order, OrderEventKind::kExecute, taken, event);
    order.quantity -= taken;
    return;
  }
  Describe(order, OrderEventKind::kExecute, order.quantity, event);
  Unlink(place);
  Free(place);
}

// While a price is being swept nothing joins it, so that a sweep ends; and nothing joins the last level of
// the window, which empties it sooner for the next move.
std::int32_t Generator::DrawPrice(std::uint32_t side_book) {
  const std::uint64_t drawn = random_.Geometric(options_.mean_depth_levels);
  const std::uint64_t nearest = sweeping_ && side_book == sweep_side_book_ ? 1 : 0;
  const auto distance =
      static_cast<std::int32_t>(std::clamp<std::uint64_t>(drawn, nearest, kWindowLevels - 2));
  const std::int32_t middle = middle_[side_book / 2];
  return Sells(side_book) ? middle + distance : middle - 1 - distance;
}

std::uint32_t Generator::DrawQuantity() {
  return kRoundLot * (1 + static_cast<std::uint32_t>(random_.Geometric(kMeanFurtherRoundLots)));
}

// The square of a uniform number prefers the small ones.
std::uint32_t Generator::DrawInstrument() {
  const std::uint64_t uniform = random_.Next() >> 32;
  return static_cast<std::uint32_t>((uniform * uniform >> 32) * options_.instruments >> 32);
}

// A live order, each as likely as any other. There must be one.
std::uint32_t Generator::DrawVictim() {
  GAIOS_CHECK(live_ > 0, "a victim among no orders");
  std::uint32_t place = 0;
  for (std::size_t i = 0; i < kVictimsAhead; ++i) {
    place = victims_[next_victim_];
    RefillVictim(next_victim_);
    next_victim_ = (next_victim_ + 1) % kVictimsAhead;
    if (orders_[place].quantity != 0) [[likely]] {
      return place;
    }
  }
  while (orders_[place].quantity == 0) {
    place = place + 1 < used_ ? place + 1 : 0;
  }
  return place;
}

// Draws a place and starts to bring it near; for one drawn a while ago, which has come, does so with its
// neighbours.
void Generator::RefillVictim(std::size_t index) {
  victims_[index] = random_.Below(used_);
  __builtin_prefetch(&orders_[victims_[index]]);
  const Order& soon = orders_[victims_[(index + kVictimsAhead / 2) % kVictimsAhead]];
  __builtin_prefetch(&LevelOf(soon.side_book, soon.price));
  if (soon.previous != kNone) {
    __builtin_prefetch(&orders_[soon.previous]);
  }
  if (soon.next != kNone) {
    __builtin_prefetch(&orders_[soon.next]);
  }
}

Generator::Level& Generator::LevelOf(std::uint32_t side_book, std::int32_t price) {
  return levels_[std::size_t{side_book} * kWindowLevels + static_cast<std::uint32_t>(price) % kWindowLevels];
}

void Generator::Link(std::uint32_t place) {
  Order& order = orders_[place];
  Level& level = LevelOf(order.side_book, order.price);
  order.previous = level.tail;
  order.next = kNone;
  if (level.tail == kNone) {
    level.head = place;
  } else {
    orders_[level.tail].next = place;
  }
  level.tail = place;
}

void Generator::Unlink(std::uint32_t place) {
  const Order& order = orders_[place];
  Level& level = LevelOf(order.side_book, order.price);
  if (order.previous == kNone) {
    level.head = order.next;
  } else {
    orders_[order.previous].next = order.next;
  }
  if (order.next == kNone) {
    level.tail = order.previous;
  } else {
    orders_[order.next].previous = order.previous;
  }
}

void Generator::Free(std::uint32_t place) {
  Order& order = orders_[place];
  order.quantity = 0;
  order.previous = kNone;
  order.next = free_;
  free_ = place;
  --live_;
}

// The event of `kind` that takes `quantity` lots of the order as it is now.
void Generator::Describe(const Order& order, OrderEventKind kind, std::uint32_t quantity,
                         OrderEvent& event) const {
  event.order_id = order.id;
  event.new_order_id = 0;
  event.time_ns = time_ns_;
  event.price_ticks = order.price;
  event.quantity_lots = quantity;
  event.remaining_lots = order.quantity - quantity;
  event.instrument = order.side_book / 2;
  event.owner = order.owner;
  event.kind = kind;
  event.side = Sells(order.side_book) ? OrderSide::kSell : OrderSide::kBuy;
}

}  // namespace gaios::feeds

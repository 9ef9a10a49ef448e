#include "gaios/rsm/feeds/bitstamp.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

namespace gaios::feeds {
namespace {

constexpr std::size_t kMaxLineBytes = 4096;
constexpr std::size_t kFields = 7;
constexpr int kPriceDecimals = 2;
constexpr std::uint64_t kNsPerMs = 1'000'000;
constexpr std::array<std::string_view, kFields> kHeader = {
    "id", "timestamp", "exchange.timestamp", "price", "volume", "action", "direction"};

using Fields = std::array<std::string_view, kFields>;

std::string_view Unquoted(std::string_view field) {
  if (field.size() >= 2 && field.front() == '"' && field.back() == '"') {
    field.remove_prefix(1);
    field.remove_suffix(1);
  }
  return field;
}

// The fields of a line without its line end, nullopt if there are not exactly kFields.
std::optional<Fields> Split(std::string_view line) {
  Fields fields;
  for (std::size_t i = 0; i < kFields; ++i) {
    const std::size_t comma = line.find(',');
    const bool is_last = i + 1 == kFields;
    if ((comma == std::string_view::npos) != is_last) {
      return std::nullopt;
    }
    fields[i] = Unquoted(line.substr(0, comma));
    line.remove_prefix(is_last ? line.size() : comma + 1);
  }
  return fields;
}

std::string_view TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string_view WithoutCarriageReturn(std::string_view line) {
  if (!line.empty() && line.back() == '\r') {
    line.remove_suffix(1);
  }
  return line;
}

// Also the index of its counts in the report.
enum class Action : std::uint8_t { kCreated, kChanged, kDeleted };

}  // namespace

struct BitstampFeed::Row {
  std::uint64_t order_id = 0;
  std::uint64_t time_ns = 0;
  std::int64_t price_ticks = 0;
  std::uint64_t volume_lots = 0;
  Action action = Action::kCreated;
  OrderSide side = OrderSide::kBuy;
};

std::optional<std::uint64_t> ScaledDecimal(std::string_view text, int decimals) {
  std::uint64_t value = 0;
  int missing = decimals;  // decimals that have not been seen yet
  bool in_fraction = false;
  bool any_digit = false;
  const auto append = [&value](unsigned digit) {
    constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
    if (value > (kMax - digit) / 10) {
      return false;
    }
    value = value * 10 + digit;
    return true;
  };
  for (const char character : text) {
    if (character == '.' && !in_fraction) {
      in_fraction = true;
      continue;
    }
    if (character < '0' || character > '9') {
      return std::nullopt;
    }
    any_digit = true;
    const auto digit = static_cast<unsigned>(character - '0');
    if (in_fraction && missing == 0) {
      if (digit != 0) {
        return std::nullopt;
      }
      continue;
    }
    missing -= in_fraction ? 1 : 0;
    if (!append(digit)) {
      return std::nullopt;
    }
  }
  for (; missing > 0; --missing) {
    if (!append(0)) {
      return std::nullopt;
    }
  }
  return any_digit ? std::optional(value) : std::nullopt;
}

bool LooksLikeBitstampCsv(std::span<const std::byte> head) {
  std::string_view line = TextOf(head.first(std::min(head.size(), kMaxLineBytes)));
  line = WithoutCarriageReturn(line.substr(0, line.find('\n')));
  const std::optional<Fields> fields = Split(line);
  if (!fields.has_value()) {
    return false;
  }
  return *fields == kHeader || (ScaledDecimal((*fields)[0], 0).has_value() && !(*fields)[5].empty());
}

absl::StatusOr<std::unique_ptr<BitstampFeed>> BitstampFeed::Open(std::string_view path) {
  absl::StatusOr<std::unique_ptr<Input>> input = Input::Open(path);
  if (!input.ok()) {
    return input.status();
  }
  return std::make_unique<BitstampFeed>(*std::move(input));
}

BitstampFeed::BitstampFeed(std::unique_ptr<Input> input) : input_(std::move(input)) {
  report_.format = "bitstamp-l3";
  report_.source = input_->path();
  report_.types = {{.name = "created"}, {.name = "changed"}, {.name = "deleted"}};
}

FeedState BitstampFeed::Next(OrderEvent& event) {
  if (state_ == FeedState::kEvent) {
    state_ = Read(event);
    report_.end_offset = input_->offset();
  }
  return state_;
}

FeedState BitstampFeed::Read(OrderEvent& event) {
  while (true) {
    const std::string_view view = TextOf(input_->Peek(kMaxLineBytes));
    const std::size_t newline = view.substr(0, kMaxLineBytes).find('\n');
    const bool ends_here = newline == std::string_view::npos && view.size() < kMaxLineBytes;
    if (newline == std::string_view::npos && !ends_here) {
      CountMalformed(++report_.end_line);
      SkipLongLine();
      continue;
    }
    if (ends_here && (view.empty() || !input_->damage().empty())) {
      return Finish();
    }
    const std::string_view line = WithoutCarriageReturn(view.substr(0, newline));
    const std::optional<Row> row = Parse(line);
    if (ends_here && !row.has_value()) {
      return Finish();
    }
    const std::uint64_t number = ++report_.end_line;
    std::optional<Outcome> outcome;
    if (row.has_value()) {
      outcome = Map(*row, event);
    } else if (const std::optional<Fields> fields = Split(line);
               !line.empty() && (number > 1 || !fields.has_value() || *fields != kHeader)) {
      CountMalformed(number);
    }
    input_->Consume(ends_here ? view.size() : newline + 1);
    if (outcome == Outcome::kMapped) {
      return FeedState::kEvent;
    }
  }
}

// At the end of the input, or at a last line that is not whole.
FeedState BitstampFeed::Finish() {
  report_.end_reason = input_->damage();
  if (report_.end_reason.empty()) {
    if (input_->Peek(1).empty()) {
      return FeedState::kEnd;
    }
    report_.end_reason = "the file ends inside a line";
  }
  report_.truncated = true;
  return FeedState::kDamaged;
}

void BitstampFeed::SkipLongLine() {
  while (true) {
    const std::string_view view = TextOf(input_->Peek(kMaxLineBytes));
    const std::size_t newline = view.find('\n');
    if (view.empty() || newline != std::string_view::npos) {
      input_->Consume(view.empty() ? 0 : newline + 1);
      return;
    }
    input_->Consume(view.size());
  }
}

void BitstampFeed::CountMalformed(std::uint64_t line) {
  if (report_.malformed++ == 0) {
    report_.first_malformed_offset = input_->offset();
    report_.first_malformed_line = line;
  }
}

std::optional<BitstampFeed::Row> BitstampFeed::Parse(std::string_view line) {
  const std::optional<Fields> fields = Split(line);
  if (!fields.has_value()) {
    return std::nullopt;
  }
  const auto& [id_text, time_text, exchange_time_text, price_text, volume_text, action_text, side_text] =
      *fields;
  const std::optional<std::uint64_t> order_id = ScaledDecimal(id_text, 0);
  const std::optional<std::uint64_t> time_ms = ScaledDecimal(time_text, 0);
  const std::optional<std::uint64_t> price = ScaledDecimal(price_text, kPriceDecimals);
  const std::optional<std::uint64_t> volume = ScaledDecimal(volume_text, 0);
  if (!order_id.has_value() || !time_ms.has_value() || !price.has_value() || !volume.has_value() ||
      !ScaledDecimal(exchange_time_text, 0).has_value()) {
    return std::nullopt;
  }
  if (*time_ms > std::numeric_limits<std::uint64_t>::max() / kNsPerMs ||
      *price > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return std::nullopt;
  }
  if (side_text != "bid" && side_text != "ask") {
    return std::nullopt;
  }
  Row row;
  row.order_id = *order_id;
  row.time_ns = *time_ms * kNsPerMs;
  row.price_ticks = static_cast<std::int64_t>(*price);
  row.volume_lots = *volume;
  row.side = side_text == "bid" ? OrderSide::kBuy : OrderSide::kSell;
  if (action_text == "created") {
    row.action = Action::kCreated;
  } else if (action_text == "changed") {
    row.action = Action::kChanged;
  } else if (action_text == "deleted") {
    row.action = Action::kDeleted;
  } else {
    return std::nullopt;
  }
  return row;
}

BitstampFeed::Outcome BitstampFeed::Map(const Row& row, OrderEvent& event) {
  TypeCount& count = report_.types[static_cast<std::size_t>(row.action)];
  ++count.seen;
  if (row.action == Action::kCreated) {
    const LiveOrder order = {.price_ticks = row.price_ticks,
                             .remaining_lots = row.volume_lots,
                             .instrument = kBitstampInstrument,
                             .owner = 0,
                             .side = row.side};
    if (row.volume_lots == 0 || row.price_ticks == 0 || !orders_.Add(row.order_id, order)) {
      ++count.inconsistent;
      return Outcome::kInconsistent;
    }
    event = EventAbout(OrderEventKind::kAdd, row.order_id, order, row.time_ns, row.volume_lots);
    event.remaining_lots = row.volume_lots;
    ++count.mapped;
    return Outcome::kMapped;
  }
  LiveOrder* const order = orders_.Find(row.order_id);
  if (order == nullptr) {
    ++count.unknown_references;
    return Outcome::kUnknownReference;
  }
  if (order->side != row.side) {
    ++count.inconsistent;
    return Outcome::kInconsistent;
  }
  // A deletion says how much was left; what counts is what was left by the events before it.
  const std::uint64_t new_lots = row.action == Action::kDeleted ? 0 : row.volume_lots;
  if (new_lots > order->remaining_lots) {
    ++count.inconsistent;
    return Outcome::kInconsistent;
  }
  if (new_lots == order->remaining_lots) {
    ++count.ignored;
    return Outcome::kIgnored;
  }
  event = EventAbout(new_lots == 0 ? OrderEventKind::kCancel : OrderEventKind::kReduce, row.order_id, *order,
                     row.time_ns, order->remaining_lots - new_lots);
  order->remaining_lots = new_lots;
  if (new_lots == 0) {
    orders_.Remove(row.order_id);
  }
  ++count.mapped;
  return Outcome::kMapped;
}

}  // namespace gaios::feeds

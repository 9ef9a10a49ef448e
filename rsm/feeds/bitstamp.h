#ifndef GAIOS_RSM_FEEDS_BITSTAMP_H_
#define GAIOS_RSM_FEEDS_BITSTAMP_H_

// The order-level (L3) CSV of Bitstamp's public stream, plain, gzip or xz, one order event a line:
//   id,timestamp,exchange.timestamp,price,volume,action,direction
// with times in ms since 1970, prices in dollars with up to two decimals, volumes in 1e-8 BTC. The header
// line may be missing, fields may be quoted, lines may end in CR LF. Prices become ticks of 0.01 in integers
// alone.
//
// Mapping. One instrument, number 1; tick = 0.01 dollar; lot = 1e-8 BTC; time = the recorder's timestamp.
//   created  a limit order
//   changed  a reduction to the new volume; a cancellation if that is zero. A volume that did not change is
//   ignored (the
//            stream says so when an incoming order walks through the book); one that grew is inconsistent.
//   deleted  a cancellation
// A price that differs from the order's own is not taken over: the order keeps the limit with which it was
// created.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <absl/status/statusor.h>

#include "gaios/rsm/feeds/feed.h"
#include "gaios/rsm/feeds/input.h"
#include "gaios/rsm/feeds/live_orders.h"

namespace gaios::feeds {

inline constexpr std::uint32_t kBitstampInstrument = 1;

// `text`, a decimal number without sign or exponent, times 10^decimals. nullopt if it is not one, does not
// fit, or has digits other than zero beyond that many decimals.
[[nodiscard]] std::optional<std::uint64_t> ScaledDecimal(std::string_view text, int decimals);

// Whether `head`, the beginning of a file, begins with the header or with a line of order data.
[[nodiscard]] bool LooksLikeBitstampCsv(std::span<const std::byte> head);

class BitstampFeed final : public Feed {
 public:
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<BitstampFeed>> Open(std::string_view path);
  explicit BitstampFeed(std::unique_ptr<Input> input);

  [[nodiscard]] FeedState Next(OrderEvent& event) override;
  [[nodiscard]] const FeedReport& report() const override { return report_; }

 private:
  enum class Outcome : std::uint8_t { kMapped, kIgnored, kUnknownReference, kInconsistent };
  struct Row;

  FeedState Read(OrderEvent& event);
  FeedState Finish();
  void SkipLongLine();
  void CountMalformed(std::uint64_t line);
  static std::optional<Row> Parse(std::string_view line);
  Outcome Map(const Row& row, OrderEvent& event);

  std::unique_ptr<Input> input_;
  LiveOrders orders_;
  FeedReport report_;
  FeedState state_ = FeedState::kEvent;  // kEvent while there may be more
};

}  // namespace gaios::feeds

#endif  // GAIOS_RSM_FEEDS_BITSTAMP_H_

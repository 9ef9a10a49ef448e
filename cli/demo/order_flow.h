#ifndef GAIOS_CLI_DEMO_ORDER_FLOW_H_
#define GAIOS_CLI_DEMO_ORDER_FLOW_H_

// The commands that the demo and the load send: those of an order flow, generated from a seed or read from a
// recording. The demo's end in their number, from 1, in eight bytes. One thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <absl/status/statusor.h>

#include "gaios/rsm/feeds/feed.h"
#include "gaios/rsm/order_book/commands.h"

namespace gaios::cli {

class OrderFlow {
 public:
  // A market of many instruments, for ever.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<OrderFlow>> Generate(std::uint64_t seed);
  // A recording: ITCH 5.0 or Bitstamp L3, plain or compressed, told by its content.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<OrderFlow>> Open(const std::string& path);

  // The next command, followed by `number`; valid until the next call. Nothing at the end of the flow.
  [[nodiscard]] std::optional<std::span<const std::byte>> NextNumbered(std::uint64_t number);
  // The same without a number.
  [[nodiscard]] std::optional<std::span<const std::byte>> Next();

  [[nodiscard]] const feeds::FeedReport& report() const { return feed_->report(); }

 private:
  explicit OrderFlow(std::unique_ptr<feeds::Feed> feed) : feed_(std::move(feed)) {}

  std::unique_ptr<feeds::Feed> feed_;
  std::array<std::byte, 128> bytes_ = {};
};

// Events in a recording, counted up to `limit`.
[[nodiscard]] absl::StatusOr<std::uint64_t> CountEvents(const std::string& path, std::uint64_t limit);

}  // namespace gaios::cli

#endif  // GAIOS_CLI_DEMO_ORDER_FLOW_H_

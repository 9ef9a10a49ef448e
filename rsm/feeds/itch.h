#ifndef GAIOS_RSM_FEEDS_ITCH_H_
#define GAIOS_RSM_FEEDS_ITCH_H_

// NASDAQ TotalView-ITCH 5.0 files, plain, gzip or xz. Source: Nasdaq TotalView-ITCH 5.0 specification,
// sections 1.1 to 1.8, for the messages; Nasdaq BinaryFILE for the two bytes of length before each.
//
// Framing. A length that agrees with the message's type, or is zero (some files leave it so), frames the
// message by its type. A length that disagrees is malformed: reading goes on after that length if a message
// follows there, and otherwise at the next place where two messages in a row can be read. Types that are not
// of this version are ignored.
//
// Mapping. Instrument = stock locate; tick = 1/10000 dollar; lot = one share; time = ns since midnight.
//   A, F   a limit order; the attribution of F is its owner, as a big-endian number of its four characters
//   E, C   an execution against the named order
//   X      a reduction; a cancellation if nothing remains
//   D      a cancellation
//   U      a replacement
// Everything else is counted and ignored. An order's id is its reference, except that reference 0, which the
// format allows and order books do not, becomes kItchReferenceZero.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include <absl/status/statusor.h>

#include "gaios/rsm/feeds/feed.h"
#include "gaios/rsm/feeds/input.h"
#include "gaios/rsm/feeds/live_orders.h"

namespace gaios::feeds {

inline constexpr std::uint64_t kItchReferenceZero = ~std::uint64_t{0};

// Bytes of a message of this type without the length before it, 0 for a type that ITCH 5.0 does not have.
[[nodiscard]] std::size_t ItchMessageBytes(std::uint8_t type);

// Whether `head`, the beginning of a file, begins with a message.
[[nodiscard]] bool LooksLikeItch(std::span<const std::byte> head);

class ItchFeed final : public Feed {
 public:
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ItchFeed>> Open(std::string_view path);
  explicit ItchFeed(std::unique_ptr<Input> input);

  [[nodiscard]] FeedState Next(OrderEvent& event) override;
  [[nodiscard]] const FeedReport& report() const override { return report_; }

 private:
  enum class Outcome : std::uint8_t { kMapped, kIgnored, kUnknownReference, kInconsistent, kMalformed };

  FeedState Read(OrderEvent& event);
  FeedState Finish(std::span<const std::byte> rest);
  void SkipFrame(std::uint64_t offset, std::size_t length, bool known_type);
  void SkipToNextMessage();
  [[nodiscard]] bool MessageFollows(std::size_t frame_bytes);
  void CountMalformed(std::uint64_t offset);
  void Count(std::uint8_t type, Outcome outcome);

  Outcome Map(std::span<const std::byte> message, OrderEvent& event);
  Outcome MapAdd(std::span<const std::byte> message, OrderEvent& event);
  Outcome MapTake(std::span<const std::byte> message, OrderEvent& event);
  Outcome MapDelete(std::span<const std::byte> message, OrderEvent& event);
  Outcome MapReplace(std::span<const std::byte> message, OrderEvent& event);

  std::unique_ptr<Input> input_;
  LiveOrders orders_;
  FeedReport report_;
  FeedState state_ = FeedState::kEvent;  // kEvent while there may be more
  bool has_lengths_ = false;             // a length that is not zero was seen
};

}  // namespace gaios::feeds

#endif  // GAIOS_RSM_FEEDS_ITCH_H_

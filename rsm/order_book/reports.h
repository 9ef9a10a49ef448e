#ifndef GAIOS_RSM_ORDER_BOOK_REPORTS_H_
#define GAIOS_RSM_ORDER_BOOK_REPORTS_H_

// The reply to a command: one ReplyHeader, then execution reports in the order in which things happened. The
// header is always there and counts everything; when a sweep makes more reports than the reply has room for,
// the first ones are kept and `left_out` says how many are not.
//
// Little-endian structs without padding, like the commands. Plain values, safe from any thread.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "gaios/rsm/order_book/commands.h"

namespace gaios::order_book {

enum class ReportKind : std::uint8_t {
  kAccepted = 1,         // a new order was taken; fills or a cancellation may follow
  kRejected = 2,         // nothing changed
  kPartiallyFilled = 3,  // a trade that leaves some of the incoming order
  kFilled = 4,           // a trade that completes the incoming order
  kCancelled = 5,        // an order, incoming or resting, is gone with `quantity` lots unfilled
  kReduced = 6,
  kReplaced = 7,
};

enum class RejectReason : std::uint8_t {
  kNone = 0,
  kMalformed = 1,  // wrong length, or reserved bytes that are not zero
  kUnknownCommand = 2,
  kUnknownInstrument = 3,
  kBadSide = 4,
  kBadType = 5,
  kBadSelfTrade = 6,
  kBadMode = 7,
  kBadOrderId = 8,         // 0
  kBadPrice = 9,           // outside 1 to kMaxPrice
  kBadQuantity = 10,       // outside 1 to kMaxQuantity
  kDuplicateOrderId = 11,  // an order of this id is resting
  kUnknownOrder = 12,      // no order of this id is resting
  kWrongOwner = 13,        // the order is somebody else's
  kNotAReduction = 14,     // reduce to a quantity that is not below the order's
  kWouldTrade = 15,        // a post-only order at a price that crosses
  kBookFull = 16,          // max_orders orders are resting
};

enum class CancelReason : std::uint8_t {
  kNone = 0,
  kRequested = 1,
  kImmediateOrCancelRest = 2,
  kMarketRest = 3,
  kFillOrKillUnfilled = 4,
  kSelfTrade = 5,
};

// ExecutionReport::flags.
inline constexpr std::uint8_t kOutOfPriority = 1;  // a named order was filled while a better one was resting

struct ReplyHeader {
  RejectReason reject_reason = RejectReason::kNone;  // kNone when the command was carried out
  std::uint8_t reserved[3] = {};
  std::uint32_t reports = 0;          // made, also those left out
  std::uint32_t left_out = 0;         // made, but not in this reply
  std::uint32_t fills = 0;            // trades, also those left out
  std::uint64_t filled_quantity = 0;  // lots traded by this command, also in fills left out
};

// One thing that happened. Which fields say something:
//   kAccepted         order_id, price, quantity
//   kRejected         order_id where it could be read, reason
//   kPartiallyFilled, order_id (incoming), other_order_id (resting), trade_id, price, quantity (of this
//   trade), kFilled           remaining (incoming), other_remaining (resting) kCancelled        order_id,
//   price, quantity (unfilled lots that are gone), reason kReduced          order_id, price, quantity (lots
//   taken away), remaining kReplaced         order_id (new), other_order_id (old), price, quantity (new)
// `side` is that of the order named by order_id.
struct ExecutionReport {
  ReportKind kind = ReportKind::kAccepted;
  std::uint8_t reason = 0;  // a RejectReason or a CancelReason
  Side side = Side::kBuy;
  std::uint8_t flags = 0;
  InstrumentId instrument = 0;
  OrderId order_id = 0;
  OrderId other_order_id = 0;
  std::uint64_t trade_id = 0;  // counts each instrument's trades, from 1
  Price price = 0;
  Quantity quantity = 0;
  Quantity remaining = 0;
  Quantity other_remaining = 0;

  friend bool operator==(const ExecutionReport&, const ExecutionReport&) = default;
};

static_assert(WireFormat<ReplyHeader> && sizeof(ReplyHeader) == 24);
static_assert(offsetof(ReplyHeader, reports) == 4 && offsetof(ReplyHeader, left_out) == 8 &&
              offsetof(ReplyHeader, fills) == 12 && offsetof(ReplyHeader, filled_quantity) == 16);
static_assert(WireFormat<ExecutionReport> && sizeof(ExecutionReport) == 64);
static_assert(offsetof(ExecutionReport, instrument) == 4 && offsetof(ExecutionReport, order_id) == 8 &&
              offsetof(ExecutionReport, other_order_id) == 16 && offsetof(ExecutionReport, trade_id) == 24 &&
              offsetof(ExecutionReport, price) == 32 && offsetof(ExecutionReport, quantity) == 40 &&
              offsetof(ExecutionReport, remaining) == 48 && offsetof(ExecutionReport, other_remaining) == 56);

// Reads a reply. Refers to the reply's bytes, which must outlive it.
class ReplyView {
 public:
  // Nothing when `bytes` is not a whole reply.
  [[nodiscard]] static std::optional<ReplyView> Parse(std::span<const std::byte> bytes) {
    ReplyView view;
    if (bytes.size() < sizeof(ReplyHeader)) {
      return std::nullopt;
    }
    std::memcpy(&view.header_, bytes.data(), sizeof(ReplyHeader));
    view.reports_ = bytes.subspan(sizeof(ReplyHeader));
    if (view.header_.left_out > view.header_.reports ||
        view.reports_.size() !=
            std::size_t{view.header_.reports - view.header_.left_out} * sizeof(ExecutionReport)) {
      return std::nullopt;
    }
    return view;
  }

  [[nodiscard]] const ReplyHeader& header() const { return header_; }
  // How many reports are in this reply.
  [[nodiscard]] std::size_t size() const { return reports_.size() / sizeof(ExecutionReport); }
  // The report at `index`, which must be below size().
  [[nodiscard]] ExecutionReport operator[](std::size_t index) const {
    ExecutionReport report;
    std::memcpy(&report, reports_.subspan(index * sizeof(ExecutionReport), sizeof(ExecutionReport)).data(),
                sizeof(ExecutionReport));
    return report;
  }

 private:
  ReplyHeader header_;
  std::span<const std::byte> reports_;
};

}  // namespace gaios::order_book

#endif  // GAIOS_RSM_ORDER_BOOK_REPORTS_H_

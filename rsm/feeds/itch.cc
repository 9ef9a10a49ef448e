#include "gaios/rsm/feeds/itch.h"

#include <string>
#include <utility>

#include "gaios/base/check.h"

namespace gaios::feeds {
namespace {

constexpr std::size_t kLengthBytes = 2;
constexpr std::size_t kHeadBytes = kLengthBytes + 1;  // enough to see length and type
constexpr std::size_t kMaxMessageBytes = 50;

// A type of a later version is believed if its length is at least the common header's and not absurd.
constexpr std::size_t kMinForeignBytes = 11;
constexpr std::size_t kMaxForeignBytes = 100;

struct TypeLength {
  char type;
  std::uint8_t bytes;
};
constexpr std::array<TypeLength, 23> kTypes = {{
    {'S', 12}, {'R', 39}, {'H', 25}, {'Y', 20}, {'L', 26}, {'V', 35}, {'W', 12}, {'K', 28},
    {'J', 35}, {'h', 21}, {'A', 36}, {'F', 40}, {'E', 31}, {'C', 36}, {'X', 23}, {'D', 19},
    {'U', 35}, {'P', 44}, {'Q', 40}, {'B', 19}, {'I', 50}, {'N', 20}, {'O', 48},
}};
constexpr std::size_t kOtherType = kTypes.size();  // index of the counts of types that ITCH 5.0 does not have

struct TypeTable {
  std::array<std::uint8_t, 256> bytes = {};
  std::array<std::uint8_t, 256> index = {};
};
constexpr TypeTable MakeTypeTable() {
  TypeTable table;
  table.index.fill(kOtherType);
  for (std::size_t i = 0; i < kTypes.size(); ++i) {
    const auto type = static_cast<std::uint8_t>(kTypes[i].type);
    table.bytes[type] = kTypes[i].bytes;
    table.index[type] = static_cast<std::uint8_t>(i);
  }
  return table;
}
constexpr TypeTable kTypeTable = MakeTypeTable();

// A field of `kBytes` bytes, most significant first.
template <std::size_t kBytes>
std::uint64_t Field(std::span<const std::byte> message, std::size_t offset) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < kBytes; ++i) {
    value = value << 8 | static_cast<std::uint64_t>(message[offset + i]);
  }
  return value;
}

std::uint8_t TypeAt(std::span<const std::byte> view, std::size_t offset) {
  return static_cast<std::uint8_t>(view[offset + kLengthBytes]);
}

// Whether a message with a type of this version can begin at `offset`, of which kHeadBytes must be in the
// view.
bool HeadAt(std::span<const std::byte> view, std::size_t offset) {
  const std::size_t bytes = kTypeTable.bytes[TypeAt(view, offset)];
  const std::uint64_t length = Field<kLengthBytes>(view, offset);
  return bytes != 0 && (length == 0 || length == bytes);
}

bool ForeignHeadAt(std::span<const std::byte> view, std::size_t offset) {
  const std::uint8_t type = TypeAt(view, offset);
  const bool letter = (type >= 'A' && type <= 'Z') || (type >= 'a' && type <= 'z');
  const std::uint64_t length = Field<kLengthBytes>(view, offset);
  return letter && kTypeTable.bytes[type] == 0 && length >= kMinForeignBytes && length <= kMaxForeignBytes;
}

// Whether a message can begin at `offset` and another, or the end of the view, comes right after it.
bool TwoMessagesAt(std::span<const std::byte> view, std::size_t offset) {
  if (!HeadAt(view, offset)) {
    return false;
  }
  const std::size_t next = offset + kLengthBytes + kTypeTable.bytes[TypeAt(view, offset)];
  return next == view.size() || (next + kHeadBytes <= view.size() && HeadAt(view, next));
}

}  // namespace

std::size_t ItchMessageBytes(std::uint8_t type) {
  return kTypeTable.bytes[type];
}

bool LooksLikeItch(std::span<const std::byte> head) {
  return head.size() >= kHeadBytes && HeadAt(head, 0);
}

absl::StatusOr<std::unique_ptr<ItchFeed>> ItchFeed::Open(std::string_view path) {
  absl::StatusOr<std::unique_ptr<Input>> input = Input::Open(path);
  if (!input.ok()) {
    return input.status();
  }
  return std::make_unique<ItchFeed>(*std::move(input));
}

ItchFeed::ItchFeed(std::unique_ptr<Input> input) : input_(std::move(input)) {
  report_.format = "itch-5.0";
  report_.source = input_->path();
  for (const TypeLength& known : kTypes) {
    report_.types.push_back({.name = std::string(1, known.type)});
  }
  report_.types.push_back({.name = "other"});
}

FeedState ItchFeed::Next(OrderEvent& event) {
  if (state_ == FeedState::kEvent) {
    state_ = Read(event);
    report_.end_offset = input_->offset();
  }
  return state_;
}

FeedState ItchFeed::Read(OrderEvent& event) {
  while (true) {
    const std::span<const std::byte> view = input_->Peek(kLengthBytes + kMaxMessageBytes);
    if (view.size() < kHeadBytes) {
      return Finish(view);
    }
    const std::uint8_t type = TypeAt(view, 0);
    const std::size_t bytes = kTypeTable.bytes[type];
    const auto length = static_cast<std::size_t>(Field<kLengthBytes>(view, 0));
    if (!HeadAt(view, 0)) [[unlikely]] {
      SkipFrame(input_->offset(), length, bytes != 0);
      continue;
    }
    if (view.size() < kLengthBytes + bytes) {
      return Finish(view);
    }
    has_lengths_ = has_lengths_ || length != 0;
    const Outcome outcome = Map(view.subspan(kLengthBytes, bytes), event);
    Count(type, outcome);
    input_->Consume(kLengthBytes + bytes);
    if (outcome == Outcome::kMapped) {
      return FeedState::kEvent;
    }
  }
}

// `rest` is what follows the last whole message.
FeedState ItchFeed::Finish(std::span<const std::byte> rest) {
  report_.end_reason = input_->damage();
  if (report_.end_reason.empty()) {
    // A length of zero with nothing after it ends a session, in files that have lengths.
    const bool end_of_session =
        has_lengths_ && rest.size() == kLengthBytes && Field<kLengthBytes>(rest, 0) == 0;
    if (rest.empty() || end_of_session) {
      input_->Consume(rest.size());
      return FeedState::kEnd;
    }
    report_.end_reason = "the file ends inside a message";
  }
  report_.truncated = true;
  return FeedState::kDamaged;
}

void ItchFeed::SkipFrame(std::uint64_t offset, std::size_t length, bool known_type) {
  const bool foreign = !known_type && ForeignHeadAt(input_->Peek(kHeadBytes), 0);
  if (length != 0 && MessageFollows(kLengthBytes + length)) {
    if (foreign) {
      ++report_.types[kOtherType].seen;
      ++report_.types[kOtherType].ignored;
    } else {
      CountMalformed(offset);
    }
    input_->Consume(kLengthBytes + length);
    return;
  }
  CountMalformed(offset);
  SkipToNextMessage();
}

// Whether after a frame of so many bytes there is the head of a message, or the end.
bool ItchFeed::MessageFollows(std::size_t frame_bytes) {
  const std::span<const std::byte> view = input_->Peek(frame_bytes + kHeadBytes);
  if (view.size() < frame_bytes + kHeadBytes) {
    return view.size() == frame_bytes;
  }
  return HeadAt(view, frame_bytes) || ForeignHeadAt(view, frame_bytes);
}

void ItchFeed::SkipToNextMessage() {
  constexpr std::size_t kScanBytes = 4096;
  constexpr std::size_t kJudgeBytes =
      kLengthBytes + kMaxMessageBytes + kHeadBytes;  // what TwoMessagesAt may look at
  std::size_t offset = 1;
  while (true) {
    const std::span<const std::byte> view = input_->Peek(kScanBytes);
    const bool is_rest = view.size() < kScanBytes;
    const std::size_t tail_bytes = is_rest ? kHeadBytes : kJudgeBytes;
    for (; offset + tail_bytes <= view.size(); ++offset) {
      if (TwoMessagesAt(view, offset)) {
        input_->Consume(offset);
        return;
      }
    }
    if (is_rest) {
      input_->Consume(view.size());
      return;
    }
    input_->Consume(offset);
    offset = 0;
  }
}

void ItchFeed::CountMalformed(std::uint64_t offset) {
  if (report_.malformed++ == 0) {
    report_.first_malformed_offset = offset;
  }
}

void ItchFeed::Count(std::uint8_t type, Outcome outcome) {
  if (outcome == Outcome::kMalformed) {
    CountMalformed(input_->offset());
    return;
  }
  TypeCount& count = report_.types[kTypeTable.index[type]];
  ++count.seen;
  switch (outcome) {
    case Outcome::kMapped:
      ++count.mapped;
      break;
    case Outcome::kIgnored:
      ++count.ignored;
      break;
    case Outcome::kUnknownReference:
      ++count.unknown_references;
      break;
    case Outcome::kInconsistent:
      ++count.inconsistent;
      break;
    case Outcome::kMalformed:
      break;
  }
}

ItchFeed::Outcome ItchFeed::Map(std::span<const std::byte> message, OrderEvent& event) {
  switch (static_cast<char>(message[0])) {
    case 'A':
    case 'F':
      return MapAdd(message, event);
    case 'E':
    case 'C':
    case 'X':
      return MapTake(message, event);
    case 'D':
      return MapDelete(message, event);
    case 'U':
      return MapReplace(message, event);
    default:
      return Outcome::kIgnored;
  }
}

namespace {

// Offsets of the fields in the messages about orders. The first three are common to all.
constexpr std::size_t kLocateOffset = 1;
constexpr std::size_t kTimeOffset = 5;
constexpr std::size_t kReferenceOffset = 11;
constexpr std::size_t kAddSideOffset = 19;
constexpr std::size_t kAddSharesOffset = 20;
constexpr std::size_t kAddPriceOffset = 32;
constexpr std::size_t kAddAttributionOffset = 36;  // F only
constexpr std::size_t kTakeSharesOffset = 19;      // E, C and X
constexpr std::size_t kReplaceReferenceOffset = 19;
constexpr std::size_t kReplaceSharesOffset = 27;
constexpr std::size_t kReplacePriceOffset = 31;

std::uint32_t LocateOf(std::span<const std::byte> message) {
  return static_cast<std::uint32_t>(Field<2>(message, kLocateOffset));
}
std::uint64_t TimeOf(std::span<const std::byte> message) {
  return Field<6>(message, kTimeOffset);
}
std::uint64_t OrderIdAt(std::span<const std::byte> message, std::size_t offset) {
  const std::uint64_t reference = Field<8>(message, offset);
  return reference == 0 ? kItchReferenceZero : reference;
}

}  // namespace

ItchFeed::Outcome ItchFeed::MapAdd(std::span<const std::byte> message, OrderEvent& event) {
  const char side = static_cast<char>(message[kAddSideOffset]);
  if (side != 'B' && side != 'S') {
    return Outcome::kMalformed;
  }
  LiveOrder order;
  order.price_ticks = static_cast<std::int64_t>(Field<4>(message, kAddPriceOffset));
  order.remaining_lots = Field<4>(message, kAddSharesOffset);
  order.instrument = LocateOf(message);
  order.side = side == 'B' ? OrderSide::kBuy : OrderSide::kSell;
  if (static_cast<char>(message[0]) == 'F') {
    order.owner = static_cast<std::uint32_t>(Field<4>(message, kAddAttributionOffset));
  }
  const std::uint64_t order_id = OrderIdAt(message, kReferenceOffset);
  if (order.remaining_lots == 0 || order.price_ticks == 0 || !orders_.Add(order_id, order)) {
    return Outcome::kInconsistent;
  }
  event = EventAbout(OrderEventKind::kAdd, order_id, order, TimeOf(message), order.remaining_lots);
  event.remaining_lots = order.remaining_lots;
  return Outcome::kMapped;
}

ItchFeed::Outcome ItchFeed::MapTake(std::span<const std::byte> message, OrderEvent& event) {
  const std::uint64_t order_id = OrderIdAt(message, kReferenceOffset);
  LiveOrder* const order = orders_.Find(order_id);
  if (order == nullptr) {
    return Outcome::kUnknownReference;
  }
  const std::uint64_t shares = Field<4>(message, kTakeSharesOffset);
  if (order->instrument != LocateOf(message) || shares == 0 || shares > order->remaining_lots) {
    return Outcome::kInconsistent;
  }
  OrderEventKind kind = OrderEventKind::kExecute;
  if (static_cast<char>(message[0]) == 'X') {
    kind = shares == order->remaining_lots ? OrderEventKind::kCancel : OrderEventKind::kReduce;
  }
  event = EventAbout(kind, order_id, *order, TimeOf(message), shares);
  order->remaining_lots -= shares;
  if (order->remaining_lots == 0) {
    orders_.Remove(order_id);
  }
  return Outcome::kMapped;
}

ItchFeed::Outcome ItchFeed::MapDelete(std::span<const std::byte> message, OrderEvent& event) {
  const std::uint64_t order_id = OrderIdAt(message, kReferenceOffset);
  const LiveOrder* const order = orders_.Find(order_id);
  if (order == nullptr) {
    return Outcome::kUnknownReference;
  }
  if (order->instrument != LocateOf(message)) {
    return Outcome::kInconsistent;
  }
  event = EventAbout(OrderEventKind::kCancel, order_id, *order, TimeOf(message), order->remaining_lots);
  orders_.Remove(order_id);
  return Outcome::kMapped;
}

ItchFeed::Outcome ItchFeed::MapReplace(std::span<const std::byte> message, OrderEvent& event) {
  const std::uint64_t order_id = OrderIdAt(message, kReferenceOffset);
  const LiveOrder* const found = orders_.Find(order_id);
  if (found == nullptr) {
    return Outcome::kUnknownReference;
  }
  LiveOrder order = *found;
  order.remaining_lots = Field<4>(message, kReplaceSharesOffset);
  order.price_ticks = static_cast<std::int64_t>(Field<4>(message, kReplacePriceOffset));
  const std::uint64_t new_order_id = OrderIdAt(message, kReplaceReferenceOffset);
  if (order.instrument != LocateOf(message) || order.remaining_lots == 0 || order.price_ticks == 0 ||
      orders_.Find(new_order_id) != nullptr) {
    return Outcome::kInconsistent;
  }
  orders_.Remove(order_id);
  GAIOS_CHECK(orders_.Add(new_order_id, order), "no room for the successor of an order just removed");
  event = EventAbout(OrderEventKind::kReplace, order_id, order, TimeOf(message), order.remaining_lots);
  event.new_order_id = new_order_id;
  event.remaining_lots = order.remaining_lots;
  return Outcome::kMapped;
}

}  // namespace gaios::feeds

#include "gaios/rsm/order_book/snapshot.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <xxhash.h>

#include "gaios/base/check.h"

namespace gaios::order_book {

namespace {

constexpr std::uint64_t kMagic = 0x4b4f4f42534f4941U;  // "AIOSBOOK" in memory
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kBufferBytes = std::size_t{64} << 10;

struct Header {
  std::uint64_t magic = kMagic;
  std::uint32_t version = kVersion;
  std::uint32_t instruments = 0;
  std::uint32_t max_orders = 0;
  std::uint32_t orders = 0;
  std::uint64_t state_hash = 0;
};
static_assert(WireFormat<Header> && sizeof(Header) == 32);

static_assert(WireFormat<BookCounters> && sizeof(BookCounters) == 24);

struct OrderRecord {
  OrderId id = 0;
  Price price = 0;
  Quantity remaining = 0;
  std::uint64_t sequence = 0;
  InstrumentId instrument = 0;
  OwnerId owner = 0;
  Side side = Side::kBuy;
  std::uint8_t reserved[7] = {};
};
static_assert(WireFormat<OrderRecord> && sizeof(OrderRecord) == 48);

class Checksum {
 public:
  Checksum() : state_(XXH3_createState()) {
    GAIOS_CHECK(state_ != nullptr && XXH3_64bits_reset(state_.get()) == XXH_OK, "a checksum can be started");
  }
  void Update(std::span<const std::byte> bytes) {
    GAIOS_CHECK(XXH3_64bits_update(state_.get(), bytes.data(), bytes.size()) == XXH_OK,
                "a checksum takes any bytes");
  }
  [[nodiscard]] std::uint64_t value() const { return XXH3_64bits_digest(state_.get()); }

 private:
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> state_;
};

// Gathers small records into pieces worth handing on.
class Writer {
 public:
  explicit Writer(rsm::SnapshotSink& sink) : sink_(sink) { buffer_.reserve(kBufferBytes); }

  template <WireFormat T>
  [[nodiscard]] absl::Status Write(const T& record) {
    const std::span<const std::byte> bytes = AsBytes(record);
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    return buffer_.size() + kMaxRecordBytes > kBufferBytes ? Flush() : absl::OkStatus();
  }
  [[nodiscard]] absl::Status Finish() {
    if (absl::Status status = Flush(); !status.ok()) {
      return status;
    }
    const std::uint64_t checksum = checksum_.value();
    return sink_.Append(AsBytes(checksum));
  }

 private:
  static constexpr std::size_t kMaxRecordBytes = sizeof(OrderRecord);

  absl::Status Flush() {
    checksum_.Update(buffer_);
    absl::Status status = sink_.Append(buffer_);
    buffer_.clear();
    return status;
  }

  rsm::SnapshotSink& sink_;
  Checksum checksum_;
  std::vector<std::byte> buffer_;
};

// Reads records of one kind, many at a time.
class Reader {
 public:
  explicit Reader(rsm::SnapshotSource& source) : source_(source) {}

  template <WireFormat T>
  [[nodiscard]] absl::Status Read(std::span<T> records) {
    const std::span<std::byte> bytes = std::as_writable_bytes(records);
    if (const absl::Status status = source_.Read(bytes); !status.ok()) {
      return absl::Status(status.code(), absl::StrCat("order book snapshot: cannot be read to its end (",
                                                      status.message(), "); fetch it again or use another"));
    }
    checksum_.Update(bytes);
    return absl::OkStatus();
  }
  [[nodiscard]] std::uint64_t checksum() const { return checksum_.value(); }

 private:
  rsm::SnapshotSource& source_;
  Checksum checksum_;
};

absl::Status Damaged(const std::string& what) {
  return absl::DataLossError(absl::StrCat("order book snapshot: ", what, "; fetch it again or use another"));
}

absl::Status CheckHeader(const Header& header, const OrderBookOptions& options) {
  if (header.magic != kMagic) {
    return absl::InvalidArgumentError(
        "order book snapshot: these bytes are not a snapshot of an order book; use one that an order book "
        "saved");
  }
  if (header.version != kVersion) {
    return absl::InvalidArgumentError(absl::StrCat("order book snapshot: format version ", header.version,
                                                   ", this program reads ", kVersion,
                                                   "; use a program of the version that saved it"));
  }
  const OrderBookOptions saved{.instruments = header.instruments, .max_orders = header.max_orders};
  if (saved != options) {
    return absl::FailedPreconditionError(
        absl::StrCat("order book snapshot: saved with instruments = ", saved.instruments,
                     " and max_orders = ", saved.max_orders, ", this order book has ", options.instruments,
                     " and ", options.max_orders, "; configure it alike"));
  }
  if (header.orders > options.max_orders) {
    return Damaged(absl::StrCat("it says it holds ", header.orders, " orders, more than max_orders"));
  }
  return absl::OkStatus();
}

// Appends `record` to its queue, when it may stand there: after `previous`, the record before it.
absl::Status PlaceOrder(const OrderRecord& record, const OrderRecord* previous, Market& market) {
  const OrderRecord zero;
  const bool fields_fit = record.id != 0 && record.price >= 1 && record.price <= kMaxPrice &&
                          record.remaining >= 1 && record.remaining <= kMaxQuantity &&
                          (record.side == Side::kBuy || record.side == Side::kSell) &&
                          record.instrument < market.options.instruments &&
                          std::memcmp(record.reserved, zero.reserved, sizeof(record.reserved)) == 0;
  if (!fields_fit) {
    return Damaged(absl::StrCat("order ", record.id, " has a field out of range"));
  }
  Book& book = market.books[record.instrument];
  if (record.sequence == 0 || record.sequence > book.counters().sequence) {
    return Damaged(absl::StrCat("order ", record.id, " is newer than its instrument"));
  }
  if (market.memory.index.Find(record.id, market.memory.orders)) {
    return Damaged(absl::StrCat("order ", record.id, " is in it twice"));
  }
  if (previous != nullptr) {
    const auto place = [](const OrderRecord& order) {
      return std::tuple(order.instrument, order.side, KeyOf(order.side, order.price), order.sequence);
    };
    if (place(record) <= place(*previous)) {
      return Damaged(absl::StrCat("order ", record.id, " is out of its order"));
    }
  }
  const LevelHandle bid = book.side(Side::kBuy).best();
  if (record.side == Side::kSell && bid &&
      PriceOf(Side::kBuy, market.memory.levels.levels[bid].key) >= record.price) {
    return Damaged(absl::StrCat("order ", record.id, " crosses the best bid"));
  }
  book.RestoreOrder({.id = record.id,
                     .price = record.price,
                     .remaining = record.remaining,
                     .sequence = record.sequence,
                     .instrument = record.instrument,
                     .owner = record.owner,
                     .side = record.side},
                    market.memory);
  return absl::OkStatus();
}

absl::Status ReadCounters(Reader& reader, Market& market) {
  std::vector<BookCounters> counters(market.options.instruments);
  if (absl::Status status = reader.Read(std::span(counters)); !status.ok()) {
    return status;
  }
  for (InstrumentId instrument = 0; instrument < market.options.instruments; ++instrument) {
    market.books[instrument].RestoreCounters(counters[instrument], market.memory);
  }
  return absl::OkStatus();
}

absl::Status ReadOrders(Reader& reader, std::uint32_t count, Market& market) {
  std::vector<OrderRecord> records;
  OrderRecord last;
  bool any = false;
  for (std::uint32_t left = count; left > 0; left -= static_cast<std::uint32_t>(records.size())) {
    records.resize(std::min<std::size_t>(left, kBufferBytes / sizeof(OrderRecord)));
    if (absl::Status status = reader.Read(std::span(records)); !status.ok()) {
      return status;
    }
    for (const OrderRecord& record : records) {
      if (absl::Status status = PlaceOrder(record, any ? &last : nullptr, market); !status.ok()) {
        return status;
      }
      last = record;
      any = true;
    }
  }
  return absl::OkStatus();
}

absl::Status SaveSide(const Market& market, InstrumentId instrument, Side side, Writer& writer) {
  const BookMemory& memory = market.memory;
  for (LevelHandle level = market.books[instrument].side(side).best(); level;
       level = memory.levels.levels[level].next) {
    for (OrderHandle handle = memory.levels.levels[level].first; handle;
         handle = memory.orders[handle].next) {
      const Order& order = memory.orders[handle];
      const OrderRecord record{.id = order.id,
                               .price = order.price,
                               .remaining = order.remaining,
                               .sequence = order.sequence,
                               .instrument = order.instrument,
                               .owner = order.owner,
                               .side = order.side,
                               .reserved = {}};
      if (absl::Status status = writer.Write(record); !status.ok()) {
        return status;
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SaveMarket(const Market& market, rsm::SnapshotSink& sink) {
  Writer writer(sink);
  const Header header{.instruments = market.options.instruments,
                      .max_orders = market.options.max_orders,
                      .orders = market.memory.orders.used(),
                      .state_hash = market.memory.state_hash};
  absl::Status status = writer.Write(header);
  for (InstrumentId instrument = 0; status.ok() && instrument < market.options.instruments; ++instrument) {
    status = writer.Write(market.books[instrument].counters());
  }
  for (InstrumentId instrument = 0; status.ok() && instrument < market.options.instruments; ++instrument) {
    status = SaveSide(market, instrument, Side::kBuy, writer);
    if (status.ok()) {
      status = SaveSide(market, instrument, Side::kSell, writer);
    }
  }
  return status.ok() ? writer.Finish() : status;
}

absl::StatusOr<std::unique_ptr<Market>> RestoreMarket(const OrderBookOptions& options,
                                                      rsm::SnapshotSource& source) {
  Reader reader(source);
  Header header;
  if (absl::Status status = reader.Read(std::span(&header, 1)); !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckHeader(header, options); !status.ok()) {
    return status;
  }
  absl::StatusOr<std::unique_ptr<Market>> market = Market::Make(options);
  if (!market.ok()) {
    return market;
  }
  if (absl::Status status = ReadCounters(reader, **market); !status.ok()) {
    return status;
  }
  if (absl::Status status = ReadOrders(reader, header.orders, **market); !status.ok()) {
    return status;
  }
  const std::uint64_t computed = reader.checksum();
  std::uint64_t checksum = 0;
  if (absl::Status status = reader.Read(std::span(&checksum, 1)); !status.ok()) {
    return status;
  }
  if (checksum != computed) {
    return Damaged("its checksum does not hold");
  }
  if ((*market)->memory.state_hash != header.state_hash) {
    return Damaged("its state hash is not that of its contents");
  }
  return market;
}

}  // namespace gaios::order_book

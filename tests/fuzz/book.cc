#include "tests/fuzz/book.h"

#include <cstring>
#include <optional>
#include <utility>

#include "gaios/base/check.h"

#include "tests/support/memory_snapshot.h"

namespace gaios::fuzz {
namespace {

using order_book::BestLevel;
using order_book::BookCounters;
using order_book::ExecutionReport;
using order_book::OrderBookMachine;
using order_book::RejectReason;
using order_book::ReplyView;
using order_book::ReportKind;
using order_book::Side;

bool IsFill(const ExecutionReport& report) {
  return report.kind == ReportKind::kFilled || report.kind == ReportKind::kPartiallyFilled;
}

}  // namespace

Book::Book(const order_book::OrderBookOptions& options) : counters_(options.instruments) {
  auto machine = OrderBookMachine::Make(options);
  GAIOS_CHECK(machine.ok(), "memory for a small book");
  machine_ = *std::move(machine);
}

order_book::ReplyHeader Book::Apply(std::span<const std::byte> command) {
  Announce(command);
  const std::uint64_t before = machine_->StateHash();
  const std::uint32_t resting = machine_->resting_orders();
  rsm::Reply reply(reply_memory_);
  machine_->Apply({.bytes = command}, reply);
  const std::optional<ReplyView> view = ReplyView::Parse(reply.bytes());
  GAIOS_CHECK(view.has_value(), "a reply can be read");
  CheckReply(*view);
  if (view->header().reject_reason != RejectReason::kNone) {
    GAIOS_CHECK(machine_->StateHash() == before && machine_->resting_orders() == resting,
                "a command that is rejected changes nothing");
  }
  CheckBooks();
  return view->header();
}

void Book::Announce(std::span<const std::byte> command) {
  const std::uint64_t before = machine_->StateHash();
  machine_->Prefetch(command);
  GAIOS_CHECK(machine_->StateHash() == before, "an announcement changes nothing");
}

void Book::CheckReply(const ReplyView& reply) const {
  const order_book::ReplyHeader& header = reply.header();
  GAIOS_CHECK(header.reports > 0, "every command is answered");
  std::uint32_t fills = 0;
  std::uint64_t filled = 0;
  for (std::size_t i = 0; i < reply.size(); ++i) {
    const ExecutionReport report = reply[i];
    GAIOS_CHECK(report.kind >= ReportKind::kAccepted && report.kind <= ReportKind::kReplaced,
                "a report is of a known kind");
    GAIOS_CHECK((report.kind == ReportKind::kRejected) == (header.reject_reason != RejectReason::kNone),
                "a rejection is all that is reported");
    fills += IsFill(report) ? 1U : 0U;
    filled += IsFill(report) ? report.quantity : 0U;
    GAIOS_CHECK(!IsFill(report) || (report.quantity > 0 && report.price >= 1),
                "a trade has a price and lots");
    GAIOS_CHECK(report.kind != ReportKind::kFilled || report.remaining == 0, "what is filled has no rest");
  }
  GAIOS_CHECK(header.left_out != 0 || (fills == header.fills && filled == header.filled_quantity),
              "the trades add up");
}

void Book::CheckBooks() {
  const order_book::OrderBookOptions& options = machine_->options();
  GAIOS_CHECK(machine_->resting_orders() <= options.max_orders, "no more orders rest than there is room for");
  std::uint32_t at_best = 0;
  for (order_book::InstrumentId instrument = 0; instrument < options.instruments; ++instrument) {
    const std::optional<BestLevel> bid = machine_->Best(instrument, Side::kBuy);
    const std::optional<BestLevel> ask = machine_->Best(instrument, Side::kSell);
    GAIOS_CHECK(!bid.has_value() || !ask.has_value() || bid->price < ask->price, "a book is never crossed");
    for (const std::optional<BestLevel>& best : {bid, ask}) {
      GAIOS_CHECK(
          !best.has_value() || (best->orders > 0 && best->quantity >= best->orders && best->price >= 1),
          "a level has orders, and each of them lots");
      at_best += best.has_value() ? best->orders : 0;
    }
    const BookCounters now = machine_->Counters(instrument);
    BookCounters& before = counters_[instrument];
    GAIOS_CHECK(now.sequence >= before.sequence && now.trades >= before.trades, "counters only grow");
    before = now;
  }
  GAIOS_CHECK(at_best <= machine_->resting_orders(),
              "the orders of the best levels are among those that rest");
}

std::vector<std::byte> Book::Save() const {
  rsm::MemorySink sink;
  GAIOS_CHECK(machine_->Save(sink).ok(), "a snapshot that only goes to memory");
  return sink.bytes();
}

bool Book::Restore(std::span<const std::byte> snapshot) {
  rsm::MemorySource source(snapshot);
  const std::uint64_t before = machine_->StateHash();
  const std::uint32_t resting = machine_->resting_orders();
  if (!machine_->Restore(source).ok()) {
    GAIOS_CHECK(machine_->StateHash() == before && machine_->resting_orders() == resting,
                "a snapshot that is refused changes nothing");
    return false;
  }
  counters_.assign(machine_->options().instruments, {});
  CheckBooks();
  return true;
}

void Book::CheckSnapshot() const {
  const std::vector<std::byte> snapshot = Save();
  Book other(machine_->options());
  GAIOS_CHECK(other.Restore(snapshot), "what was saved can be restored");
  GAIOS_CHECK(other.machine_->StateHash() == machine_->StateHash(),
              "the hash that was kept up to date is that of the contents");
  GAIOS_CHECK(other.Save() == snapshot, "equal states have equal snapshots");
}

}  // namespace gaios::fuzz

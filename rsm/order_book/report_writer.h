#ifndef GAIOS_RSM_ORDER_BOOK_REPORT_WRITER_H_
#define GAIOS_RSM_ORDER_BOOK_REPORT_WRITER_H_

// Writes one reply: the header first, so that it always has its place, then reports while there is room, and
// the counts into the header at the end. Lives for one Apply, on the replica's thread.

#include <cstddef>
#include <cstdint>
#include <span>

#include "gaios/base/check.h"
#include "gaios/rsm/order_book/reports.h"
#include "gaios/rsm/state_machine.h"

namespace gaios::order_book {

class ReportWriter {
 public:
  explicit ReportWriter(rsm::Reply& reply) : reply_(reply), header_at_(reply.size()) {
    GAIOS_CHECK(reply_.Append(AsBytes(ReplyHeader())), "a reply has room for its header");
  }

  void Add(const ExecutionReport& report) {
    // Written as the pairs of words that it is copied by: were its small fields stored one by one, the copy
    // would wait for them to reach the cache, and that is a tenth of what a message costs.
    const std::uint64_t start = std::uint64_t{static_cast<std::uint8_t>(report.kind)} |
                                std::uint64_t{report.reason} << 8 |
                                std::uint64_t{static_cast<std::uint8_t>(report.side)} << 16 |
                                std::uint64_t{report.flags} << 24 | std::uint64_t{report.instrument} << 32;
    const WordPair words[] = {{start, report.order_id},
                              {report.other_order_id, report.trade_id},
                              {static_cast<std::uint64_t>(report.price), report.quantity},
                              {report.remaining, report.other_remaining}};
    static_assert(sizeof(words) == sizeof(ExecutionReport));
    ++reports_;
    if (!reply_.Append(std::as_bytes(std::span(words)))) {
      ++left_out_;
    }
  }
  void AddFill(const ExecutionReport& report) {
    ++fills_;
    filled_quantity_ += report.quantity;
    Add(report);
  }
  void Reject(RejectReason reason, ExecutionReport report) {
    reject_reason_ = reason;
    report.kind = ReportKind::kRejected;
    report.reason = static_cast<std::uint8_t>(reason);
    Add(report);
  }
  // Call once, last.
  void Finish() {
    const std::uint64_t start =
        std::uint64_t{static_cast<std::uint8_t>(reject_reason_)} | std::uint64_t{reports_} << 32;
    const std::uint64_t counts = std::uint64_t{left_out_} | std::uint64_t{fills_} << 32;
    const WordPair words[] = {{start, counts}, {filled_quantity_, 0}};
    reply_.Patch(header_at_, std::as_bytes(std::span(words)).first(sizeof(ReplyHeader)));
  }

 private:
  using WordPair = std::uint64_t __attribute__((vector_size(16)));

  rsm::Reply& reply_;
  std::size_t header_at_;
  RejectReason reject_reason_ = RejectReason::kNone;
  std::uint32_t reports_ = 0;
  std::uint32_t left_out_ = 0;
  std::uint32_t fills_ = 0;
  std::uint64_t filled_quantity_ = 0;
};

}  // namespace gaios::order_book

#endif  // GAIOS_RSM_ORDER_BOOK_REPORT_WRITER_H_

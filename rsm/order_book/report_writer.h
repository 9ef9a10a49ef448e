#ifndef GAIOS_RSM_ORDER_BOOK_REPORT_WRITER_H_
#define GAIOS_RSM_ORDER_BOOK_REPORT_WRITER_H_

// Writes one reply: the header first, so that it always has its place, then reports while there is room, and
// the counts into the header at the end. Lives for one Apply, on the replica's thread.

#include <cstdint>
#include <span>

#include "gaios/base/check.h"
#include "gaios/rsm/order_book/reports.h"
#include "gaios/rsm/state_machine.h"

namespace gaios::order_book {

class ReportWriter {
 public:
  explicit ReportWriter(rsm::Reply& reply) : reply_(reply), header_at_(reply.size()) {
    GAIOS_CHECK(reply_.Append(AsBytes(header_)), "a reply has room for its header");
  }

  void Add(const ExecutionReport& report) {
    ++header_.reports;
    if (!reply_.Append(AsBytes(report))) {
      ++header_.left_out;
    }
  }
  void AddFill(const ExecutionReport& report) {
    ++header_.fills;
    header_.filled_quantity += report.quantity;
    Add(report);
  }
  void Reject(RejectReason reason, ExecutionReport report) {
    header_.reject_reason = reason;
    report.kind = ReportKind::kRejected;
    report.reason = static_cast<std::uint8_t>(reason);
    Add(report);
  }
  // Call once, last.
  void Finish() { reply_.Patch(header_at_, AsBytes(header_)); }

 private:
  rsm::Reply& reply_;
  std::size_t header_at_;
  ReplyHeader header_;
};

}  // namespace gaios::order_book

#endif  // GAIOS_RSM_ORDER_BOOK_REPORT_WRITER_H_

#include "gaios/cli/demo/book_outcomes.h"

#include <cstring>
#include <optional>

#include "gaios/rsm/order_book/reports.h"

namespace gaios::cli {

using order_book::CommandKind;
using order_book::Execute;

void BookOutcomes::OnSent(std::uint64_t number, std::span<const std::byte> command) {
  order_book::Quantity lots = 0;
  if (command.size() == sizeof(Execute) && command.front() == static_cast<std::byte>(CommandKind::kExecute)) {
    Execute execute;
    std::memcpy(&execute, command.data(), sizeof(execute));
    lots = execute.quantity;
  }
  executes_[number % executes_.size()] = lots;
}

void BookOutcomes::OnReply(std::uint64_t number, std::span<const std::byte> reply) {
  const std::optional<order_book::ReplyView> view = order_book::ReplyView::Parse(reply);
  if (!view.has_value()) {
    return;
  }
  if (view->header().reject_reason != order_book::RejectReason::kNone) {
    ++rejects_;
  }
  if (view->header().filled_quantity < executes_[number % executes_.size()]) {
    ++unfilled_executions_;
  }
}

}  // namespace gaios::cli

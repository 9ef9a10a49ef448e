// Flows through the order book that they were made for: what the feed believes is what the book does.

#include <array>

#include <gtest/gtest.h>

#include "gaios/rsm/feeds/generator.h"
#include "gaios/rsm/feeds/open.h"
#include "gaios/rsm/feeds/to_commands.h"
#include "gaios/rsm/order_book/order_book_machine.h"

#include "tests/rsm/feeds/writers.h"
#include "tests/support/paths.h"

namespace gaios::feeds {
namespace {

using order_book::OrderBookMachine;

class BookFlow : public testing::Test {
 protected:
  void Make(std::uint32_t instruments) {
    absl::StatusOr<std::unique_ptr<OrderBookMachine>> machine =
        OrderBookMachine::Make({.instruments = instruments, .max_orders = 10'000});
    ASSERT_TRUE(machine.ok()) << machine.status();
    machine_ = *std::move(machine);
  }

  // Applies the event's command; what it executed must have been filled by the order it names, in its turn.
  void Apply(const OrderEvent& event) {
    const BookCommand command = ToCommand(event);
    rsm::Reply reply(memory_);
    machine_->Apply(
        {.slot = ++slot_, .time_ns = event.time_ns, .session = 0, .sequence = 0, .bytes = BytesOf(command)},
        reply);
    const std::optional<order_book::ReplyView> view = order_book::ReplyView::Parse(reply.bytes());
    ASSERT_TRUE(view.has_value());
    const order_book::ReplyView read = view.value_or(order_book::ReplyView{});
    ASSERT_EQ(read.header().reject_reason, order_book::RejectReason::kNone) << Name(event.kind);
    ASSERT_EQ(read.header().filled_quantity,
              event.kind == OrderEventKind::kExecute ? event.quantity_lots : 0);
    for (std::size_t i = 0; i < read.size(); ++i) {
      ASSERT_EQ(read[i].flags, 0) << "filled out of its turn";
    }
    const std::uint64_t id = event.kind == OrderEventKind::kReplace ? event.new_order_id : event.order_id;
    ASSERT_EQ(machine_->Remaining(id).value_or(0), event.remaining_lots);
  }

  std::unique_ptr<OrderBookMachine> machine_;
  std::array<std::byte, rsm::kMaxReplyBytes> memory_ = {};
  std::uint64_t slot_ = 0;
};

TEST_F(BookFlow, GeneratedFlowIsCarriedOutToTheLetter) {
  constexpr std::uint32_t kInstruments = 20;
  Make(kInstruments);
  absl::StatusOr<std::unique_ptr<Generator>> generator = Generator::Create({.seed = 77,
                                                                            .max_events = 200'000,
                                                                            .instruments = kInstruments,
                                                                            .target_orders = 3'000,
                                                                            .owners = 10,
                                                                            .cancel_permille = 800});
  ASSERT_TRUE(generator.ok()) << generator.status();
  OrderEvent event;
  while ((*generator)->Next(event) == FeedState::kEvent) {
    Apply(event);
    ASSERT_EQ(machine_->resting_orders(), (*generator)->live_orders());
    ASSERT_FALSE(HasFatalFailure());
  }
}

TEST_F(BookFlow, FixturesAreCarriedOutToTheLetter) {
  for (const char* name : {"small.itch50", "small_orders.csv.xz"}) {
    Make(4);
    const absl::StatusOr<std::unique_ptr<Feed>> feed =
        OpenFeed(SourceDirectory() + "/tests/rsm/feeds/fixtures/" + name);
    ASSERT_TRUE(feed.ok()) << feed.status();
    OrderEvent event;
    while ((*feed)->Next(event) == FeedState::kEvent) {
      Apply(event);
      ASSERT_FALSE(HasFatalFailure());
    }
    EXPECT_GT(machine_->resting_orders(), 0U);
  }
}

}  // namespace
}  // namespace gaios::feeds

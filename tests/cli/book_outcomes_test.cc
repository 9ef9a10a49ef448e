#include "gaios/cli/demo/book_outcomes.h"

#include <array>
#include <cstdint>
#include <memory>

#include <gtest/gtest.h>

#include "gaios/cli/replica/machines.h"
#include "gaios/rsm/order_book/commands.h"
#include "gaios/rsm/state_machine.h"

namespace gaios::cli {
namespace {

using order_book::AsBytes;

// A book, and what is counted of its replies.
class BookOutcomesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = MakeMachine(rsm::StateMachineKind::kOrderBook);
    ASSERT_TRUE(made.ok());
    book_ = std::move(made->machine);
  }
  template <typename T>
  void Send(const T& order) {
    ++number_;
    outcomes_.OnSent(number_, AsBytes(order));
    rsm::Reply reply(memory_);
    rsm::Command command;
    command.bytes = AsBytes(order);
    book_->Apply(command, reply);
    outcomes_.OnReply(number_, reply.bytes());
  }
  static order_book::NewOrder Order(order_book::OrderId id, order_book::Side side) {
    order_book::NewOrder order;
    order.order_id = id;
    order.side = side;
    order.price = 100;
    order.quantity = 10;
    return order;
  }
  static order_book::Execute Execution(order_book::OrderId id, order_book::Quantity quantity) {
    order_book::Execute execute;
    execute.order_id = id;
    execute.quantity = quantity;
    return execute;
  }
  [[nodiscard]] BookOutcomes& outcomes() { return outcomes_; }

 private:
  std::unique_ptr<rsm::StateMachine> book_;
  BookOutcomes outcomes_{4};
  std::uint64_t number_ = 0;
  std::array<std::byte, rsm::kMaxReplyBytes> memory_ = {};
};

TEST_F(BookOutcomesTest, CountsNothingWhereTheBookFollows) {
  Send(Order(1, order_book::Side::kBuy));
  Send(Execution(1, 4));
  Send(Execution(1, 6));
  Send(Order(2, order_book::Side::kBuy));
  Send(Order(3, order_book::Side::kSell));  // trades with it
  EXPECT_EQ(outcomes().rejects(), 0U);
  EXPECT_EQ(outcomes().unfilled_executions(), 0U);
}

TEST_F(BookOutcomesTest, CountsAnExecutionOfAnOrderThatIsGone) {
  Send(Order(1, order_book::Side::kBuy));
  Send(Order(2, order_book::Side::kSell));  // gone at once, with 1
  Send(Execution(2, 10));
  EXPECT_EQ(outcomes().rejects(), 1U);
  EXPECT_EQ(outcomes().unfilled_executions(), 1U);
}

TEST_F(BookOutcomesTest, CountsAnExecutionThatFindsTooLittle) {
  Send(Order(1, order_book::Side::kBuy));
  Send(Execution(1, 11));
  EXPECT_EQ(outcomes().rejects(), 0U);
  EXPECT_EQ(outcomes().unfilled_executions(), 1U);
}

TEST_F(BookOutcomesTest, CountsOtherRejectsApart) {
  order_book::Cancel cancel;
  cancel.order_id = 7;
  Send(Execution(7, 1));
  for (int i = 0; i < 8; ++i) {  // round the window, past the execution's place
    Send(cancel);
  }
  EXPECT_EQ(outcomes().rejects(), 9U);
  EXPECT_EQ(outcomes().unfilled_executions(), 1U);
}

TEST_F(BookOutcomesTest, PassesOverWhatIsNoReply) {
  outcomes().OnSent(1, AsBytes(Execution(1, 1)));
  outcomes().OnReply(1, {});
  EXPECT_EQ(outcomes().rejects(), 0U);
  EXPECT_EQ(outcomes().unfilled_executions(), 0U);
}

}  // namespace
}  // namespace gaios::cli

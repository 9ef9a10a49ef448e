// Commands that make no sense get a rejection that says why and change nothing; replies say what they leave
// out.

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/rsm/order_book/harness.h"

namespace gaios::order_book {
namespace {

class Commands : public testing::Test {
 protected:
  Commands() {
    machine_.Apply(By(5, Sell(1, 100, 10)));
    machine_.Apply(By(5, Sell(2, 100, 10)));
  }

  template <typename T>
  void ExpectRejected(const T& command, RejectReason reason) {
    const std::uint64_t hash = machine_->StateHash();
    const Outcome outcome = machine_.Apply(command);
    EXPECT_EQ(outcome.header.reject_reason, reason);
    ASSERT_EQ(outcome.reports.size(), 1U);
    EXPECT_EQ(outcome.reports[0].kind, ReportKind::kRejected);
    EXPECT_EQ(outcome.reports[0].reason, static_cast<std::uint8_t>(reason));
    EXPECT_EQ(outcome.reports[0].order_id, command.order_id);
    EXPECT_EQ(machine_->StateHash(), hash);
  }

  TestMachine machine_;
};

TEST_F(Commands, NewOrderFieldsAreChecked) {
  const NewOrder good = Buy(9, 50, 1);
  NewOrder bad = good;
  bad.instrument = 4;
  ExpectRejected(bad, RejectReason::kUnknownInstrument);
  bad = good;
  bad.side = static_cast<Side>(2);
  ExpectRejected(bad, RejectReason::kBadSide);
  bad = good;
  bad.type = static_cast<OrderType>(5);
  ExpectRejected(bad, RejectReason::kBadType);
  bad = good;
  bad.self_trade = static_cast<SelfTrade>(4);
  ExpectRejected(bad, RejectReason::kBadSelfTrade);
  bad = good;
  bad.order_id = 0;
  ExpectRejected(bad, RejectReason::kBadOrderId);
  for (const Price price : {Price{0}, Price{-1}, INT64_MIN, INT64_MAX, kMaxPrice + 1}) {
    bad = good;
    bad.price = price;
    ExpectRejected(bad, RejectReason::kBadPrice);
  }
  for (const Quantity quantity : {Quantity{0}, kMaxQuantity + 1, UINT64_MAX}) {
    bad = good;
    bad.quantity = quantity;
    ExpectRejected(bad, RejectReason::kBadQuantity);
  }
  bad = good;
  bad.reserved = 1;
  ExpectRejected(bad, RejectReason::kMalformed);
  bad = good;
  bad.order_id = 1;
  ExpectRejected(bad, RejectReason::kDuplicateOrderId);
}

TEST_F(Commands, NamedOrdersMustRestAndBelongToTheSender) {
  ExpectRejected(Cancel{.owner = 5, .order_id = 77}, RejectReason::kUnknownOrder);
  ExpectRejected(Cancel{.owner = 5, .order_id = 0}, RejectReason::kUnknownOrder);
  ExpectRejected(Reduce{.owner = 5, .order_id = 77, .quantity = 1}, RejectReason::kUnknownOrder);
  ExpectRejected(Replace{.owner = 5, .order_id = 77, .new_order_id = 78, .price = 1, .quantity = 1},
                 RejectReason::kUnknownOrder);
  ExpectRejected(Execute{.order_id = 77, .quantity = 1}, RejectReason::kUnknownOrder);
  ExpectRejected(Cancel{.owner = 6, .order_id = 1}, RejectReason::kWrongOwner);
  ExpectRejected(Reduce{.owner = 6, .order_id = 1, .quantity = 1}, RejectReason::kWrongOwner);
  ExpectRejected(Replace{.owner = 6, .order_id = 1, .new_order_id = 78, .price = 1, .quantity = 1},
                 RejectReason::kWrongOwner);
}

TEST_F(Commands, ReduceFieldsAreChecked) {
  ExpectRejected(Reduce{.owner = 5, .order_id = 1, .quantity = 0}, RejectReason::kBadQuantity);
  ExpectRejected(Reduce{.owner = 5, .order_id = 1, .quantity = UINT64_MAX}, RejectReason::kBadQuantity);
  ExpectRejected(Reduce{.mode = static_cast<ReduceMode>(2), .owner = 5, .order_id = 1, .quantity = 1},
                 RejectReason::kBadMode);
  ExpectRejected(Reduce{.mode = ReduceMode::kTo, .owner = 5, .order_id = 1, .quantity = 10},
                 RejectReason::kNotAReduction);
  ExpectRejected(Reduce{.reserved = {0, 1}, .owner = 5, .order_id = 1, .quantity = 1},
                 RejectReason::kMalformed);
}

TEST_F(Commands, ReplaceFieldsAreChecked) {
  const Replace good{.owner = 5, .order_id = 1, .new_order_id = 9, .price = 100, .quantity = 1};
  Replace bad = good;
  bad.type = OrderType::kMarket;
  ExpectRejected(bad, RejectReason::kBadType);
  bad = good;
  bad.self_trade = static_cast<SelfTrade>(9);
  ExpectRejected(bad, RejectReason::kBadSelfTrade);
  bad = good;
  bad.new_order_id = 0;
  ExpectRejected(bad, RejectReason::kBadOrderId);
  bad = good;
  bad.price = 0;
  ExpectRejected(bad, RejectReason::kBadPrice);
  bad = good;
  bad.quantity = 0;
  ExpectRejected(bad, RejectReason::kBadQuantity);
  bad = good;
  bad.new_order_id = 2;
  ExpectRejected(bad, RejectReason::kDuplicateOrderId);
  bad = good;
  bad.reserved = 3;
  ExpectRejected(bad, RejectReason::kMalformed);
}

TEST_F(Commands, ExecuteFieldsAreChecked) {
  ExpectRejected(Execute{.self_trade = static_cast<SelfTrade>(7), .order_id = 1, .quantity = 1},
                 RejectReason::kBadSelfTrade);
  ExpectRejected(Execute{.order_id = 1, .quantity = 0}, RejectReason::kBadQuantity);
  ExpectRejected(Execute{.reserved = {1, 0}, .order_id = 1, .quantity = 1}, RejectReason::kMalformed);
  ExpectRejected(Cancel{.reserved = {0, 0, 9}, .owner = 5, .order_id = 1}, RejectReason::kMalformed);
}

TEST_F(Commands, BytesThatAreNoCommandAreRejected) {
  EXPECT_EQ(machine_.ApplyBytes({}).header.reject_reason, RejectReason::kMalformed);
  std::array<std::byte, 64> bytes{};
  EXPECT_EQ(machine_.ApplyBytes(bytes).header.reject_reason, RejectReason::kUnknownCommand);
  for (int kind = 1; kind <= 5; ++kind) {
    bytes[0] = static_cast<std::byte>(kind);
    for (const std::size_t size : {1U, 15U, 17U, 39U, 41U, 64U}) {
      EXPECT_EQ(machine_.ApplyBytes(std::span(bytes).first(size)).header.reject_reason,
                RejectReason::kMalformed)
          << "kind " << kind << ", " << size << " bytes";
    }
  }
}

TEST_F(Commands, AnyBytesGetAReply) {
  std::mt19937_64 random(11);
  std::array<std::byte, 64> bytes{};
  for (int i = 0; i < 200'000; ++i) {
    for (std::byte& byte : bytes) {
      byte = random() % 3 == 0 ? static_cast<std::byte>(random() % 256) : std::byte{0};
    }
    bytes[0] = static_cast<std::byte>(random() % 7);
    const Outcome outcome = machine_.ApplyBytes(std::span(bytes).first(random() % (bytes.size() + 1)));
    ASSERT_GE(outcome.header.reports, 1U);
  }
}

TEST(Replies, AReplyThatIsFullSaysWhatItLeavesOut) {
  constexpr std::size_t kRoomForReports = 3;
  TestMachine machine({.instruments = 1, .max_orders = 100},
                      sizeof(ReplyHeader) + kRoomForReports * sizeof(ExecutionReport));
  for (OrderId id = 1; id <= 10; ++id) {
    machine.Apply(Sell(id, 100, 2));
  }
  const Outcome outcome = machine.Apply(Buy(99, 100, 50, OrderType::kImmediateOrCancel));
  EXPECT_EQ(outcome.reports.size(), kRoomForReports);
  EXPECT_EQ(outcome.header.reports, 12U);  // accepted, ten fills, cancelled
  EXPECT_EQ(outcome.header.left_out, 9U);
  EXPECT_EQ(outcome.header.fills, 10U);
  EXPECT_EQ(outcome.header.filled_quantity, 20U);
}

TEST(Replies, DamagedRepliesAreNotParsed) {
  ReplyHeader header;
  header.reports = 1;
  EXPECT_FALSE(ReplyView::Parse(AsBytes(header)).has_value());
  EXPECT_FALSE(ReplyView::Parse(AsBytes(header).first(10)).has_value());
  header.left_out = 2;
  EXPECT_FALSE(ReplyView::Parse(AsBytes(header)).has_value());
  header.left_out = 1;
  EXPECT_TRUE(ReplyView::Parse(AsBytes(header)).has_value());
}

TEST(Options, AreChecked) {
  EXPECT_FALSE(OrderBookMachine::Make({.instruments = 0, .max_orders = 1}).ok());
  EXPECT_FALSE(OrderBookMachine::Make({.instruments = 1, .max_orders = 0}).ok());
  EXPECT_FALSE(
      OrderBookMachine::Make({.instruments = OrderBookOptions::kMaxInstruments + 1, .max_orders = 1}).ok());
  const auto machine =
      OrderBookMachine::Make({.instruments = 1, .max_orders = OrderBookOptions::kMaxOrders + 1});
  ASSERT_FALSE(machine.ok());
  EXPECT_NE(std::string(machine.status().message()).find("max_orders"), std::string::npos);
}

}  // namespace
}  // namespace gaios::order_book

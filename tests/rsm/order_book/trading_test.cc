// The rules of trading, one small story each.

#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/rsm/order_book/harness.h"

namespace gaios::order_book {
namespace {

using testing::ElementsAre;

// Reports in words, so that a test reads like what happened.
std::string InWords(const ExecutionReport& report) {
  const auto lots_at_price = [&report] {
    return std::to_string(report.quantity) + " at " + std::to_string(report.price);
  };
  const std::string id = std::to_string(report.order_id);
  switch (report.kind) {
    case ReportKind::kAccepted:
      return "accepted " + id;
    case ReportKind::kRejected:
      return "rejected " + id + " reason " + std::to_string(report.reason);
    case ReportKind::kPartiallyFilled:
      return id + " trades " + lots_at_price() + " with " + std::to_string(report.other_order_id) + ", " +
             std::to_string(report.remaining) + " left, " + std::to_string(report.other_remaining) + " there";
    case ReportKind::kFilled:
      return id + " filled by " + lots_at_price() + " with " + std::to_string(report.other_order_id) + ", " +
             std::to_string(report.other_remaining) + " there";
    case ReportKind::kReduced:
      return id + " reduced by " + std::to_string(report.quantity) + " to " +
             std::to_string(report.remaining);
    case ReportKind::kReplaced:
      return std::to_string(report.other_order_id) + " replaced by " + id;
    case ReportKind::kCancelled:
      break;
  }
  std::string why;
  switch (static_cast<CancelReason>(report.reason)) {
    case CancelReason::kNone:
      why = "no reason";
      break;
    case CancelReason::kRequested:
      why = "requested";
      break;
    case CancelReason::kImmediateOrCancelRest:
      why = "rest of immediate-or-cancel";
      break;
    case CancelReason::kMarketRest:
      why = "rest of market";
      break;
    case CancelReason::kFillOrKillUnfilled:
      why = "fill-or-kill";
      break;
    case CancelReason::kSelfTrade:
      why = "self-trade";
      break;
  }
  return id + " cancelled with " + std::to_string(report.quantity) + " left: " + why;
}

class Trading : public testing::Test {
 protected:
  template <typename T>
  std::vector<std::string> Say(const T& command) {
    std::vector<std::string> words;
    for (const ExecutionReport& report : machine_.Apply(command).reports) {
      words.push_back(InWords(report));
    }
    return words;
  }
  template <typename T>
  RejectReason ReasonFor(const T& command) {
    return machine_.Apply(command).header.reject_reason;
  }

  TestMachine machine_;
};

TEST_F(Trading, ALimitOrderThatMeetsNobodyRests) {
  EXPECT_THAT(Say(Buy(1, 100, 10)), ElementsAre("accepted 1"));
  EXPECT_THAT(Say(Sell(2, 101, 5)), ElementsAre("accepted 2"));
  EXPECT_EQ(machine_->Best(0, Side::kBuy), (BestLevel{.price = 100, .quantity = 10, .orders = 1}));
  EXPECT_EQ(machine_->Best(0, Side::kSell), (BestLevel{.price = 101, .quantity = 5, .orders = 1}));
}

TEST_F(Trading, TheBestPriceTradesFirstAndAtTheRestingPrice) {
  Say(Sell(1, 103, 10));
  Say(Sell(2, 101, 10));
  Say(Sell(3, 102, 10));
  EXPECT_THAT(Say(Buy(9, 103, 25)), ElementsAre("accepted 9", "9 trades 10 at 101 with 2, 15 left, 0 there",
                                                "9 trades 10 at 102 with 3, 5 left, 0 there",
                                                "9 filled by 5 at 103 with 1, 5 there"));
}

TEST_F(Trading, AtOnePriceTheFirstToComeTradesFirst) {
  Say(Buy(1, 100, 10));
  Say(Buy(2, 100, 10));
  EXPECT_THAT(Say(Sell(9, 100, 15)), ElementsAre("accepted 9", "9 trades 10 at 100 with 1, 5 left, 0 there",
                                                 "9 filled by 5 at 100 with 2, 5 there"));
}

TEST_F(Trading, TheRestOfALimitOrderRests) {
  Say(Sell(1, 100, 4));
  EXPECT_THAT(Say(Buy(2, 100, 10)), ElementsAre("accepted 2", "2 trades 4 at 100 with 1, 6 left, 0 there"));
  EXPECT_EQ(machine_->Remaining(2), 6U);
  EXPECT_EQ(machine_->Best(0, Side::kSell), std::nullopt);
}

TEST_F(Trading, TradeIdsCountEachInstrumentsTrades) {
  Say(Sell(1, 100, 1));
  Say(Sell(2, 100, 1));
  NewOrder elsewhere = Sell(3, 100, 1);
  elsewhere.instrument = 1;
  Say(elsewhere);
  EXPECT_EQ(machine_.Apply(Buy(4, 100, 1)).reports.back().trade_id, 1U);
  EXPECT_EQ(machine_.Apply(Buy(5, 100, 1)).reports.back().trade_id, 2U);
  NewOrder there = Buy(6, 100, 1);
  there.instrument = 1;
  EXPECT_EQ(machine_.Apply(there).reports.back().trade_id, 1U);
  EXPECT_EQ(machine_->Counters(0).trades, 2U);
  EXPECT_EQ(machine_->Counters(0).traded_quantity, 2U);
}

TEST_F(Trading, InstrumentsDoNotMeet) {
  NewOrder elsewhere = Sell(1, 100, 10);
  elsewhere.instrument = 3;
  Say(elsewhere);
  EXPECT_THAT(Say(Buy(2, 100, 10)), ElementsAre("accepted 2"));
}

TEST_F(Trading, AMarketOrderTakesAnyPriceAndNeverRests) {
  Say(Sell(1, 100, 5));
  Say(Sell(2, 9'000, 5));
  EXPECT_THAT(
      Say(Buy(3, 0, 12, OrderType::kMarket)),
      ElementsAre("accepted 3", "3 trades 5 at 100 with 1, 7 left, 0 there",
                  "3 trades 5 at 9000 with 2, 2 left, 0 there", "3 cancelled with 2 left: rest of market"));
  EXPECT_EQ(machine_->resting_orders(), 0U);
}

TEST_F(Trading, ImmediateOrCancelTakesWhatIsThere) {
  Say(Sell(1, 100, 5));
  Say(Sell(2, 101, 5));
  EXPECT_THAT(Say(Buy(3, 100, 8, OrderType::kImmediateOrCancel)),
              ElementsAre("accepted 3", "3 trades 5 at 100 with 1, 3 left, 0 there",
                          "3 cancelled with 3 left: rest of immediate-or-cancel"));
  EXPECT_EQ(machine_->resting_orders(), 1U);
}

TEST_F(Trading, FillOrKillIsAllOrNothing) {
  Say(Sell(1, 100, 5));
  Say(Sell(2, 101, 5));
  EXPECT_THAT(Say(Buy(3, 100, 6, OrderType::kFillOrKill)),
              ElementsAre("accepted 3", "3 cancelled with 6 left: fill-or-kill"));
  EXPECT_EQ(machine_->Remaining(1), 5U);
  EXPECT_THAT(Say(Buy(4, 101, 6, OrderType::kFillOrKill)),
              ElementsAre("accepted 4", "4 trades 5 at 100 with 1, 1 left, 0 there",
                          "4 filled by 1 at 101 with 2, 4 there"));
}

TEST_F(Trading, PostOnlyRestsOrIsRejected) {
  Say(Sell(1, 100, 5));
  EXPECT_EQ(ReasonFor(Buy(2, 100, 5, OrderType::kPostOnly)), RejectReason::kWouldTrade);
  EXPECT_THAT(Say(Buy(2, 99, 5, OrderType::kPostOnly)), ElementsAre("accepted 2"));
  EXPECT_EQ(ReasonFor(Sell(3, 99, 5, OrderType::kPostOnly)), RejectReason::kWouldTrade);
}

TEST_F(Trading, CancelTakesAnOrderOutOfAnyPlaceInItsQueue) {
  for (OrderId id = 1; id <= 4; ++id) {
    Say(Sell(id, 100, 10));
  }
  EXPECT_THAT(Say(Cancel{.order_id = 2}), ElementsAre("2 cancelled with 10 left: requested"));
  EXPECT_THAT(Say(Cancel{.order_id = 1}), ElementsAre("1 cancelled with 10 left: requested"));
  EXPECT_THAT(Say(Cancel{.order_id = 4}), ElementsAre("4 cancelled with 10 left: requested"));
  EXPECT_EQ(machine_->Best(0, Side::kSell), (BestLevel{.price = 100, .quantity = 10, .orders = 1}));
  EXPECT_THAT(Say(Buy(9, 100, 1)), ElementsAre("accepted 9", "9 filled by 1 at 100 with 3, 9 there"));
}

TEST_F(Trading, ReduceKeepsThePlaceInTheQueue) {
  Say(Sell(1, 100, 10));
  Say(Sell(2, 100, 10));
  EXPECT_THAT(Say(Reduce{.order_id = 1, .quantity = 4}), ElementsAre("1 reduced by 4 to 6"));
  EXPECT_THAT(Say(Reduce{.mode = ReduceMode::kTo, .order_id = 1, .quantity = 5}),
              ElementsAre("1 reduced by 1 to 5"));
  EXPECT_EQ(machine_->Best(0, Side::kSell), (BestLevel{.price = 100, .quantity = 15, .orders = 2}));
  EXPECT_THAT(Say(Buy(9, 100, 5)), ElementsAre("accepted 9", "9 filled by 5 at 100 with 1, 0 there"));
}

TEST_F(Trading, ReduceToNothingCancels) {
  Say(Sell(1, 100, 10));
  Say(Sell(2, 100, 10));
  Say(Sell(3, 100, 10));
  EXPECT_THAT(Say(Reduce{.order_id = 1, .quantity = 10}), ElementsAre("1 cancelled with 10 left: requested"));
  EXPECT_THAT(Say(Reduce{.order_id = 2, .quantity = 11}), ElementsAre("2 cancelled with 10 left: requested"));
  EXPECT_THAT(Say(Reduce{.mode = ReduceMode::kTo, .order_id = 3, .quantity = 0}),
              ElementsAre("3 cancelled with 10 left: requested"));
}

TEST_F(Trading, ReplaceLosesThePlaceInTheQueue) {
  Say(Sell(1, 100, 10));
  Say(Sell(2, 100, 10));
  EXPECT_THAT(Say(Replace{.order_id = 1, .new_order_id = 3, .price = 100, .quantity = 10}),
              ElementsAre("1 replaced by 3"));
  EXPECT_THAT(Say(Buy(9, 100, 12)), ElementsAre("accepted 9", "9 trades 10 at 100 with 2, 2 left, 0 there",
                                                "9 filled by 2 at 100 with 3, 8 there"));
  EXPECT_EQ(ReasonFor(Cancel{.order_id = 1}), RejectReason::kUnknownOrder);
}

TEST_F(Trading, ReplaceMayTradeAndMayKeepItsId) {
  Say(Sell(1, 100, 10));
  Say(Buy(2, 90, 5));
  EXPECT_THAT(Say(Replace{.order_id = 2, .new_order_id = 2, .price = 100, .quantity = 4}),
              ElementsAre("2 replaced by 2", "2 filled by 4 at 100 with 1, 6 there"));
}

TEST_F(Trading, ARejectedReplaceLeavesTheOrder) {
  Say(Sell(1, 100, 10));
  Say(Buy(2, 90, 5));
  Say(Buy(3, 90, 5));
  EXPECT_EQ(ReasonFor(Replace{
                .type = OrderType::kPostOnly, .order_id = 2, .new_order_id = 4, .price = 100, .quantity = 4}),
            RejectReason::kWouldTrade);
  EXPECT_EQ(ReasonFor(Replace{.order_id = 2, .new_order_id = 3, .price = 91, .quantity = 4}),
            RejectReason::kDuplicateOrderId);
  EXPECT_EQ(machine_->Remaining(2), 5U);
}

TEST_F(Trading, ExecuteFillsTheNamedOrder) {
  Say(Sell(1, 100, 10));
  EXPECT_THAT(Say(Execute{.order_id = 1, .incoming_order_id = 7, .quantity = 4}),
              ElementsAre("accepted 7", "7 filled by 4 at 100 with 1, 6 there"));
  EXPECT_THAT(Say(Execute{.order_id = 1, .quantity = 9}),
              ElementsAre("accepted 0", "0 trades 6 at 100 with 1, 3 left, 0 there",
                          "0 cancelled with 3 left: rest of immediate-or-cancel"));
}

TEST_F(Trading, ExecuteOutOfPriorityIsMarked) {
  Say(Sell(1, 100, 10));
  Say(Sell(2, 100, 10));
  Say(Sell(3, 101, 10));
  EXPECT_EQ(machine_.Apply(Execute{.order_id = 2, .quantity = 1}).reports[1].flags, kOutOfPriority);
  EXPECT_EQ(machine_.Apply(Execute{.order_id = 3, .quantity = 1}).reports[1].flags, kOutOfPriority);
  EXPECT_EQ(machine_.Apply(Execute{.order_id = 1, .quantity = 1}).reports[1].flags, 0);
}

TEST_F(Trading, SelfTradesAreAllowedUnlessForbidden) {
  Say(By(7, Sell(1, 100, 5)));
  EXPECT_THAT(Say(By(7, Buy(2, 100, 2))), ElementsAre("accepted 2", "2 filled by 2 at 100 with 1, 3 there"));
}

TEST_F(Trading, NobodyMayTradeWithHimself) {
  Say(Sell(1, 100, 5));
  EXPECT_THAT(Say(By(0, Buy(2, 100, 2), SelfTrade::kCancelBoth)),
              ElementsAre("accepted 2", "2 filled by 2 at 100 with 1, 3 there"));
}

class SelfTrading : public Trading {
 protected:
  // Somebody else's order, then two of one's own, at one price.
  void SetUp() override {
    Say(By(8, Sell(1, 100, 5)));
    Say(By(7, Sell(2, 100, 5)));
    Say(By(7, Sell(3, 100, 5)));
    Say(By(8, Sell(4, 100, 5)));
  }
};

TEST_F(SelfTrading, CancelNewestEndsTheIncomingOrder) {
  EXPECT_THAT(Say(By(7, Buy(9, 100, 8), SelfTrade::kCancelNewest)),
              ElementsAre("accepted 9", "9 trades 5 at 100 with 1, 3 left, 0 there",
                          "9 cancelled with 3 left: self-trade"));
  EXPECT_EQ(machine_->Remaining(2), 5U);
}

TEST_F(SelfTrading, CancelOldestClearsTheWay) {
  EXPECT_THAT(Say(By(7, Buy(9, 100, 8), SelfTrade::kCancelOldest)),
              ElementsAre("accepted 9", "9 trades 5 at 100 with 1, 3 left, 0 there",
                          "2 cancelled with 5 left: self-trade", "3 cancelled with 5 left: self-trade",
                          "9 filled by 3 at 100 with 4, 2 there"));
}

TEST_F(SelfTrading, CancelBothEndsBoth) {
  EXPECT_THAT(Say(By(7, Buy(9, 100, 8), SelfTrade::kCancelBoth)),
              ElementsAre("accepted 9", "9 trades 5 at 100 with 1, 3 left, 0 there",
                          "2 cancelled with 5 left: self-trade", "9 cancelled with 3 left: self-trade"));
  EXPECT_EQ(machine_->Remaining(3), 5U);
}

TEST_F(SelfTrading, FillOrKillCountsOnlyWhatItMayTradeWith) {
  EXPECT_THAT(Say(By(7, Buy(9, 100, 8, OrderType::kFillOrKill), SelfTrade::kCancelNewest)),
              ElementsAre("accepted 9", "9 cancelled with 8 left: fill-or-kill"));
  EXPECT_THAT(Say(By(7, Buy(9, 100, 11, OrderType::kFillOrKill), SelfTrade::kCancelOldest)),
              ElementsAre("accepted 9", "9 cancelled with 11 left: fill-or-kill"));
  EXPECT_EQ(machine_->resting_orders(), 4U);
  EXPECT_THAT(Say(By(7, Buy(9, 100, 10, OrderType::kFillOrKill), SelfTrade::kCancelOldest)),
              ElementsAre("accepted 9", "9 trades 5 at 100 with 1, 5 left, 0 there",
                          "2 cancelled with 5 left: self-trade", "3 cancelled with 5 left: self-trade",
                          "9 filled by 5 at 100 with 4, 0 there"));
}

TEST_F(SelfTrading, ExecuteMindsItToo) {
  EXPECT_THAT(Say(Execute{.self_trade = SelfTrade::kCancelNewest, .owner = 7, .order_id = 2, .quantity = 1}),
              ElementsAre("accepted 0", "0 cancelled with 1 left: self-trade"));
  EXPECT_THAT(Say(Execute{.self_trade = SelfTrade::kCancelOldest, .owner = 7, .order_id = 2, .quantity = 1}),
              ElementsAre("accepted 0", "2 cancelled with 5 left: self-trade",
                          "0 cancelled with 1 left: self-trade"));
}

TEST_F(Trading, AFullBookRejectsWhatWouldRestAndNothingElse) {
  machine_ = TestMachine({.instruments = 1, .max_orders = 2});
  Say(Sell(1, 100, 5));
  Say(Sell(2, 101, 5));
  EXPECT_EQ(ReasonFor(Sell(3, 102, 5)), RejectReason::kBookFull);
  EXPECT_EQ(ReasonFor(Buy(3, 90, 5, OrderType::kPostOnly)), RejectReason::kBookFull);
  EXPECT_EQ(ReasonFor(Replace{.order_id = 2, .new_order_id = 4, .price = 105, .quantity = 5}),
            RejectReason::kNone);
  EXPECT_EQ(ReasonFor(Buy(3, 100, 5, OrderType::kImmediateOrCancel)), RejectReason::kNone);
  EXPECT_EQ(ReasonFor(Sell(3, 102, 5)), RejectReason::kNone);
}

TEST_F(Trading, TheLargestNumbersWork) {
  Say(Sell(1, kMaxPrice, kMaxQuantity));
  Say(Sell(UINT64_MAX, kMaxPrice, kMaxQuantity));
  EXPECT_EQ(machine_->Best(0, Side::kSell),
            (BestLevel{.price = kMaxPrice, .quantity = 2 * kMaxQuantity, .orders = 2}));
  const Outcome outcome = machine_.Apply(Buy(3, 0, kMaxQuantity, OrderType::kMarket));
  EXPECT_EQ(outcome.header.filled_quantity, kMaxQuantity);
  EXPECT_EQ(ReasonFor(Buy(4, 1, kMaxQuantity)), RejectReason::kNone);
  EXPECT_EQ(machine_->Best(0, Side::kBuy), (BestLevel{.price = 1, .quantity = kMaxQuantity, .orders = 1}));
}

}  // namespace
}  // namespace gaios::order_book

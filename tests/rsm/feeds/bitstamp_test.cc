#include "gaios/rsm/feeds/bitstamp.h"

#include <gtest/gtest.h>

#include "tests/rsm/feeds/writers.h"

namespace gaios::feeds {
namespace {

constexpr const char* kHeader = "id,timestamp,exchange.timestamp,price,volume,action,direction\n";

FeedRun ReadAll(const std::string& text) {
  absl::StatusOr<std::unique_ptr<BitstampFeed>> feed = BitstampFeed::Open(TemporaryFile("bitstamp", text));
  EXPECT_TRUE(feed.ok()) << feed.status();
  return RunToEnd(**feed);
}

TEST(ScaledDecimal, IsExact) {
  EXPECT_EQ(ScaledDecimal("236.47", 2), 23'647U);
  EXPECT_EQ(ScaledDecimal("236.4", 2), 23'640U);
  EXPECT_EQ(ScaledDecimal("236", 2), 23'600U);
  EXPECT_EQ(ScaledDecimal("236.", 2), 23'600U);
  EXPECT_EQ(ScaledDecimal(".07", 2), 7U);
  EXPECT_EQ(ScaledDecimal("236.47000", 2), 23'647U);
  EXPECT_EQ(ScaledDecimal("12.0", 0), 12U);
  EXPECT_EQ(ScaledDecimal("18446744073709551615", 0), 18'446'744'073'709'551'615U);
  EXPECT_EQ(ScaledDecimal("184467440737095516.15", 2), 18'446'744'073'709'551'615U);
}

TEST(ScaledDecimal, RefusesWhatIsNotExact) {
  for (const char* text : {"", ".", "-1", "+1", "1e5", "1.2.3", " 1", "1 ", "0x1", "1,2", "236.471", "nan",
                           "184467440737095516.16", "999999999999999999999"}) {
    EXPECT_EQ(ScaledDecimal(text, 2), std::nullopt) << text;
  }
}

TEST(Bitstamp, MapsEachAction) {
  const FeedRun run = ReadAll(std::string(kHeader) +
                              "10,1430438404518,1430438404000,236.47,200000000,created,bid\n"
                              "11,1430438404519,1430438404000,236.5,100,created,ask\n"
                              "10,1430438404635,1430438404000,236.40,178855669,changed,bid\n"
                              "10,1430438404636,1430438404000,236.47,178855669,changed,bid\n"
                              "11,1430438404637,1430438404000,236.50,0,changed,ask\n"
                              "10,1430438404638,1430438404000,236.47,0,deleted,bid\n");
  EXPECT_EQ(run.end, FeedState::kEnd);
  ASSERT_EQ(run.events.size(), 5U);
  EXPECT_EQ(run.events[0].kind, OrderEventKind::kAdd);
  EXPECT_EQ(run.events[0].price_ticks, 23'647);
  EXPECT_EQ(run.events[0].quantity_lots, 200'000'000U);
  EXPECT_EQ(run.events[0].time_ns, 1'430'438'404'518'000'000U);
  EXPECT_EQ(run.events[0].side, OrderSide::kBuy);
  EXPECT_EQ(run.events[0].instrument, kBitstampInstrument);
  EXPECT_EQ(run.events[1].side, OrderSide::kSell);
  EXPECT_EQ(run.events[2].kind, OrderEventKind::kReduce);
  EXPECT_EQ(run.events[2].quantity_lots, 21'144'331U);
  EXPECT_EQ(run.events[2].remaining_lots, 178'855'669U);
  EXPECT_EQ(run.events[2].price_ticks, 23'647) << "the order keeps its own limit";
  EXPECT_EQ(run.events[3].kind, OrderEventKind::kCancel);
  EXPECT_EQ(run.events[3].quantity_lots, 100U);
  EXPECT_EQ(run.events[4].kind, OrderEventKind::kCancel);
  EXPECT_EQ(run.events[4].quantity_lots, 178'855'669U);
  EXPECT_EQ(run.report.Find("changed")->ignored, 1U) << "a change of nothing";
  EXPECT_EQ(run.report.end_line, 7U);
}

TEST(Bitstamp, TakesQuotedFieldsCarriageReturnsAndAMissingHeader) {
  const std::string quoted =
      "\"id\",\"timestamp\",\"exchange.timestamp\",\"price\",\"volume\",\"action\",\"direction\"\r\n"
      "\"1\",\"2\",\"3\",\"4.5\",\"6\",\"created\",\"bid\"\r\n";
  const FeedRun run = ReadAll(quoted + "\r\n2,2,3,4.5,6,created,ask");
  EXPECT_EQ(run.end, FeedState::kEnd);
  EXPECT_EQ(run.report.malformed, 0U);
  EXPECT_EQ(run.events.size(), 2U);
  EXPECT_EQ(ReadAll("1,2,3,4.5,6,created,bid\n").events.size(), 1U);
}

TEST(Bitstamp, CountsUnknownAndInconsistent) {
  const FeedRun run = ReadAll(
      "1,2,3,4.5,6,changed,bid\n"
      "1,2,3,4.5,6,deleted,bid\n"
      "2,2,3,4.5,6,created,bid\n"
      "2,2,3,4.5,6,created,bid\n"
      "2,2,3,4.5,7,changed,bid\n"
      "2,2,3,4.5,5,changed,ask\n"
      "3,2,3,4.5,0,created,bid\n"
      "3,2,3,0,5,created,bid\n"
      "0,2,3,4.5,5,created,bid\n"
      "2,2,3,4.5,4,changed,bid\n");
  EXPECT_EQ(run.report.unknown_references(), 2U);
  EXPECT_EQ(run.report.inconsistent(), 6U);
  ASSERT_EQ(run.events.size(), 2U);
  EXPECT_EQ(run.events[1].quantity_lots, 2U) << "after a growth that was not taken over";
}

TEST(Bitstamp, CountsMalformedLinesAndGoesOn) {
  const std::string good = "1,2,3,4.5,6,created,bid\n";
  for (const std::string& bad :
       {std::string("x,2,3,4.5,6,created,bid"), std::string("2,-2,3,4.5,6,created,bid"),
        std::string("2,2,,4.5,6,created,bid"), std::string("2,2,3,4.555,6,created,bid"),
        std::string("2,2,3,4.5,6.5,created,bid"), std::string("2,2,3,4.5,6,made,bid"),
        std::string("2,2,3,4.5,6,created,buy"), std::string("2,2,3,4.5,6,created"),
        std::string("2,2,3,4.5,6,created,bid,"), std::string("2,99999999999999,3,4.5,6,created,bid"),
        std::string("2,2,3,184467440737095516.15,6,created,bid"), std::string(kHeader, 61),
        std::string(",,,,,,"), std::string(5'000, 'x'), std::string(300'000, ','),
        std::string("\0\xff\x80", 3)}) {
    const FeedRun run = ReadAll(good + bad + "\n3,2,3,4.5,6,created,bid\n");
    EXPECT_EQ(run.end, FeedState::kEnd);
    EXPECT_EQ(run.report.malformed, 1U) << bad.substr(0, 60);
    EXPECT_EQ(run.report.first_malformed_line, 2U);
    EXPECT_EQ(run.report.first_malformed_offset, good.size());
    EXPECT_EQ(run.report.end_line, 3U);
    EXPECT_EQ(run.events.size(), 2U);
  }
}

TEST(Bitstamp, ReportsALineThatBreaksOff) {
  const std::string whole = std::string(kHeader) + "1,2,3,4.5,6,created,bid\n";
  const FeedRun run = ReadAll(whole + "2,2,3,4.5,6,cre");
  EXPECT_EQ(run.end, FeedState::kDamaged);
  EXPECT_EQ(run.events.size(), 1U);
  EXPECT_EQ(run.report.end_offset, whole.size());
  EXPECT_EQ(run.report.end_line, 2U);
  EXPECT_NE(run.report.ToString().find("after line 2: the file ends inside a line"), std::string::npos);
}

}  // namespace
}  // namespace gaios::feeds

#include "gaios/rsm/feeds/itch.h"

#include <gtest/gtest.h>

#include "gaios/rsm/feeds/generator.h"

#include "tests/rsm/feeds/writers.h"

namespace gaios::feeds {
namespace {

constexpr ItchLengths kBoth[] = {ItchLengths::kReal, ItchLengths::kZero};
constexpr std::uint64_t kTime = 34'200'000'000'123;

FeedRun ReadAll(const std::string& bytes) {
  absl::StatusOr<std::unique_ptr<ItchFeed>> feed = ItchFeed::Open(TemporaryFile("itch", bytes));
  EXPECT_TRUE(feed.ok()) << feed.status();
  return RunToEnd(**feed);
}

std::string Message(char type, const std::string& rest, ItchLengths lengths = ItchLengths::kReal) {
  return ItchMessage(type, 7, kTime, rest, lengths);
}
std::string AddMessage(std::uint64_t reference, std::uint64_t shares, char side = 'B',
                       ItchLengths lengths = ItchLengths::kReal) {
  return Message('A',
                 BigEndian(reference, 8) + side + BigEndian(shares, 4) + "GAIOS   " + BigEndian(1'234'500, 4),
                 lengths);
}

TEST(Itch, MapsEachOrderMessage) {
  for (const ItchLengths lengths : kBoth) {
    const std::string first = BigEndian(100, 8);
    const FeedRun run = ReadAll(
        AddMessage(100, 1000, 'S', lengths) +
        Message('F', BigEndian(101, 8) + "B" + BigEndian(50, 4) + "GAIOS   " + BigEndian(99, 4) + "ABCD",
                lengths) +
        Message('E', first + BigEndian(100, 4) + BigEndian(1, 8), lengths) +
        Message('C', first + BigEndian(200, 4) + BigEndian(2, 8) + "Y" + BigEndian(1'234'400, 4), lengths) +
        Message('X', first + BigEndian(300, 4), lengths) +
        Message('U', first + BigEndian(102, 8) + BigEndian(80, 4) + BigEndian(1'234'600, 4), lengths) +
        Message('X', BigEndian(102, 8) + BigEndian(80, 4), lengths) +
        Message('D', BigEndian(101, 8), lengths));
    EXPECT_EQ(run.end, FeedState::kEnd);
    const auto event = [](OrderEventKind kind, std::uint64_t id, OrderSide side, std::int64_t price,
                          std::uint64_t quantity, std::uint64_t remaining) {
      OrderEvent made;
      made.kind = kind;
      made.order_id = id;
      made.side = side;
      made.price_ticks = price;
      made.quantity_lots = quantity;
      made.remaining_lots = remaining;
      made.instrument = 7;
      made.time_ns = kTime;
      return made;
    };
    std::vector<OrderEvent> expected = {
        event(OrderEventKind::kAdd, 100, OrderSide::kSell, 1'234'500, 1000, 1000),
        event(OrderEventKind::kAdd, 101, OrderSide::kBuy, 99, 50, 50),
        event(OrderEventKind::kExecute, 100, OrderSide::kSell, 1'234'500, 100, 900),
        event(OrderEventKind::kExecute, 100, OrderSide::kSell, 1'234'500, 200, 700),
        event(OrderEventKind::kReduce, 100, OrderSide::kSell, 1'234'500, 300, 400),
        event(OrderEventKind::kReplace, 100, OrderSide::kSell, 1'234'600, 80, 80),
        event(OrderEventKind::kCancel, 102, OrderSide::kSell, 1'234'600, 80, 0),
        event(OrderEventKind::kCancel, 101, OrderSide::kBuy, 99, 50, 0),
    };
    expected[1].owner = expected[7].owner = 0x41424344;
    expected[5].new_order_id = 102;
    EXPECT_EQ(run.events, expected);
    EXPECT_EQ(run.report.malformed, 0U);
  }
}

TEST(Itch, CountsAndIgnoresEveryOtherType) {
  const std::string others = "SRHYLVWKJhPQBINO";
  for (const ItchLengths lengths : kBoth) {
    std::string bytes;
    for (const char type : others) {
      bytes +=
          Message(type, std::string(ItchMessageBytes(static_cast<std::uint8_t>(type)) - 11, ' '), lengths);
    }
    const FeedRun run = ReadAll(bytes + AddMessage(1, 1, 'B', lengths));
    EXPECT_EQ(run.end, FeedState::kEnd);
    EXPECT_EQ(run.events.size(), 1U);
    EXPECT_EQ(run.report.ignored(), others.size());
    for (const char type : others) {
      EXPECT_EQ(run.report.Find(std::string(1, type))->ignored, 1U) << type;
    }
  }
}

TEST(Itch, CountsUnknownReferences) {
  const std::string shares = BigEndian(1, 4);
  const FeedRun run =
      ReadAll(Message('E', BigEndian(1, 8) + shares + BigEndian(1, 8)) +
              Message('X', BigEndian(2, 8) + shares) + Message('D', BigEndian(3, 8)) +
              Message('U', BigEndian(4, 8) + BigEndian(5, 8) + shares + BigEndian(9, 4)) + AddMessage(6, 1) +
              Message('E', BigEndian(6, 8) + shares + BigEndian(2, 8)) + Message('D', BigEndian(6, 8)));
  EXPECT_EQ(run.report.unknown_references(), 5U);
  EXPECT_EQ(run.report.Find("D")->unknown_references, 2U) << "an order that was filled is gone";
  EXPECT_EQ(run.events.size(), 2U);
}

TEST(Itch, CountsContradictions) {
  const std::string reference = BigEndian(1, 8);
  const std::string bytes = AddMessage(1, 10) + AddMessage(1, 10) + AddMessage(2, 0) +
                            Message('E', reference + BigEndian(11, 4) + BigEndian(1, 8)) +
                            Message('X', reference + BigEndian(0, 4)) +
                            ItchMessage('D', 8, kTime, reference, ItchLengths::kReal) +
                            Message('U', reference + reference + BigEndian(5, 4) + BigEndian(9, 4)) +
                            Message('U', reference + BigEndian(3, 8) + BigEndian(0, 4) + BigEndian(9, 4));
  const FeedRun run = ReadAll(bytes);
  EXPECT_EQ(run.end, FeedState::kEnd);
  EXPECT_EQ(run.report.inconsistent(), 7U);
  EXPECT_EQ(run.events.size(), 1U);
}

TEST(Itch, GivesReferenceZeroAnIdOfItsOwn) {
  const FeedRun run = ReadAll(AddMessage(0, 5) + Message('D', BigEndian(0, 8)));
  ASSERT_EQ(run.events.size(), 2U);
  EXPECT_EQ(run.events[0].order_id, kItchReferenceZero);
  EXPECT_EQ(run.events[1].order_id, kItchReferenceZero);
}

TEST(Itch, AnUnreadableSideIsMalformed) {
  const FeedRun run = ReadAll(AddMessage(1, 10) + AddMessage(2, 10, 'Q') + AddMessage(3, 10));
  EXPECT_EQ(run.events.size(), 2U);
  EXPECT_EQ(run.report.malformed, 1U);
  EXPECT_EQ(run.report.first_malformed_offset, 38U);
  EXPECT_NE(run.report.ToString().find("1 malformed"), std::string::npos);
  EXPECT_NE(run.report.ToString().find("first malformed at byte 38"), std::string::npos);
}

TEST(Itch, SkipsAFrameWhoseLengthDisagreesByItsLength) {
  for (const std::size_t extra : {1U, 5U, 60'000U}) {
    std::string longer = AddMessage(2, 10) + std::string(extra, 'x');
    longer.replace(0, 2, BigEndian(36 + extra, 2));
    const FeedRun run = ReadAll(AddMessage(1, 10) + longer + AddMessage(3, 10));
    EXPECT_EQ(run.end, FeedState::kEnd);
    EXPECT_EQ(run.report.malformed, 1U);
    ASSERT_EQ(run.events.size(), 2U);
    EXPECT_EQ(run.events[1].order_id, 3U);
  }
}

TEST(Itch, FindsTheNextMessageWhereALengthLeadsNowhere) {
  for (const ItchLengths lengths : kBoth) {
    for (const std::uint64_t wrong : {1U, 35U, 37U, 300U, 65'535U}) {
      std::string damaged = AddMessage(2, 10, 'B', lengths);
      damaged.replace(0, 2, BigEndian(wrong, 2));
      const FeedRun run = ReadAll(AddMessage(1, 10, 'B', lengths) + damaged +
                                  AddMessage(3, 10, 'B', lengths) + AddMessage(4, 10, 'B', lengths));
      EXPECT_EQ(run.end, FeedState::kEnd);
      EXPECT_EQ(run.report.malformed, 1U);
      ASSERT_EQ(run.events.size(), 3U) << wrong;
      EXPECT_EQ(run.events[1].order_id, 3U);
    }
  }
}

TEST(Itch, FindsTheNextMessageAfterRubbish) {
  for (const ItchLengths lengths : kBoth) {
    for (const std::size_t rubbish_bytes : {1U, 10U, 4'000U, 4'096U, 300'000U}) {
      const FeedRun run = ReadAll(AddMessage(1, 10, 'B', lengths) + std::string(rubbish_bytes, '\xff') +
                                  AddMessage(3, 10, 'B', lengths) + AddMessage(4, 10, 'B', lengths));
      EXPECT_EQ(run.end, FeedState::kEnd);
      EXPECT_EQ(run.report.malformed, 1U);
      EXPECT_EQ(run.report.first_malformed_offset, 38U);
      EXPECT_EQ(run.events.size(), 3U) << rubbish_bytes;
    }
  }
}

TEST(Itch, IgnoresTypesOfALaterVersion) {
  const std::string foreign = Message('z', std::string(20, ' '));
  const FeedRun run = ReadAll(AddMessage(1, 10) + foreign + foreign + AddMessage(2, 10));
  EXPECT_EQ(run.end, FeedState::kEnd);
  EXPECT_EQ(run.events.size(), 2U);
  EXPECT_EQ(run.report.malformed, 0U);
  EXPECT_EQ(run.report.Find("other")->ignored, 2U);
}

TEST(Itch, KnowsTheEndOfASessionFromATruncation) {
  const std::string end(2, '\0');
  const FeedRun session = ReadAll(AddMessage(1, 10) + end);
  EXPECT_EQ(session.end, FeedState::kEnd);
  EXPECT_EQ(session.report.end_offset, 40U);
  const FeedRun broken = ReadAll(AddMessage(1, 10, 'B', ItchLengths::kZero) + end);
  EXPECT_EQ(broken.end, FeedState::kDamaged) << "where all lengths are zero this begins a message";
  EXPECT_EQ(broken.report.end_offset, 38U);
  EXPECT_NE(broken.report.ToString().find("ended early at byte 38: the file ends inside a message"),
            std::string::npos);
}

TEST(Itch, ReadsBackAGeneratedFlowOfManyWindows) {
  absl::StatusOr<std::unique_ptr<Generator>> generator = Generator::Create(
      {.seed = 3, .max_events = 20'000, .instruments = 40, .target_orders = 3'000, .owners = 9});
  ASSERT_TRUE(generator.ok());
  const FeedRun made = RunToEnd(**generator);
  for (const ItchLengths lengths : kBoth) {
    for (const Compression compression : {Compression::kNone, Compression::kGzip, Compression::kXz}) {
      EXPECT_EQ(ReadAll(Compress(compression, WriteItch(made.events, lengths))).events, made.events);
    }
  }
}

}  // namespace
}  // namespace gaios::feeds

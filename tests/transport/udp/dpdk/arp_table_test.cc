#include "gaios/transport/udp/dpdk/arp_table.h"

#include <cstdint>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

namespace gaios::transport::udp::dpdk {
namespace {

constexpr MacAddress kMac = {2, 0, 0, 0, 0, 1};
constexpr MacAddress kOtherMac = {2, 0, 0, 0, 0, 2};
constexpr ArpTable::Timing kTiming = {.first_wait_ns = 10, .max_wait_ns = 100, .fresh_ns = 1'000};

class ArpTableTest : public ::testing::Test {
 protected:
  // When `address` is asked for from `from_ns` up to `to_ns`.
  std::vector<std::uint64_t> Asks(std::uint32_t address, std::uint64_t from_ns, std::uint64_t to_ns) {
    std::vector<std::uint64_t> times;
    for (std::uint64_t now_ns = from_ns; now_ns < to_ns; ++now_ns) {
      while (const std::optional<std::uint32_t> asked = table_.NextToAsk(now_ns)) {
        EXPECT_EQ(*asked, address);
        times.push_back(now_ns);
      }
    }
    return times;
  }

  ArpTable table_{kTiming};
};

TEST_F(ArpTableTest, NothingIsAskedForWithoutNeed) {
  EXPECT_EQ(table_.NextToAsk(0), std::nullopt);
  EXPECT_EQ(table_.NextToAsk(1'000'000), std::nullopt);
}

TEST_F(ArpTableTest, AnUnknownAddressIsAskedForAtOnceAndThenLessAndLessOften) {
  EXPECT_EQ(table_.Find(7, 5), nullptr);
  EXPECT_EQ(Asks(7, 5, 400), (std::vector<std::uint64_t>{5, 15, 35, 75, 155, 255, 355}));
}

TEST_F(ArpTableTest, AnAddressThatIsNotWantedAnyMoreIsForgotten) {
  EXPECT_EQ(table_.Find(7, 0), nullptr);
  Asks(7, 0, 3'000);
  EXPECT_EQ(table_.size(), 0U);
  EXPECT_TRUE(Asks(7, 3'000, 5'000).empty());
}

TEST_F(ArpTableTest, AnAnswerIsUsedAndEndsTheAsking) {
  EXPECT_EQ(table_.Find(7, 0), nullptr);
  EXPECT_EQ(table_.NextToAsk(0), 7U);
  table_.Learn(7, kMac, 3, false);
  ASSERT_NE(table_.Find(7, 4), nullptr);
  EXPECT_EQ(*table_.Find(7, 4), kMac);
  EXPECT_TRUE(Asks(7, 4, 1'003).empty());
}

TEST_F(ArpTableTest, AnAnswerThatIsOldIsAskedForAgainAndUsedMeanwhile) {
  EXPECT_EQ(table_.Find(7, 0), nullptr);
  table_.Learn(7, kMac, 0, false);
  EXPECT_NE(table_.Find(7, 500), nullptr);
  EXPECT_EQ(Asks(7, 500, 1'005), (std::vector<std::uint64_t>{1'000}));
  ASSERT_NE(table_.Find(7, 1'005), nullptr);
  table_.Learn(7, kOtherMac, 1'006, false);
  EXPECT_EQ(*table_.Find(7, 1'007), kOtherMac);
  EXPECT_TRUE(Asks(7, 1'007, 2'006).empty());
}

TEST_F(ArpTableTest, WhoeverHasLeftIsNotSentToForEver) {
  EXPECT_EQ(table_.Find(7, 0), nullptr);
  table_.Learn(7, kMac, 0, false);
  EXPECT_NE(table_.Find(7, 999), nullptr);
  EXPECT_EQ(Asks(7, 999, 1'149), (std::vector<std::uint64_t>{1'000, 1'010, 1'030, 1'070}));
  EXPECT_NE(table_.Find(7, 1'149), nullptr);
  EXPECT_EQ(Asks(7, 1'149, 1'151), (std::vector<std::uint64_t>{1'150}));
  EXPECT_EQ(table_.Find(7, 1'151), nullptr);
  table_.Learn(7, kMac, 1'152, false);
  EXPECT_NE(table_.Find(7, 1'153), nullptr);
}

TEST_F(ArpTableTest, AKnownAddressThatIsNotUsedIsNotAskedFor) {
  EXPECT_EQ(table_.Find(7, 0), nullptr);
  table_.Learn(7, kMac, 0, false);
  EXPECT_TRUE(Asks(7, 0, 3'000).empty());
  EXPECT_EQ(table_.size(), 0U);
}

TEST_F(ArpTableTest, WhatNobodyAskedForIsLearnedOnlyWhenItMayBeAdded) {
  EXPECT_FALSE(table_.Learn(7, kMac, 0, false));
  EXPECT_EQ(table_.size(), 0U);
  EXPECT_TRUE(table_.Learn(7, kMac, 0, true));
  EXPECT_EQ(table_.size(), 1U);
  EXPECT_NE(table_.Find(7, 1), nullptr);
}

TEST_F(ArpTableTest, AFullTableGivesUpTheOneNotUsedForLongestButNotForAStranger) {
  for (std::uint32_t address = 1; address <= kMaxNeighbours; ++address) {
    EXPECT_EQ(table_.Find(address, address), nullptr);
    table_.Learn(address, kMac, address, false);
  }
  EXPECT_NE(table_.Find(1, 900), nullptr);
  EXPECT_FALSE(table_.Learn(1'000, kMac, 901, true));
  EXPECT_EQ(table_.size(), kMaxNeighbours);
  EXPECT_NE(table_.Find(2, 1), nullptr);  // still the one not used for longest
  EXPECT_EQ(table_.Find(2'000, 902), nullptr);
  EXPECT_EQ(table_.size(), kMaxNeighbours);
  EXPECT_EQ(table_.NextToAsk(902), 2'000U);
  EXPECT_NE(table_.Find(1, 903), nullptr);
  EXPECT_NE(table_.Find(3, 903), nullptr);
  EXPECT_EQ(table_.Find(2, 904), nullptr);  // given up
}

TEST_F(ArpTableTest, ManyAddressesAreAskedForInTurn) {
  for (std::uint32_t address = 1; address <= 10; ++address) {
    EXPECT_EQ(table_.Find(address, 0), nullptr);
  }
  std::vector<std::uint32_t> asked;
  while (const std::optional<std::uint32_t> address = table_.NextToAsk(0)) {
    asked.push_back(*address);
  }
  EXPECT_EQ(asked.size(), 10U);
  EXPECT_EQ(table_.NextToAsk(9), std::nullopt);
  EXPECT_NE(table_.NextToAsk(10), std::nullopt);
}

}  // namespace
}  // namespace gaios::transport::udp::dpdk

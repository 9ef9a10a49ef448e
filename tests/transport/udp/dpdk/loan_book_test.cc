// Which loans are over, when they end in any order.

#include "gaios/transport/udp/dpdk/loan_book.h"

#include <cstdint>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace gaios::transport::udp::dpdk {
namespace {

TEST(LoanBook, OneIsOverWhenAllBeforeItAre) {
  LoanBook book(4);
  EXPECT_EQ(book.Begin(), 1U);
  EXPECT_EQ(book.Begin(), 2U);
  EXPECT_EQ(book.Begin(), 3U);
  book.End(2);
  EXPECT_EQ(book.over(), 0U) << "P8: the first is still read";
  book.End(1);
  EXPECT_EQ(book.over(), 2U);
  book.End(3);
  EXPECT_EQ(book.over(), book.latest());
}

TEST(LoanBook, ThereAreSoManyAsPlacesAndNoPlaceIsGivenTwice) {
  constexpr std::size_t kPlaces = 8;
  LoanBook book(kPlaces);
  std::mt19937_64 random(5);
  std::vector<std::uint64_t> open;
  std::vector<bool> taken(kPlaces, false);
  for (int step = 0; step < 10'000; ++step) {
    if (!book.full() && random() % 2 == 0) {
      open.push_back(book.Begin());
      ASSERT_FALSE(taken[book.PlaceOf(open.back())]);
      taken[book.PlaceOf(open.back())] = true;
    } else if (!open.empty()) {
      const auto which = open.begin() + static_cast<std::ptrdiff_t>(random() % open.size());
      taken[book.PlaceOf(*which)] = false;
      book.End(*which);
      open.erase(which);
    }
    for (const std::uint64_t loan : open) {
      ASSERT_GT(loan, book.over());
    }
    ASSERT_LE(open.size(), kPlaces);
  }
}

TEST(LoanBook, WhatEndsAfterAllWereEndedChangesNothing) {
  LoanBook book(4);
  EXPECT_TRUE(LoanBook().full()) << "one without places lends nothing";
  book.Begin();
  book.Begin();
  book.EndAll();
  EXPECT_EQ(book.over(), 2U);
  book.End(1);
  EXPECT_EQ(book.over(), 2U);
}

}  // namespace
}  // namespace gaios::transport::udp::dpdk

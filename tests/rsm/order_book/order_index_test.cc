// The index from order id to order against a std::map, with ids that crowd each other.

#include "gaios/rsm/order_book/order_index.h"

#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace gaios::order_book {
namespace {

struct Pattern {
  std::string name;
  std::function<OrderId(std::uint64_t)> id;
};

class Index : public testing::TestWithParam<Pattern> {};

TEST_P(Index, FindsWhatIsThereAndNothingElse) {
  constexpr std::uint32_t kMaxOrders = 1'000;
  auto index = OrderIndex::Make(kMaxOrders);
  auto orders = OrderPool::Make(kMaxOrders);
  ASSERT_TRUE(index.ok() && orders.ok());
  std::map<OrderId, OrderHandle> expected;
  std::mt19937_64 random(3);
  for (int step = 0; step < 60'000; ++step) {
    const OrderId id = GetParam().id(random() % 3'000);
    const auto known = expected.find(id);
    ASSERT_EQ(index->Find(id, *orders), known == expected.end() ? OrderHandle() : known->second);
    if (known != expected.end()) {
      index->Erase(id, known->second);
      orders->Give(known->second);
      expected.erase(known);
    } else if (expected.size() < kMaxOrders) {
      const OrderHandle order = orders->Take();
      (*orders)[order].id = id;
      index->Insert(id, order);
      expected[id] = order;
    }
  }
  for (const auto& [id, order] : expected) {
    ASSERT_EQ(index->Find(id, *orders), order);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Ids, Index,
    testing::Values(Pattern{"Counting", [](std::uint64_t n) { return n + 1; }},
                    Pattern{"ByEight", [](std::uint64_t n) { return (n + 1) * 8; }},
                    Pattern{"ByALargePower", [](std::uint64_t n) { return (n + 1) << 40; }},
                    Pattern{"FromTheTop", [](std::uint64_t n) { return UINT64_MAX - n; }},
                    Pattern{"Scattered", [](std::uint64_t n) { return (n + 1) * 0x9e3779b97f4a7c15U; }}),
    [](const testing::TestParamInfo<Pattern>& pattern) { return pattern.param.name; });

// As many orders as there may be: lines overflow, and tags of different ids agree.
TEST(FullIndex, FindsEveryOrderAndNoOther) {
  constexpr std::uint32_t kMaxOrders = 200'000;
  auto index = OrderIndex::Make(kMaxOrders);
  auto orders = OrderPool::Make(kMaxOrders);
  ASSERT_TRUE(index.ok() && orders.ok());
  std::vector<OrderHandle> taken;
  for (OrderId id = 1; id <= kMaxOrders; ++id) {
    taken.push_back(orders->Take());
    (*orders)[taken.back()].id = id;
    index->Insert(id, taken.back());
  }
  for (OrderId id = 1; id <= kMaxOrders; ++id) {
    ASSERT_EQ(index->Find(id, *orders), taken[id - 1]);
    ASSERT_FALSE(index->Find(kMaxOrders + id, *orders));
  }
  for (OrderId id = 1; id <= kMaxOrders; id += 2) {
    index->Erase(id, taken[id - 1]);
  }
  for (OrderId id = 1; id <= kMaxOrders; ++id) {
    ASSERT_EQ(index->Find(id, *orders), id % 2 == 0 ? taken[id - 1] : OrderHandle());
  }
}

}  // namespace
}  // namespace gaios::order_book

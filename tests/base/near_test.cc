#include "gaios/base/near.h"

#include <array>
#include <cstddef>

#include <gtest/gtest.h>

namespace gaios::base {
namespace {

TEST(Near, BringsSomeAndReturnsTheRest) {
  const std::array<std::byte, 1000> bytes = {};
  const std::span<const std::byte> rest = BringNear(bytes, 300);
  EXPECT_EQ(rest.data(), bytes.data() + 300);
  EXPECT_EQ(rest.size(), 700U);
  EXPECT_TRUE(BringNear(rest, 701).empty());
  EXPECT_TRUE(BringNear({}, 4096).empty());
}

TEST(Near, AProgramWithoutTheLayersThatAreGatheredHasNone) {
  EXPECT_TRUE(OwnCode().empty());
}

}  // namespace
}  // namespace gaios::base

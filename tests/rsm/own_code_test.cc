#include <cstddef>
#include <span>

#include <gtest/gtest.h>

#include "gaios/base/near.h"
#include "gaios/paxos/message.h"

namespace gaios::rsm {
namespace {

TEST(OwnCode, HoldsThatOfTheCore) {
  const std::span<const std::byte> code = base::OwnCode();
  const auto* const function = reinterpret_cast<const std::byte*>(&paxos::DecodeMessage);
  EXPECT_GE(function, code.data());
  EXPECT_LT(function, code.data() + code.size());
}

}  // namespace
}  // namespace gaios::rsm

// Lines of one port: each gets what is its own, whoever looked.

#include "gaios/rsm/client/network/shared_port.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/rsm/client/network/wire.h"

#include "tests/transport/udp/memory_network.h"

namespace gaios::rsm {
namespace {

using transport::udp::Endpoint;
using transport::udp::MemoryNetwork;
using transport::udp::Port;

constexpr std::size_t kPayload = 1400;

class Taken final : public transport::udp::DatagramReceiver {
 public:
  void OnDatagram(Endpoint from, std::span<std::byte> payload) override {
    froms.push_back(from);
    sizes.push_back(payload.size());
    payload[0] = std::byte{0xff};  // a receiver may
  }
  std::vector<Endpoint> froms;
  std::vector<std::size_t> sizes;
};

class SharedPortTest : public testing::Test {
 protected:
  // From a replica, for the client at that place of it; `bytes` long in all.
  void Say(Port& replica, std::uint16_t place, std::size_t bytes) {
    const std::span<std::byte> buffer = replica.Claim();
    NetworkHeader header;
    header.place = place;
    std::memcpy(buffer.data(), &header, sizeof(header));
    replica.Send(bytes, shared_.port().local());
    replica.Flush();
  }
  static std::vector<std::size_t> Receive(Port& line, std::size_t limit = 64) {
    Taken taken;
    const std::size_t given = line.Receive(taken, limit);
    EXPECT_EQ(given, taken.sizes.size());
    return taken.sizes;
  }
  using Sizes = std::vector<std::size_t>;

  MemoryNetwork network_;
  std::unique_ptr<Port> one_ = network_.MakePort(kPayload);
  std::unique_ptr<Port> other_ = network_.MakePort(kPayload);
  SharedPort shared_{network_.MakePort(kPayload)};
};

TEST_F(SharedPortTest, EachLineGetsWhatItsReplicaSaysToItsPlace) {
  const auto first = shared_.OpenLine(one_->local(), 0);
  const auto second = shared_.OpenLine(one_->local(), 1);
  const auto third = shared_.OpenLine(other_->local(), 0);
  EXPECT_EQ(first->local(), shared_.port().local());
  EXPECT_EQ(first->max_payload(), kPayload);
  Say(*one_, 1, 201);
  Say(*other_, 0, 300);
  Say(*one_, 0, 200);
  Say(*one_, 1, 202);
  Taken taken;
  EXPECT_EQ(third->Receive(taken, 64), 1U);
  EXPECT_EQ(taken.froms, (std::vector<Endpoint>{other_->local()}));
  EXPECT_EQ(Receive(*first), Sizes{200}) << "kept by the third";
  EXPECT_EQ(Receive(*second), (Sizes{201, 202}));
  EXPECT_TRUE(Receive(*second).empty());
}

TEST_F(SharedPortTest, WhatALineSendsGoesOutByThePort) {
  const auto line = shared_.OpenLine(one_->local(), 0);
  ASSERT_GE(line->Claim().size(), 100U);
  line->Send(100, one_->local());
  line->Flush();
  Taken taken;
  EXPECT_EQ(one_->Receive(taken, 64), 1U);
  EXPECT_EQ(taken.froms, (std::vector<Endpoint>{shared_.port().local()}));
}

TEST_F(SharedPortTest, WhatIsNobodysIsDroppedAndCounted) {
  const auto line = shared_.OpenLine(one_->local(), 0);
  Say(*one_, 7, 200);
  Say(*other_, 0, 200);
  Say(*one_, 0, sizeof(NetworkHeader) - 1);  // too short to say whose it is
  EXPECT_TRUE(Receive(*line).empty());
  EXPECT_EQ(shared_.counters().nobodys, 3U);
}

TEST_F(SharedPortTest, ALineThatIsNotLookedAtKeepsSomeAndLosesTheRest) {
  const auto slow = shared_.OpenLine(one_->local(), 0);
  const auto quick = shared_.OpenLine(one_->local(), 1);
  for (std::size_t i = 0; i < SharedPort::kKept + 3; ++i) {
    Say(*one_, 0, 200 + i);
  }
  EXPECT_TRUE(Receive(*quick, 1000).empty());
  EXPECT_EQ(shared_.counters().lost, 3U);
  EXPECT_EQ(Receive(*slow, 10).size(), 10U) << "no more than it wants";
  const Sizes rest = Receive(*slow, 1000);
  ASSERT_EQ(rest.size(), SharedPort::kKept - 10);
  EXPECT_EQ(rest.front(), 210U);
  EXPECT_EQ(rest.back(), 200 + SharedPort::kKept - 1);
}

TEST_F(SharedPortTest, ALineThatIsGoneGetsNothingAndOneInItsPlaceDoes) {
  auto before = shared_.OpenLine(one_->local(), 0);
  const auto after = shared_.OpenLine(one_->local(), 0);
  Say(*one_, 0, 200);
  EXPECT_TRUE(Receive(*before).empty());
  EXPECT_EQ(Receive(*after), Sizes{200});
  before.reset();
  Say(*one_, 0, 201);
  EXPECT_EQ(Receive(*after), Sizes{201});
}

TEST(SharedPortLifeTest, ALineOutlivesTheObject) {
  MemoryNetwork network;
  const std::unique_ptr<Port> replica = network.MakePort(kPayload);
  auto shared = std::make_unique<SharedPort>(network.MakePort(kPayload));
  const auto line = shared->OpenLine(replica->local(), 0);
  shared.reset();
  ASSERT_FALSE(line->Claim().empty());
  line->Send(100, replica->local());
  line->Flush();
  Taken taken;
  EXPECT_EQ(replica->Receive(taken, 64), 1U);
}

}  // namespace
}  // namespace gaios::rsm

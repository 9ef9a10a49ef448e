// How a queue pair is connected: what the device is told of the other end.

#include "gaios/transport/verbs/queue_pair.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <ranges>
#include <set>
#include <utility>

#include <gtest/gtest.h>

#include "tests/transport/verbs/fake_network.h"

namespace gaios::transport::verbs {
namespace {

class QueuePairTest : public ::testing::Test {
 protected:
  void SetUp() override { queue_ = device_->CreateCompletionQueue(16); }
  void TearDown() override { ASSERT_EQ(device_->DestroyCompletionQueue(queue_), 0); }
  QueuePair Create() {
    absl::StatusOr<QueuePair> pair = QueuePair::Create(*device_, queue_, {});
    EXPECT_TRUE(pair.ok()) << pair.status();
    return *std::move(pair);
  }
  // What the device was told last to bring a queue pair into that state.
  [[nodiscard]] ibv_qp_attr Order(ibv_qp_state state) const {
    for (const ibv_qp_attr& order : std::ranges::reverse_view(device_->orders)) {
      if (order.qp_state == state) {
        return order;
      }
    }
    ADD_FAILURE() << "it was never told to";
    return {};
  }

  FakeNetwork network_;
  const std::unique_ptr<FakeDevice> device_ = network_.MakeDevice();
  ibv_cq* queue_ = nullptr;
};

TEST_F(QueuePairTest, OfTwoThatDifferTheSmallerMtuIsTaken) {
  const std::unique_ptr<FakeDevice> other = network_.MakeDevice();
  ibv_cq* const other_queue = other->CreateCompletionQueue(16);
  for (const auto& [own_mtu, other_mtu] :
       {std::pair(IBV_MTU_4096, IBV_MTU_1024), std::pair(IBV_MTU_1024, IBV_MTU_4096),
        std::pair(IBV_MTU_2048, IBV_MTU_2048)}) {
    device_->mutable_facts.address.mtu = static_cast<std::uint8_t>(own_mtu);
    const PortAddress address = {.link_layer = IBV_LINK_LAYER_ETHERNET,
                                 .mtu = static_cast<std::uint8_t>(other_mtu)};
    QueuePair own = Create();
    absl::StatusOr<QueuePair> peer = QueuePair::Create(*other, other_queue, {});
    ASSERT_TRUE(peer.ok());
    ASSERT_TRUE(own.Receive(address, peer->end(), 1, {}).ok());
    EXPECT_EQ(Order(IBV_QPS_RTR).path_mtu, std::min(own_mtu, other_mtu));
  }
  ASSERT_EQ(other->DestroyCompletionQueue(other_queue), 0);
}

TEST_F(QueuePairTest, PacketsAreNumberedFromAnotherStartEachTime) {
  constexpr std::size_t kPairs = 64;
  std::set<std::uint32_t> starts;
  for (std::size_t i = 0; i < kPairs; ++i) {
    QueuePair own = Create();
    const QueuePair peer = Create();
    ASSERT_TRUE(own.Receive(device_->facts().address, peer.end(), 1, {}).ok());
    EXPECT_EQ(Order(IBV_QPS_RTR).rq_psn, peer.end().first_packet);
    ASSERT_TRUE(own.Transmit(1, {}).ok());
    EXPECT_EQ(Order(IBV_QPS_RTS).sq_psn, own.end().first_packet);
    EXPECT_LT(own.end().first_packet, 1U << 24);
    starts.insert(own.end().first_packet);
  }
  EXPECT_GE(starts.size(), kPairs - 1) << "two of them may meet, by a chance of one in eight thousand";
}

TEST_F(QueuePairTest, OnInfiniBandThePeerIsFoundByItsLid) {
  device_->mutable_facts.address.link_layer = IBV_LINK_LAYER_INFINIBAND;
  QueuePair own = Create();
  const QueuePair peer = Create();
  ASSERT_TRUE(own.Receive({.lid = 77, .link_layer = IBV_LINK_LAYER_INFINIBAND, .mtu = IBV_MTU_4096},
                          peer.end(), 1, {.service_level = 3})
                  .ok());
  const ibv_qp_attr order = Order(IBV_QPS_RTR);
  EXPECT_EQ(order.ah_attr.is_global, 0);
  EXPECT_EQ(order.ah_attr.dlid, 77);
  EXPECT_EQ(order.ah_attr.sl, 3);
}

TEST_F(QueuePairTest, OnRoceThePeerIsFoundByItsGid) {
  device_->mutable_facts.gid_index = 5;
  QueuePair own = Create();
  const QueuePair peer = Create();
  PortAddress address = device_->facts().address;
  address.gid[0] = 0xfe;
  address.gid[15] = 9;
  ASSERT_TRUE(own.Receive(address, peer.end(), 1, {.traffic_class = 104}).ok());
  const ibv_qp_attr order = Order(IBV_QPS_RTR);
  EXPECT_EQ(order.ah_attr.is_global, 1);
  EXPECT_EQ(order.ah_attr.grh.sgid_index, 5);
  EXPECT_EQ(order.ah_attr.grh.dgid.raw[0], 0xfe);
  EXPECT_EQ(order.ah_attr.grh.dgid.raw[15], 9);
  EXPECT_EQ(order.ah_attr.grh.traffic_class, 104);
}

}  // namespace
}  // namespace gaios::transport::verbs

// What a replica tells of where its group is: the config says, and from the log it learns better.

#include "gaios/rsm/node_network.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/base/clock.h"
#include "gaios/rsm/client/network/network_counters.h"
#include "gaios/rsm/node_udp.h"
#include "gaios/rsm/replica.h"
#include "gaios/transport/sim/world.h"

#include "tests/support/scratch_directory.h"

namespace gaios::rsm {
namespace {

using paxos::ConfigurationChange;
using paxos::ReplicaId;

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::size_t kCapacity = 16384;

class Nothing final : public StateMachine {
 public:
  void Apply(const Command& /*command*/, Reply& /*reply*/) override {}
  [[nodiscard]] std::uint64_t StateHash() const override { return 0; }
  [[nodiscard]] absl::Status Save(SnapshotSink& /*sink*/) const override { return absl::OkStatus(); }
  [[nodiscard]] absl::Status Restore(SnapshotSource& /*source*/) override { return absl::OkStatus(); }
};

TEST(DropCounters, EachReasonHasTheCounterOfItsName) {
  for (std::size_t i = 0; i < transport::udp::kDrops; ++i) {
    const auto drop = static_cast<transport::udp::Drop>(i);
    const std::string name = "dropped_" + std::string(transport::udp::DropName(drop));
    EXPECT_EQ(TransportCounterName(TransportCounterOf(drop)), name);
    EXPECT_EQ(NetworkCounterName(CounterOf(drop)), name);
  }
}

// Three voters and one that may come, of which replica 1 is followed.
class NodeNetworkTest : public ::testing::Test {
 protected:
  NodeNetworkTest() : world_(WorldOf()) {
    for (std::uint8_t i = 0; i < 4; ++i) {
      ReplicaOptions options;
      options.protocol.self = ReplicaId(i);
      options.protocol.group = paxos::GroupId(7);
      options.protocol.configuration = paxos::Configuration::Bootstrap(3);
      options.protocol.capacity_bytes = kCapacity;
      options.protocol.election_jitter_ns = 20 * kMs * i;
      members_.push_back(
          std::make_unique<Replica>(options, world_.transport(ReplicaId(i)), clock_, machine_));
    }
    Config config;
    config.group = "harbour";
    config.transport = TransportKind::kUdp;
    config.paths = {LinkPath::kUdp, LinkPath::kUdp2};
    config.credentials.key_file = directory_.PathOf("cluster.key");
    WriteWhole(config.credentials.key_file,
               "00112233445566778899aabbccddeeff0123456789abcdef0123456789ABCDEF\n");
    std::filesystem::permissions(config.credentials.key_file, std::filesystem::perms::owner_read);
    for (std::uint8_t i = 0; i < 3; ++i) {
      ReplicaConfig replica;
      replica.id = ReplicaId(i);
      replica.address = "10.0.0." + std::to_string(i + 1);
      replica.port = 7400;
      replica.udp2_address = "10.1.0." + std::to_string(i + 1);
      replica.udp2_port = 7401;
      config.replicas.push_back(replica);
    }
    absl::StatusOr<std::unique_ptr<NodeNetwork>> network =
        NodeNetwork::Open(config, ReplicaId(1), paxos::GroupId(7));
    EXPECT_TRUE(network.ok()) << network.status();
    network_ = *std::move(network);
    EXPECT_TRUE(RunUntil([&] { return members_[0]->leading() && members_[0]->core().change_settled(); }));
  }
  static transport::sim::WorldOptions WorldOf() {
    transport::sim::WorldOptions options;
    options.replicas = 4;
    options.capacity_bytes = kCapacity;
    return options;
  }
  template <typename Done>
  bool RunUntil(Done done) {
    const std::uint64_t end = world_.now_ns() + 5000 * kMs;
    while (!done()) {
      if (world_.now_ns() >= end) {
        return false;
      }
      clock_.SetNs(world_.now_ns());
      bool active = false;
      for (const auto& member : members_) {
        active = member->Poll() || active;
      }
      network_->Follow(*members_[1]);
      if (!active) {
        world_.AdvanceTo(std::min(world_.now_ns() + kMs, std::max(world_.now_ns(), world_.NextEventNs())));
      }
    }
    return true;
  }
  bool Change(ConfigurationChange::Kind kind, std::uint8_t id, const std::string& address) {
    const std::optional<paxos::Address> at = paxos::Address::Of(address);
    return at.has_value() && RunUntil([&] {
             return members_[0]->ChangeMembership({kind, ReplicaId(id), *at}) == paxos::ChangeRefusal::kNone;
           });
  }
  bool BecomesKnownAt(std::size_t id, const std::string& address, std::uint16_t port) {
    return RunUntil([&] {
      const auto entry = network_->addresses(LinkPath::kUdp).Current().at(id);
      return entry.address == address && entry.port == port;
    });
  }

  ScratchDirectory directory_;
  Nothing machine_;
  transport::sim::World world_;
  base::ManualClock clock_;
  std::vector<std::unique_ptr<Replica>> members_;
  std::unique_ptr<NodeNetwork> network_;
};

TEST_F(NodeNetworkTest, TheConfigSaysUntilTheLogDoes) {
  EXPECT_TRUE(BecomesKnownAt(2, "10.0.0.3", 7400));
  ASSERT_TRUE(Change(ConfigurationChange::Kind::kMove, 2, "10.0.9.3:7500"));
  EXPECT_TRUE(BecomesKnownAt(2, "10.0.9.3", 7500));
  EXPECT_TRUE(BecomesKnownAt(0, "10.0.0.1", 7400)) << "of whom the log says nothing";
}

TEST_F(NodeNetworkTest, OfTheSecondNetworkTheConfigSaysAllButWhoWasRemoved) {
  const auto entry = [this](std::size_t id) { return network_->addresses(LinkPath::kUdp2).Current().at(id); };
  ASSERT_TRUE(Change(ConfigurationChange::Kind::kMove, 2, "10.0.9.3:7500"));
  EXPECT_TRUE(BecomesKnownAt(2, "10.0.9.3", 7500));
  EXPECT_EQ(entry(2).address, "10.1.0.3");
  EXPECT_EQ(entry(2).port, 7401);
  EXPECT_EQ(entry(3).address, "") << "which the config does not list";
  ASSERT_TRUE(Change(ConfigurationChange::Kind::kRemove, 2, ""));
  EXPECT_TRUE(RunUntil([&] { return entry(2).expelled == world_.incarnation(ReplicaId(2)); }));
  EXPECT_EQ(entry(2).address, "");
}

TEST_F(NodeNetworkTest, OneThatComesLaterIsWhereTheLogSays) {
  EXPECT_TRUE(BecomesKnownAt(3, "", 0));
  ASSERT_TRUE(Change(ConfigurationChange::Kind::kAddLearner, 3, "10.0.0.4:7400"));
  EXPECT_TRUE(BecomesKnownAt(3, "10.0.0.4", 7400));
}

}  // namespace
}  // namespace gaios::rsm

// What a port asks of a driver that takes rules, or some, or none. veth_test.cc has one of DPDK's own
// drivers.

#include "gaios/transport/udp/dpdk/flow_sharing.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>

namespace gaios::transport::udp::dpdk {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = FlowRule::Kind;

constexpr Endpoint kLocal = {.address = 0x0a010001, .port = 7400};

// A driver that refuses what a test says, and remembers what it was asked.
class FakeDevice final : public FlowDevice {
 public:
  std::string Isolate() override {
    ++isolations;
    return isolates ? "" : "not here";
  }
  std::string Check(const FlowRule& rule) override {
    EXPECT_EQ(rule.local, kLocal);
    return unknown.contains(rule.kind) ? "no such item" : "";
  }
  std::string Make(const FlowRule& rule) override {
    if (failing.contains(rule.kind)) {
      return "no room";
    }
    made.push_back(rule.kind);
    return "";
  }

  bool isolates = true;
  std::set<Kind> unknown;  // refused when checked
  std::set<Kind> failing;  // refused when made
  int isolations = 0;
  std::vector<Kind> made;
};

TEST(FlowSharing, ADriverThatTakesRulesGivesThePortItsDatagramsAndItsArp) {
  FakeDevice device;
  FlowSharing sharing(device, FlowRules::kIfSupported, kLocal);
  ASSERT_TRUE(sharing.Begin().ok());
  EXPECT_EQ(device.isolations, 1) << "else all that matches no rule would come in, too";
  const absl::StatusOr<bool> installed = sharing.Install();
  ASSERT_TRUE(installed.ok()) << installed.status();
  EXPECT_TRUE(*installed);
  EXPECT_THAT(device.made, ElementsAre(Kind::kDatagrams, Kind::kArpForAddress));
  EXPECT_TRUE(sharing.shared());
  EXPECT_THAT(sharing.notice(), IsEmpty());
}

TEST(FlowSharing, WhereArpCannotBeToldApartAllOfItComesAndTheUserIsTold) {
  FakeDevice device;
  device.unknown = {Kind::kArpForAddress};
  FlowSharing sharing(device, FlowRules::kRequire, kLocal);
  ASSERT_TRUE(sharing.Begin().ok());
  ASSERT_TRUE(*sharing.Install());
  EXPECT_THAT(device.made, ElementsAre(Kind::kDatagrams, Kind::kAllArp));
  EXPECT_TRUE(sharing.shared());
  EXPECT_THAT(sharing.notice(), HasSubstr("ip neigh replace"));
}

TEST(FlowSharing, ADriverWithoutRulesHasTheCardForDpdkAlone) {
  FakeDevice device;
  device.isolates = false;
  FlowSharing sharing(device, FlowRules::kIfSupported, kLocal);
  ASSERT_TRUE(sharing.Begin().ok());
  ASSERT_TRUE(*sharing.Install());
  EXPECT_THAT(device.made, IsEmpty());
  EXPECT_FALSE(sharing.shared());
  EXPECT_THAT(sharing.notice(), HasSubstr("takes no flow rules (not here)"));
  EXPECT_THAT(sharing.notice(), HasSubstr("the card is DPDK's alone"));
}

// The card then gives the port what matches rules that are not there: it must not be gone on with.
TEST(FlowSharing, WhatIsRefusedLateWantsTheDeviceOpenedAnew) {
  const std::vector<std::pair<std::set<Kind>, std::set<Kind>>> cases = {
      {{Kind::kDatagrams}, {}},
      {{}, {Kind::kDatagrams}},
      {{Kind::kArpForAddress, Kind::kAllArp}, {}},
      {{}, {Kind::kArpForAddress, Kind::kAllArp}},
  };
  for (const auto& [unknown, failing] : cases) {
    FakeDevice device;
    device.unknown = unknown;
    device.failing = failing;
    FlowSharing sharing(device, FlowRules::kIfSupported, kLocal);
    ASSERT_TRUE(sharing.Begin().ok());
    const absl::StatusOr<bool> installed = sharing.Install();
    ASSERT_TRUE(installed.ok()) << installed.status();
    EXPECT_FALSE(*installed);
    EXPECT_FALSE(sharing.shared());
    EXPECT_THAT(sharing.notice(), HasSubstr("the card is DPDK's alone"));
  }
}

TEST(FlowSharing, WhenRequiredARefusalIsAnErrorThatSaysWhatToDo) {
  FakeDevice without;
  without.isolates = false;
  FlowSharing none(without, FlowRules::kRequire, kLocal);
  EXPECT_EQ(none.Begin().code(), absl::StatusCode::kFailedPrecondition);
  FakeDevice late;
  late.failing = {Kind::kDatagrams};
  FlowSharing refused(late, FlowRules::kRequire, kLocal);
  ASSERT_TRUE(refused.Begin().ok());
  const absl::Status status = refused.Install().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("flow rules are required, and the driver takes none: no room"));
}

TEST(FlowSharing, WhoWantsNoneAsksForNone) {
  FakeDevice device;
  FlowSharing sharing(device, FlowRules::kNever, kLocal);
  ASSERT_TRUE(sharing.Begin().ok());
  ASSERT_TRUE(*sharing.Install());
  EXPECT_EQ(device.isolations, 0);
  EXPECT_THAT(device.made, IsEmpty());
  EXPECT_THAT(sharing.notice(), IsEmpty());
}

}  // namespace
}  // namespace gaios::transport::udp::dpdk

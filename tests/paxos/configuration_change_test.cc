#include "gaios/paxos/configuration_change.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace gaios::paxos {
namespace {

using Kind = ConfigurationChange::Kind;

ConfigurationChange Change(Kind kind, std::uint8_t id, const char* address = "") {
  return {kind, ReplicaId(id), *Address::Of(address)};
}

TEST(ConfigurationChange, ComesBackAsItWasWritten) {
  const std::string longest(Address::kMaxBytes, 'x');
  for (const ConfigurationChange& change :
       {Change(Kind::kAdd, 0), Change(Kind::kAddLearner, 6, "a:1"), Change(Kind::kRemove, 3),
        Change(Kind::kMove, 2, longest.c_str())}) {
    std::array<std::byte, kConfigurationChangeBytes> bytes;
    EncodeConfigurationChange(change, bytes);
    EXPECT_EQ(DecodeConfigurationChange(bytes), change);
  }
}

TEST(ConfigurationChange, OtherBytesAreNone) {
  std::array<std::byte, kConfigurationChangeBytes> good;
  EncodeConfigurationChange(Change(Kind::kMove, 2, "host:1"), good);
  EXPECT_FALSE(DecodeConfigurationChange(std::span(good).first(kConfigurationChangeBytes - 1)).has_value());
  const auto with = [&good](std::size_t at, int value) {
    std::array<std::byte, kConfigurationChangeBytes> bytes = good;
    bytes[at] = static_cast<std::byte>(value);
    return DecodeConfigurationChange(bytes);
  };
  EXPECT_FALSE(with(0, 0).has_value());
  EXPECT_FALSE(with(0, 5).has_value());
  EXPECT_FALSE(with(4, kMaxReplicas).has_value());
  EXPECT_FALSE(with(8, 1).has_value());
  EXPECT_FALSE(with(kConfigurationChangeBytes - 1, 'x').has_value());  // behind the zeros
  EXPECT_FALSE(Address::Of(std::string(Address::kMaxBytes + 1, 'x')).has_value());
}

TEST(ConfigurationChange, ALearnerIsAddedAndARemovedVoterLeavesItsIncarnationBehind) {
  Configuration configuration = Configuration::Bootstrap(3);
  EXPECT_TRUE(Apply(Change(Kind::kAdd, 4, "there"), configuration));
  EXPECT_EQ(configuration.StandingOf(ReplicaId(4)), Standing::kJoining);
  EXPECT_EQ(configuration.AddressOf(ReplicaId(4)).text(), "there");
  EXPECT_EQ(configuration.size(), 3U);
  EXPECT_TRUE(Apply(Change(Kind::kAddLearner, 4), configuration));
  EXPECT_EQ(configuration.StandingOf(ReplicaId(4)), Standing::kLearner);
  EXPECT_EQ(configuration.AddressOf(ReplicaId(4)).text(), "there");
  EXPECT_TRUE(Apply(Change(Kind::kRemove, 1), configuration));
  EXPECT_EQ(configuration.StandingOf(ReplicaId(1)), Standing::kNone);
  EXPECT_EQ(configuration.GoneAs(ReplicaId(1)), Incarnation(1));
  EXPECT_EQ(configuration.majority(), 2U);
  EXPECT_TRUE(Apply(Change(Kind::kRemove, 4), configuration));
  EXPECT_TRUE(configuration.AddressOf(ReplicaId(4)).none());
}

TEST(ConfigurationChange, WhatMakesNoDifferenceChangesNothing) {
  Configuration configuration = Configuration::Bootstrap(1);
  ASSERT_TRUE(Apply(Change(Kind::kAdd, 1), configuration));
  const Configuration before = configuration;
  EXPECT_FALSE(Apply(Change(Kind::kRemove, 0), configuration));  // the last voter
  EXPECT_FALSE(Apply(Change(Kind::kAdd, 0), configuration));
  EXPECT_FALSE(Apply(Change(Kind::kAdd, 1), configuration));
  EXPECT_FALSE(Apply(Change(Kind::kAddLearner, 0), configuration));
  EXPECT_FALSE(Apply(Change(Kind::kRemove, 2), configuration));
  EXPECT_FALSE(Apply(Change(Kind::kMove, 2, "x"), configuration));
  EXPECT_FALSE(Apply(Change(Kind::kMove, 0), configuration));
  EXPECT_EQ(configuration, before);
}

TEST(ConfigurationChangeDeath, AnIncarnationThatWasRemovedIsNotAddedAgain) {
  Configuration configuration = Configuration::Bootstrap(3);
  ASSERT_TRUE(Apply(Change(Kind::kRemove, 1), configuration));
  EXPECT_DEATH(configuration.Add({ReplicaId(1), Incarnation(1)}), "P7");
  configuration.Add({ReplicaId(1), Incarnation(2)});
  EXPECT_EQ(configuration.voters()[1].id, ReplicaId(1));  // in the order of their ids
}

}  // namespace
}  // namespace gaios::paxos

// Replicas that do not fit together. For backends that connect to each other.

#include <gtest/gtest.h>

#include "tests/conformance/suite.h"

namespace gaios::transport::conformance {
namespace {

TEST_P(ConformanceTest, ReplicasThatDoNotFitTogetherHaveNoLink) {
  Start({.id = kAcceptor});
  Start({.id = kWriter, .capacity = 8192});
  Start({.id = kRival, .group_id = paxos::GroupId(78)});
  for (int i = 0; i < 2000; ++i) {
    Pump();
  }
  for (const ReplicaId id : {kAcceptor, kWriter, kRival}) {
    EXPECT_TRUE(reported(id).empty());
  }
}

}  // namespace
}  // namespace gaios::transport::conformance

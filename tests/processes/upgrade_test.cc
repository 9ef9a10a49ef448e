// To the next release: the same sources, but for what it says it is (next_build.cc).

#include "tests/processes/upgrade.h"

#include <gtest/gtest.h>

#include "gaios/cli/release.h"

namespace gaios::cli {
namespace {

TEST(Upgrade, OneReplicaAfterAnotherTheLeaderLastAndOneBackAgain) {
  EXPECT_EQ(VersionOf("gaios"), Release());
  EXPECT_EQ(VersionOf("gaios-next-build"), "next");
  UpgradeAndGoBack("gaios", "gaios-next-build");
}

}  // namespace
}  // namespace gaios::cli

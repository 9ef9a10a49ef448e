// To the next release: the same sources, but for what it says it is (next_build.cc).

#include "tests/processes/upgrade.h"

#include <string>

#include <gtest/gtest.h>

#include "gaios/cli/release.h"

namespace gaios::cli {
namespace {

TEST(Upgrade, OneReplicaAfterAnotherTheLeaderLastAndOneBackAgain) {
  UpgradeAndGoBack({.program = "gaios", .version = std::string(Release())},
                   {.program = "gaios-next-build", .version = "next"});
}

}  // namespace
}  // namespace gaios::cli

// From a build of earlier sources, which upgrade_from_earlier.py has made, to this one.

#include <gtest/gtest.h>

#include "tests/processes/upgrade.h"

namespace gaios::cli {
namespace {

TEST(Upgrade, FromEarlierSourcesAndOneBackAgain) {
  UpgradeAndGoBack("gaios-earlier", "gaios");
}

}  // namespace
}  // namespace gaios::cli

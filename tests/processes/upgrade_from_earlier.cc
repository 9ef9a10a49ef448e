// From a build of earlier sources, which upgrade_from_earlier.py has made, to this one.

#include <string>

#include <gtest/gtest.h>

#include "gaios/cli/release.h"

#include "tests/processes/upgrade.h"

namespace gaios::cli {
namespace {

TEST(Upgrade, FromEarlierSourcesAndOneBackAgain) {
  // Both say the same: it is the sources that differ.
  const std::string release(Release());
  UpgradeAndGoBack({.program = "gaios-earlier", .version = release},
                   {.program = "gaios", .version = release});
}

}  // namespace
}  // namespace gaios::cli

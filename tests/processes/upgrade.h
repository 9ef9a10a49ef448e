#ifndef GAIOS_TESTS_PROCESSES_UPGRADE_H_
#define GAIOS_TESTS_PROCESSES_UPGRADE_H_

// A group of three that is brought from one build of `gaios` to another, one replica after another, the
// leader last, and one of it back again, under load and without a command that is lost, run twice or unknown.

#include <string>

namespace gaios::cli {

struct Build {
  std::string program;  // of the directory of the programs
  std::string version;  // as it says
};

// Expects it, as GoogleTest does.
void UpgradeAndGoBack(const Build& from, const Build& to);

}  // namespace gaios::cli

#endif  // GAIOS_TESTS_PROCESSES_UPGRADE_H_

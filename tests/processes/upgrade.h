#ifndef GAIOS_TESTS_PROCESSES_UPGRADE_H_
#define GAIOS_TESTS_PROCESSES_UPGRADE_H_

// A group of three that is brought from one build of `gaios` to another, one replica after another, the
// leader last, and one of it back again, under load and without a command that is lost, run twice or unknown.

#include <string>

namespace gaios::cli {

// The last word of what the program, of the directory of the programs, says of its version.
std::string VersionOf(const std::string& program);

// Expects it, as GoogleTest does, of two such programs.
void UpgradeAndGoBack(const std::string& from, const std::string& to);

}  // namespace gaios::cli

#endif  // GAIOS_TESTS_PROCESSES_UPGRADE_H_

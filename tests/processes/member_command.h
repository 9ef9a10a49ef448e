#ifndef GAIOS_TESTS_PROCESSES_MEMBER_COMMAND_H_
#define GAIOS_TESTS_PROCESSES_MEMBER_COMMAND_H_

// `gaios member`, run on the config of a group.

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/processes/group.h"

namespace gaios::cli {

inline Ran Member(const Group& group, const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"member"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  arguments.insert(arguments.end(), {"--config", group.config_path()});
  return RunGaios(group.scratch(), arguments);
}

// What it writes with --json.
inline nlohmann::json Members(const Group& group, std::vector<std::string> more) {
  more.insert(more.end(), {"--json", "-"});
  const Ran ran = Member(group, more);
  EXPECT_EQ(ran.exit_code, 0) << ran.output;
  return nlohmann::json::parse(ran.output, nullptr, false);
}

}  // namespace gaios::cli

#endif  // GAIOS_TESTS_PROCESSES_MEMBER_COMMAND_H_

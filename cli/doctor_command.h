#ifndef GAIOS_CLI_DOCTOR_COMMAND_H_
#define GAIOS_CLI_DOCTOR_COMMAND_H_

// `gaios doctor`: the findings of cli/doctor about this host, and about a group's needs when its config is
// given.

#include <string>

namespace gaios::cli {

// `config` may be "". `json` is a file, "-" for stdout, or "" for a table. Exit codes: 0 nothing is broken, 1
// some finding is an error, 2 wrong usage or configuration.
[[nodiscard]] int RunDoctor(const std::string& config, const std::string& json);

}  // namespace gaios::cli

#endif  // GAIOS_CLI_DOCTOR_COMMAND_H_

#ifndef GAIOS_CLI_STATUS_RUN_STATUS_H_
#define GAIOS_CLI_STATUS_RUN_STATUS_H_

// `gaios status`: what the replicas of a group tell of themselves, once or every second.

#include <string>

namespace gaios::cli {

struct StatusFlags {
  std::string config;
  std::string json;  // a file, "-" for stdout, "" for a table on stdout
  bool watch = false;
};

// Exit codes: 0 some replica runs, 1 none does, 2 wrong usage or configuration. With `watch`: 0 when
// interrupted.
[[nodiscard]] int RunStatus(const StatusFlags& flags);

}  // namespace gaios::cli

#endif  // GAIOS_CLI_STATUS_RUN_STATUS_H_

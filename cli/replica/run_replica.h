#ifndef GAIOS_CLI_REPLICA_RUN_REPLICA_H_
#define GAIOS_CLI_REPLICA_RUN_REPLICA_H_

// `gaios replica`: one replica of a group as a process of its own, until it is told to stop (SIGINT,
// SIGTERM). Tells on stdout what a person would want to know: the memory it sets aside, its role whenever
// that changes, peers it cannot talk to. `gaios bootstrap`: makes a group, or a place for
// a replica of one.

#include <cstdint>
#include <string>

namespace gaios::cli {

struct ReplicaFlags {
  std::string config;
  std::uint32_t id = 0;
  // For the demo: commands are numbered, and journaled here; "" for neither. And what to do wrong, or "".
  std::string journal;
  std::string fault;
};

// Exit codes: 0 stopped as told, 1 it could not go on, 2 wrong usage or configuration.
[[nodiscard]] int RunReplica(const ReplicaFlags& flags);
// `snapshot` is what the group begins with, empty for nothing.
[[nodiscard]] int RunBootstrap(const std::string& config, const std::string& snapshot);
// Has the group that runs on other hosts tell what replica `id` needs to be started here.
[[nodiscard]] int RunJoin(const std::string& config, std::uint32_t id);

}  // namespace gaios::cli

#endif  // GAIOS_CLI_REPLICA_RUN_REPLICA_H_

#ifndef GAIOS_CLI_LOAD_RUN_LOAD_H_
#define GAIOS_CLI_LOAD_RUN_LOAD_H_

// `gaios load`: clients of a running group, sending it commands of its state machine and measuring the
// answers. They ask by shared memory where the replicas share this host, and over the network where the
// config has replicas serve it and they do not.
//
// Closed: each client has one command under way. Open: commands are due at a fixed rate, whatever becomes of
// earlier ones, and are timed from when they were due, so that a stall of the group shows in full.

#include <cstdint>
#include <string>

namespace gaios::cli {

struct LoadFlags {
  std::string config;
  std::uint32_t clients = 1;
  double rate_per_s = 10'000;  // of all clients together; open only
  std::string mode = "closed";
  double seconds = 10;
  std::uint32_t timeout_ms = 5000;  // from the sending of a command to "unknown"
  std::uint64_t seed = 1;
  std::string idle = "yield";  // spin, yield or back_off: what the clients do while they wait
  bool network = false;  // by datagrams, also where replicas of this host could be asked by shared memory
  std::string history;   // a file for one JSON line an event, or ""
  std::string json;      // a file, "-" for stdout, or ""
};

// Exit codes: 0 the load was run, 1 the group answered nothing, 2 wrong usage or configuration.
[[nodiscard]] int RunLoad(const LoadFlags& flags);

}  // namespace gaios::cli

#endif  // GAIOS_CLI_LOAD_RUN_LOAD_H_

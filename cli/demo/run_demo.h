#ifndef GAIOS_CLI_DEMO_RUN_DEMO_H_
#define GAIOS_CLI_DEMO_RUN_DEMO_H_

// `gaios demo`: a group of replicas of the order book, an order flow streamed into it, its leader killed on
// the way, and proof at the end that nothing acknowledged was lost, doubled or reordered.

#include <cstdint>
#include <optional>
#include <string>

namespace gaios::cli {

struct DemoFlags {
  std::uint32_t replicas = 3;
  std::optional<double>
      rate_per_s;  // commands; default kDefaultRate, or as fast as a recording lasts `seconds`
  double seconds = 10;
  std::optional<double> kill_leader_at_s;  // default half-way; 0 for never
  std::string feed;                        // a recording, or "" for a generated flow
  std::uint64_t seed = 1;
  std::string transport = "shm";
  std::string fault;  // lose, duplicate, diverge or ""
  std::string json;   // a file, "-" for stdout, or ""
};

// Exit codes: 0 the verdict holds, 1 it does not, or the run could not be completed, 2 wrong usage.
[[nodiscard]] int RunDemo(const DemoFlags& flags);

}  // namespace gaios::cli

#endif  // GAIOS_CLI_DEMO_RUN_DEMO_H_

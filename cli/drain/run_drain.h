#ifndef GAIOS_CLI_DRAIN_RUN_DRAIN_H_
#define GAIOS_CLI_DRAIN_RUN_DRAIN_H_

// `gaios drain`: takes a replica of this host out of leading, for maintenance, and lets it in again.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <absl/status/statusor.h>

#include "gaios/rsm/config.h"

namespace gaios::cli {

struct DrainFlags {
  std::string config;
  std::string json;
  std::uint32_t id = 0;
  bool off = false;
};

struct Drained {
  bool led = false;                   // it did when it was asked
  std::optional<std::size_t> leader;  // whom it takes for the leader now
};

// Asks the replica, and when it is to be drained and leads waits until it does not, at most some seconds.
// NotFound when it does not run here, Aborted when it leads and nobody else could, Unavailable
// when it does not answer, or when it is drained and nobody has taken over yet.
[[nodiscard]] absl::StatusOr<Drained> Drain(const rsm::Config& config, std::size_t id, bool drained);

// Exit codes: 0 done, 1 it leads still, or does not answer, 2 wrong usage or configuration.
[[nodiscard]] int RunDrain(const DrainFlags& flags);

}  // namespace gaios::cli

#endif  // GAIOS_CLI_DRAIN_RUN_DRAIN_H_

#ifndef GAIOS_CLI_TRANSFER_RUN_TRANSFER_LEADER_H_
#define GAIOS_CLI_TRANSFER_RUN_TRANSFER_LEADER_H_

// `gaios transfer-leader`: asks who leads a group on this host to hand over to another replica, and waits
// until that one leads.

#include <cstddef>
#include <optional>
#include <string>

#include <absl/status/statusor.h>

#include "gaios/rsm/config.h"

namespace gaios::cli {

struct TransferFlags {
  std::string config;
  std::string json;
  int to = -1;
};

struct Transfer {
  std::size_t from = 0;
  std::size_t to = 0;
  // How long nothing was committed: until everything that had been taken was, and the other was told; and
  // from there to the first commit of the other. Each on its replica's clock; the way of the word is not in
  // it. Nothing of what is told on another host.
  double drain_us = 0;
  std::optional<double> take_over_us = 0;
  [[nodiscard]] std::optional<double> gap_us() const {
    return take_over_us.has_value() ? std::optional(drain_us + *take_over_us) : std::nullopt;
  }
};

// Hands over and waits for it, at most some seconds: until `to` leads, or, where it is on another host, until
// who led follows it. NotFound when no replica leads here, Aborted when `to` could not lead, Unavailable when
// it did not come about: the group goes on under whom it has.
[[nodiscard]] absl::StatusOr<Transfer> TransferLeader(const rsm::Config& config, std::size_t to);

// Exit codes: 0 it leads, 1 it does not, 2 wrong usage or configuration.
[[nodiscard]] int RunTransferLeader(const TransferFlags& flags);

}  // namespace gaios::cli

#endif  // GAIOS_CLI_TRANSFER_RUN_TRANSFER_LEADER_H_

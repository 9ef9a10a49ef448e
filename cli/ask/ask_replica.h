#ifndef GAIOS_CLI_ASK_ASK_REPLICA_H_
#define GAIOS_CLI_ASK_ASK_REPLICA_H_

// What an operator's commands ask a replica of this host, by the way that clients come in. Blocks; any
// thread.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "gaios/paxos/types.h"
#include "gaios/rsm/client/wire.h"
#include "gaios/rsm/config.h"

namespace gaios::cli {

inline constexpr std::uint64_t kPatienceNs = 5'000'000'000;

// Polls until `holds`: what is waited for shows in memory of other processes, which wake nobody here. False
// when it does not come about within `patience_ns`.
[[nodiscard]] bool WaitFor(const std::function<bool()>& holds, std::uint64_t patience_ns = kPatienceNs);

struct Answer {
  rsm::ResponseHeader header;
  std::vector<std::byte> reply;
};

// What `replica` answers to `request` with `command`; nothing when it does not within `patience_ns`.
[[nodiscard]] std::optional<Answer> AskReplica(const rsm::Config& config, paxos::GroupId group,
                                               std::size_t replica, rsm::RequestHeader request,
                                               std::span<const std::byte> command = {},
                                               std::uint64_t patience_ns = kPatienceNs);

}  // namespace gaios::cli

#endif  // GAIOS_CLI_ASK_ASK_REPLICA_H_

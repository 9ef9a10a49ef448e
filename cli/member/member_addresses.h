#ifndef GAIOS_CLI_MEMBER_MEMBER_ADDRESSES_H_
#define GAIOS_CLI_MEMBER_MEMBER_ADDRESSES_H_

// Who is in a group and where, as a replica of this host knows. Blocks; any thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "gaios/cli/ask/ask_replica.h"
#include "gaios/paxos/types.h"
#include "gaios/rsm/client/wire.h"
#include "gaios/rsm/config.h"

namespace gaios::cli {

// Nothing when `replica` does not answer within `patience_ns`.
[[nodiscard]] std::optional<rsm::MembersReply> AskMembersOf(const rsm::Config& config, paxos::GroupId group,
                                                            std::size_t replica,
                                                            std::uint64_t patience_ns = kPatienceNs);

// Where a member is: as the log says, or else the config. Empty: nobody says, as where replicas share memory.
[[nodiscard]] std::string AddressOf(const rsm::MembersReply& members, const rsm::Config& config,
                                    std::size_t id);

}  // namespace gaios::cli

#endif  // GAIOS_CLI_MEMBER_MEMBER_ADDRESSES_H_

#ifndef GAIOS_CLI_MEMBER_RUN_MEMBER_H_
#define GAIOS_CLI_MEMBER_RUN_MEMBER_H_

// `gaios member`: who is in a group, and changing that, one replica at a time, through its log. To be run on
// the host of the leader.

#include <cstddef>
#include <cstdint>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/paxos/configuration_change.h"
#include "gaios/rsm/client/wire.h"
#include "gaios/rsm/config.h"

namespace gaios::cli {

struct MemberFlags {
  std::string config;
  std::string json;
  std::uint32_t id = 0;
  std::uint32_t with = 0;  // replace: by whom
  std::uint32_t wait_s = 30;
  bool learner = false;
  std::string new_config;         // force: of the group that it goes on as
  bool data_may_be_lost = false;  // force: the operator's word
  std::string address;            // where the replica is that comes, or has moved; empty: as the config says
};

// Who is in the group, as its leader knows. NotFound when no replica leads here.
[[nodiscard]] absl::StatusOr<rsm::MembersReply> ReadMembers(const rsm::Config& config);

// Has the leader make the change, and waits until it is made: settled, and one that is to vote votes. Where
// it removes the one that leads here, the next may lead on another host: then it is committed. Asks again
// when the leader changes. FailedPrecondition: it was refused, and says why; Unavailable: it has not come
// about in time. The error says what stands and what to do.
[[nodiscard]] absl::StatusOr<rsm::MembersReply> ChangeMember(const rsm::Config& config,
                                                             const paxos::ConfigurationChange& change,
                                                             std::uint32_t wait_s);

// Exit codes: 0 it is so, 1 it did not come about, 2 wrong usage or configuration.
[[nodiscard]] int RunMemberList(const MemberFlags& flags);
[[nodiscard]] int RunMemberAdd(const MemberFlags& flags);
[[nodiscard]] int RunMemberRemove(const MemberFlags& flags);
[[nodiscard]] int RunMemberReplace(const MemberFlags& flags);
[[nodiscard]] int RunMemberAddress(const MemberFlags& flags);
// run_force.cc
[[nodiscard]] int RunMemberForce(const MemberFlags& flags);

}  // namespace gaios::cli

#endif  // GAIOS_CLI_MEMBER_RUN_MEMBER_H_

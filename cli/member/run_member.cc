#include "gaios/cli/member/run_member.h"

#include <array>
#include <cstdio>
#include <cstring>
#include <optional>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <nlohmann/json.hpp>

#include "gaios/base/clock.h"
#include "gaios/cli/ask/ask_replica.h"
#include "gaios/cli/complain.h"
#include "gaios/cli/status/group_status.h"
#include "gaios/cli/write_json.h"
#include "gaios/paxos/leader.h"
#include "gaios/paxos/limits.h"
#include "gaios/rsm/group_identity.h"

namespace gaios::cli {
namespace {

using paxos::ChangeRefusal;
using paxos::Standing;
using Kind = paxos::ConfigurationChange::Kind;

constexpr std::uint64_t kNsPerS = 1'000'000'000;
constexpr std::uint64_t kAskAgainNs = 20'000'000;

// As the counters of the leader have it.
Standing StandingIn(const rsm::CounterData& leader, paxos::ReplicaId id) {
  const std::uint64_t bit = std::uint64_t{1} << id.value();
  return (leader.voters & bit) != 0     ? Standing::kVoter
         : (leader.joining & bit) != 0  ? Standing::kJoining
         : (leader.learners & bit) != 0 ? Standing::kLearner
                                        : Standing::kNone;
}

const char* StandingName(Standing standing) {
  switch (standing) {
    case Standing::kNone:
      return "none";
    case Standing::kLearner:
      return "learner";
    case Standing::kJoining:
      return "joining";
    case Standing::kVoter:
      return "voter";
  }
  return "unknown";
}

// What a replica is to the group when the change is made.
Standing Aim(Kind kind) {
  return kind == Kind::kAdd          ? Standing::kVoter
         : kind == Kind::kAddLearner ? Standing::kLearner
                                     : Standing::kNone;
}

absl::Status Refused(ChangeRefusal refusal, const paxos::ConfigurationChange& change) {
  const std::string name = absl::StrCat("replica ", change.replica.value());
  switch (refusal) {
    case ChangeRefusal::kNoSuchId:
      return absl::InvalidArgumentError(
          absl::StrCat("there is no ", name, ": ids are 0 to ", paxos::kMaxReplicas - 1));
    case ChangeRefusal::kNoMember:
      return absl::FailedPreconditionError(
          absl::StrCat(name, " is not in the group; see `gaios member list`"));
    case ChangeRefusal::kAlreadySo:
      return absl::FailedPreconditionError(absl::StrCat(
          name, " is a voter already: to make it a learner remove it first, start it again and add it"));
    case ChangeRefusal::kLastVoter:
      return absl::FailedPreconditionError(
          absl::StrCat(name, " is the last voter: add another first, or stop the group"));
    case ChangeRefusal::kTooFewLeft:
      return absl::FailedPreconditionError(
          absl::StrCat(name,
                       " cannot be removed now: of those that would be left too few keep up, and nothing "
                       "could be committed; bring them back, or add another first"));
    case ChangeRefusal::kFixed:
      return absl::FailedPreconditionError(
          "this group cannot change its members: that is built for replicas of one host that share memory, "
          "in a "
          "group that this release has bootstrapped");
    default:
      return absl::UnavailableError(
          "the leader could not take the change now; see `gaios status`, try again");
  }
}

std::string WhatStands(Standing standing, const paxos::ConfigurationChange& change) {
  if (change.kind == Kind::kAdd && standing == Standing::kJoining) {
    return absl::StrCat("replica ", change.replica.value(),
                        " has been added and does not vote yet: it votes by itself when it runs and has been "
                        "filled, and if it had been removed, when it has been started anew since");
  }
  return "the change stands in the log, or does not, and is not known to be made";
}

nlohmann::json MembersJson(const rsm::MembersReply& members) {
  nlohmann::json list = nlohmann::json::array();
  nlohmann::json voters = nlohmann::json::array();
  nlohmann::json learners = nlohmann::json::array();
  for (std::size_t i = 0; i < members.members.size(); ++i) {
    const rsm::MembersReply::Member& member = members.members[i];
    const auto standing = static_cast<Standing>(member.standing);
    if (standing == Standing::kNone) {
      continue;
    }
    (standing == Standing::kVoter ? voters : learners).push_back(i);
    list.push_back(
        {{"replica", i},
         {"standing", StandingName(standing)},
         {"incarnation", member.incarnation == 0 ? nlohmann::json() : nlohmann::json(member.incarnation)},
         {"address", std::string(member.address.text())}});
  }
  return {{"voters", voters},
          {"learners", learners},
          {"majority", voters.size() / 2 + 1},
          {"settled", members.settled != 0},
          {"members", list}};
}

int Tell(const rsm::MembersReply& members, const std::string& json) {
  if (json != "-") {
    for (std::size_t i = 0; i < members.members.size(); ++i) {
      const rsm::MembersReply::Member& member = members.members[i];
      if (static_cast<Standing>(member.standing) != Standing::kNone) {
        absl::PrintF("replica %u  %-8s %s\n", i, StandingName(static_cast<Standing>(member.standing)),
                     std::string(member.address.text()));
      }
    }
  }
  const absl::Status written = WriteJson(MembersJson(members), json);
  return written.ok() ? kExitGood : Complain(written);
}

// The members, from who leads; nothing when nobody does, or does not answer.
std::optional<rsm::MembersReply> AskMembers(const rsm::Config& config, paxos::GroupId group) {
  const std::optional<std::size_t> leader = LeaderOf(ReadGroupStatus(config));
  if (!leader.has_value()) {
    return std::nullopt;
  }
  rsm::RequestHeader request;
  request.kind = rsm::RequestKind::kMembers;
  const std::optional<Answer> answer = AskReplica(config, group, *leader, request);
  rsm::MembersReply members;
  if (!answer.has_value() || answer->header.status != rsm::ResponseStatus::kAnswered ||
      answer->reply.size() != sizeof(members)) {
    return std::nullopt;
  }
  std::memcpy(&members, answer->reply.data(), sizeof(members));
  return members.leads != 0 ? std::optional(members) : std::nullopt;
}

// What the leader says to the change: nothing when it does not answer.
std::optional<ChangeRefusal> AskForChange(const rsm::Config& config, paxos::GroupId group, std::size_t leader,
                                          const paxos::ConfigurationChange& change) {
  std::array<std::byte, paxos::kConfigurationChangeBytes> bytes;
  paxos::EncodeConfigurationChange(change, bytes);
  rsm::RequestHeader request;
  request.kind = rsm::RequestKind::kChangeMembership;
  const std::optional<Answer> answer = AskReplica(config, group, leader, request, bytes);
  return answer.has_value() ? std::optional(static_cast<ChangeRefusal>(answer->header.refusal))
                            : std::nullopt;
}

// Worth asking again: it may go away by itself, or be the effect of what was asked for before, of which the
// counters, where the replica is `standing`, do not tell yet.
bool Passes(ChangeRefusal refusal, const paxos::ConfigurationChange& change, Standing standing) {
  switch (refusal) {
    case ChangeRefusal::kNotLeader:
    case ChangeRefusal::kUnderWay:
    case ChangeRefusal::kNoQuorum:
    case ChangeRefusal::kFull:
      return true;
    case ChangeRefusal::kAlreadySo:
      return change.kind == Kind::kAdd || standing != Standing::kVoter;
    case ChangeRefusal::kNoMember:
      return standing != Standing::kNone;
    case ChangeRefusal::kNone:
    case ChangeRefusal::kNoSuchId:
    case ChangeRefusal::kLastVoter:
    case ChangeRefusal::kTooFewLeft:
    case ChangeRefusal::kFixed:
      return false;
  }
  return false;
}

absl::Status NobodyLeads(const rsm::Config& config) {
  return absl::NotFoundError(
      absl::StrCat("no replica of group '", config.group,
                   "' leads on this host: run this where its leader runs, or start the group"));
}

int Change(const MemberFlags& flags, Kind kind, std::uint32_t id, bool tell) {
  const absl::StatusOr<rsm::Config> config = rsm::LoadConfig(flags.config);
  if (!config.ok()) {
    return Complain(config.status());
  }
  if (id >= paxos::kMaxReplicas) {
    return Complain(absl::StrCat("there is no replica ", id, ": ids are 0 to ", paxos::kMaxReplicas - 1),
                    kExitUsage);
  }
  const paxos::ConfigurationChange change{kind, paxos::ReplicaId(static_cast<std::uint8_t>(id)), {}};
  const absl::StatusOr<rsm::MembersReply> members = ChangeMember(*config, change, flags.wait_s);
  if (!members.ok()) {
    return Complain(members.status());
  }
  return tell ? Tell(*members, flags.json) : kExitGood;
}

}  // namespace

absl::StatusOr<rsm::MembersReply> ReadMembers(const rsm::Config& config) {
  const absl::StatusOr<paxos::GroupId> group = rsm::FindGroup(config);
  if (!group.ok()) {
    return group.status();
  }
  std::optional<rsm::MembersReply> members;
  if (!WaitFor([&] { return (members = AskMembers(config, *group)).has_value(); })) {
    return NobodyLeads(config);
  }
  return *members;
}

absl::StatusOr<rsm::MembersReply> ChangeMember(const rsm::Config& config,
                                               const paxos::ConfigurationChange& change,
                                               std::uint32_t wait_s) {
  const absl::StatusOr<paxos::GroupId> group = rsm::FindGroup(config);
  if (!group.ok()) {
    return group.status();
  }
  // Asked for until the group is what it makes of it: an answer may be lost with a leader, and what stood in
  // its log alone with it.
  const base::TscClock clock(base::TscClock::Source::kKernel);
  std::uint64_t next_ask_ns = 0;
  bool led = false;
  Standing standing = Standing::kNone;
  absl::Status refused;
  const bool made = WaitFor(
      [&] {
        const GroupStatus status = ReadGroupStatus(config);
        const std::optional<std::size_t> leader = LeaderOf(status);
        if (!leader.has_value()) {
          return false;
        }
        led = true;
        const rsm::CounterData& data = *LiveData(status, *leader);
        standing = StandingIn(data, change.replica);
        const bool joins = change.kind == Kind::kAdd && standing == Standing::kJoining;
        if (standing == Aim(change.kind) || joins || data.change_settled == 0 ||
            clock.NowNs() < next_ask_ns) {
          return standing == Aim(change.kind) && data.change_settled != 0;
        }
        next_ask_ns = clock.NowNs() + kAskAgainNs;
        const std::optional<ChangeRefusal> answer = AskForChange(config, *group, *leader, change);
        if (answer.has_value() && *answer != ChangeRefusal::kNone && !Passes(*answer, change, standing)) {
          refused = Refused(*answer, change);
        }
        return !refused.ok();
      },
      wait_s * kNsPerS);
  if (!refused.ok()) {
    return refused;
  }
  if (!led) {
    return NobodyLeads(config);
  }
  if (!made) {
    return absl::UnavailableError(absl::StrCat("not made within ", wait_s,
                                               " s: ", WhatStands(standing, change),
                                               "; see `gaios member list` and `gaios status`"));
  }
  return ReadMembers(config);
}

int RunMemberList(const MemberFlags& flags) {
  const absl::StatusOr<rsm::Config> config = rsm::LoadConfig(flags.config);
  if (!config.ok()) {
    return Complain(config.status());
  }
  const absl::StatusOr<rsm::MembersReply> members = ReadMembers(*config);
  return members.ok() ? Tell(*members, flags.json) : Complain(members.status());
}

int RunMemberAdd(const MemberFlags& flags) {
  return Change(flags, flags.learner ? Kind::kAddLearner : Kind::kAdd, flags.id, true);
}

int RunMemberRemove(const MemberFlags& flags) {
  return Change(flags, Kind::kRemove, flags.id, true);
}

int RunMemberReplace(const MemberFlags& flags) {
  if (flags.id == flags.with) {
    return Complain(
        "--id and --with are the same: a replica that starts again, here or at another place, takes over its "
        "own "
        "vote by itself when it has been filled",
        kExitUsage);
  }
  const int added = Change(flags, Kind::kAdd, flags.with, false);
  return added != kExitGood ? added : Change(flags, Kind::kRemove, flags.id, true);
}

}  // namespace gaios::cli

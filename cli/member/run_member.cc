#include "gaios/cli/member/run_member.h"

#include <array>
#include <cstdio>
#include <optional>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <nlohmann/json.hpp>

#include "gaios/base/clock.h"
#include "gaios/cli/ask/ask_replica.h"
#include "gaios/cli/complain.h"
#include "gaios/cli/member/member_addresses.h"
#include "gaios/cli/status/group_status.h"
#include "gaios/cli/write_json.h"
#include "gaios/paxos/leader.h"
#include "gaios/paxos/limits.h"
#include "gaios/rsm/address_text.h"
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

bool IsMade(const rsm::MembersReply& members, const paxos::ConfigurationChange& change) {
  const rsm::MembersReply::Member& member = members.members.at(change.replica.value());
  return change.kind == Kind::kMove ? member.address == change.address
                                    : static_cast<Standing>(member.standing) == Aim(change.kind);
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
          "this group cannot change its members: an earlier release has bootstrapped it");
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

nlohmann::json MembersJson(const rsm::MembersReply& members, const rsm::Config& config) {
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
         {"address", AddressOf(members, config, i)}});
  }
  return {{"voters", voters},
          {"learners", learners},
          {"majority", voters.size() / 2 + 1},
          // Who does not lead cannot tell.
          {"settled", members.leads != 0 ? nlohmann::json(members.settled != 0) : nlohmann::json()},
          {"members", list}};
}

int Tell(const rsm::MembersReply& members, const rsm::Config& config, const std::string& json) {
  if (json != "-") {
    for (std::size_t i = 0; i < members.members.size(); ++i) {
      const rsm::MembersReply::Member& member = members.members[i];
      if (static_cast<Standing>(member.standing) != Standing::kNone) {
        absl::PrintF("replica %u  %-8s %s\n", i, StandingName(static_cast<Standing>(member.standing)),
                     AddressOf(members, config, i));
      }
    }
  }
  const absl::Status written = WriteJson(MembersJson(members, config), json);
  return written.ok() ? kExitGood : Complain(written);
}

// The members, from who leads; nothing when nobody does, or does not answer.
std::optional<rsm::MembersReply> AskMembers(const rsm::Config& config, paxos::GroupId group) {
  const std::optional<std::size_t> leader = LeaderOf(ReadGroupStatus(config));
  if (!leader.has_value()) {
    return std::nullopt;
  }
  const std::optional<rsm::MembersReply> members = AskMembersOf(config, group, *leader);
  return members.has_value() && members->leads != 0 ? members : std::nullopt;
}

// What a replica of this host knows while the leader's is another one.
struct Hearsay {
  rsm::MembersReply members;
  std::size_t leader = 0;
};
std::optional<Hearsay> AskFollower(const rsm::Config& config, paxos::GroupId group) {
  for (const ReplicaStatus& replica : ReadGroupStatus(config).replicas) {
    const rsm::CounterData* const data = replica.Live();
    if (data == nullptr || data->leader_plus_one == 0) {
      continue;
    }
    if (const auto members = AskMembersOf(config, group, replica.id.value()); members.has_value()) {
      return Hearsay{*members, data->leader_plus_one - 1};
    }
  }
  return std::nullopt;
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
      return change.kind == Kind::kAdd || change.kind == Kind::kMove || standing != Standing::kVoter;
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

absl::Status NobodyLeads(const rsm::Config& config, paxos::GroupId group) {
  if (const std::optional<Hearsay> hearsay = AskFollower(config, group); hearsay.has_value()) {
    return absl::NotFoundError(absl::StrCat("replica ", hearsay->leader, " leads, at ",
                                            AddressOf(hearsay->members, config, hearsay->leader),
                                            ": run this on its host"));
  }
  return absl::NotFoundError(
      absl::StrCat("no replica of group '", config.group,
                   "' leads on this host: run this where its leader runs, or start the group"));
}

// Where the replica of a change is to be found: as the operator says, or else the config.
absl::StatusOr<paxos::Address> ResolveAddress(const rsm::Config& config, std::uint32_t id,
                                              const std::string& told) {
  if (config.transport == rsm::TransportKind::kShm) {
    if (!told.empty()) {
      return absl::InvalidArgumentError(
          "--address is for replicas on several hosts; these share memory: leave it out");
    }
    return paxos::Address();
  }
  std::string text = told;
  if (text.empty() && id < config.replicas.size()) {
    text = rsm::AddressText(config.replicas[id].address, config.replicas[id].port);
  }
  const auto [host, port] = rsm::ParseAddressText(text);
  const std::optional<paxos::Address> address = paxos::Address::Of(text);
  if (port == 0 || !address.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        text.empty() ? absl::StrCat("it is not known where replica ", id, " is")
                     : absl::StrCat("\"", text, "\" is no address"),
        ": give --address, in numbers and with the port where the others meet it, such as 10.0.0.1:7400"));
  }
  return *address;
}

// Whether somebody else is there already. What is not known now is not in the way.
absl::Status CheckIsFree(const rsm::Config& config, std::uint32_t id, const paxos::Address& address) {
  const absl::StatusOr<paxos::GroupId> group = rsm::FindGroup(config);
  const std::optional<rsm::MembersReply> members =
      group.ok() && !address.none() ? AskMembers(config, *group) : std::nullopt;
  for (std::size_t i = 0; members.has_value() && i < members->members.size(); ++i) {
    const bool member = static_cast<Standing>(members->members[i].standing) != Standing::kNone;
    if (i != id && member && AddressOf(*members, config, i) == address.text()) {
      return absl::FailedPreconditionError(absl::StrCat("replica ", i, " is at ", std::string(address.text()),
                                                        ": each needs an address of its own"));
    }
  }
  return absl::OkStatus();
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
  paxos::ConfigurationChange change{kind, paxos::ReplicaId(static_cast<std::uint8_t>(id)), {}};
  if (kind != Kind::kRemove) {
    const absl::StatusOr<paxos::Address> address = ResolveAddress(*config, id, flags.address);
    if (!address.ok()) {
      return Complain(address.status());
    }
    change.address = *address;
    if (const absl::Status free = CheckIsFree(*config, id, change.address); !free.ok()) {
      return Complain(free);
    }
  }
  const absl::StatusOr<rsm::MembersReply> members = ChangeMember(*config, change, flags.wait_s);
  if (!members.ok()) {
    return Complain(members.status());
  }
  return tell ? Tell(*members, *config, flags.json) : kExitGood;
}

}  // namespace

absl::StatusOr<rsm::MembersReply> ReadMembers(const rsm::Config& config) {
  const absl::StatusOr<paxos::GroupId> group = rsm::FindGroup(config);
  if (!group.ok()) {
    return group.status();
  }
  std::optional<rsm::MembersReply> members;
  if (!WaitFor([&] { return (members = AskMembers(config, *group)).has_value(); }) || !members.has_value()) {
    return NobodyLeads(config, *group);
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
  std::optional<rsm::MembersReply> elsewhere;
  const bool made = WaitFor(
      [&] {
        const GroupStatus status = ReadGroupStatus(config);
        const std::optional<std::size_t> leader = LeaderOf(status);
        if (!leader.has_value()) {
          // The one that led here may have been removed: what it knows then is committed.
          const bool elsewhere_now = led && config.transport != rsm::TransportKind::kShm;
          const std::optional<Hearsay> hearsay = elsewhere_now ? AskFollower(config, *group) : std::nullopt;
          if (hearsay.has_value() && IsMade(hearsay->members, change)) {
            elsewhere = hearsay->members;
          }
          return elsewhere.has_value();
        }
        led = true;
        const rsm::CounterData& data = *LiveData(status, *leader);
        standing = StandingIn(data, change.replica);
        const bool joins = change.kind == Kind::kAdd && standing == Standing::kJoining;
        if (joins || data.change_settled == 0 || clock.NowNs() < next_ask_ns) {
          return false;
        }
        if (change.kind == Kind::kMove) {
          const std::optional<rsm::MembersReply> members = AskMembersOf(config, *group, *leader);
          if (members.has_value() && members->settled != 0 && IsMade(*members, change)) {
            return true;
          }
        } else if (standing == Aim(change.kind)) {
          return true;
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
    return NobodyLeads(config, *group);
  }
  if (!made) {
    return absl::UnavailableError(absl::StrCat("not made within ", wait_s,
                                               " s: ", WhatStands(standing, change),
                                               "; see `gaios member list` and `gaios status`"));
  }
  return elsewhere.has_value() ? *elsewhere : ReadMembers(config);
}

int RunMemberList(const MemberFlags& flags) {
  const absl::StatusOr<rsm::Config> config = rsm::LoadConfig(flags.config);
  if (!config.ok()) {
    return Complain(config.status());
  }
  const absl::StatusOr<paxos::GroupId> group = rsm::FindGroup(*config);
  if (!group.ok()) {
    return Complain(group.status());
  }
  if (!LeaderOf(ReadGroupStatus(*config)).has_value()) {
    // Of another host, as a rule: then a replica of this one knows what it has learned.
    if (const std::optional<Hearsay> hearsay = AskFollower(*config, *group); hearsay.has_value()) {
      return Tell(hearsay->members, *config, flags.json);
    }
  }
  const absl::StatusOr<rsm::MembersReply> members = ReadMembers(*config);
  return members.ok() ? Tell(*members, *config, flags.json) : Complain(members.status());
}

int RunMemberAdd(const MemberFlags& flags) {
  return Change(flags, flags.learner ? Kind::kAddLearner : Kind::kAdd, flags.id, true);
}

int RunMemberRemove(const MemberFlags& flags) {
  return Change(flags, Kind::kRemove, flags.id, true);
}

int RunMemberAddress(const MemberFlags& flags) {
  const absl::StatusOr<rsm::Config> config = rsm::LoadConfig(flags.config);
  if (config.ok() && config->transport == rsm::TransportKind::kShm) {
    return Complain("replicas that share memory have no addresses: there is nothing to change", kExitUsage);
  }
  return Change(flags, Kind::kMove, flags.id, true);
}

int RunMemberReplace(const MemberFlags& flags) {
  if (flags.id == flags.with) {
    return Complain(
        "--id and --with are the same: a replica that starts again, here or at another place, takes over its "
        "own vote by itself when it has been filled; `gaios member address` says where that place is",
        kExitUsage);
  }
  const int added = Change(flags, Kind::kAdd, flags.with, false);
  return added != kExitGood ? added : Change(flags, Kind::kRemove, flags.id, true);
}

}  // namespace gaios::cli

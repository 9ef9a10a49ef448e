#include "gaios/cli/status/group_status.h"

#include <algorithm>
#include <cmath>

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>

#include "gaios/paxos/state.h"

namespace gaios::cli {
namespace {

using nlohmann::json;
using rsm::CounterData;

std::vector<unsigned> Members(std::uint64_t mask) {
  std::vector<unsigned> members;
  for (unsigned id = 0; id < paxos::kMaxReplicas; ++id) {
    if ((mask >> id & 1) != 0) {
      members.push_back(id);
    }
  }
  return members;
}

std::string Role(const CounterData& data) {
  return std::string(paxos::RoleName(static_cast<paxos::Role>(std::min<std::uint64_t>(data.role, 3))));
}

// How many counters of the transport are both there and known here.
std::size_t TransportCounted(const CounterData& data) {
  return std::min<std::size_t>(data.transport_count, rsm::kTransportCounters);
}

// As TransportCounted, of the clients of the network.
std::size_t NetworkCounted(const CounterData& data) {
  return std::min<std::size_t>(data.network_count, rsm::kNetworkCounters);
}

// Nanoseconds as microseconds, to a tenth.
double Microseconds(std::uint64_t value_ns) {
  return std::round(static_cast<double>(value_ns) / 100.0) / 10.0;
}

std::uint64_t FirstFailover(const CounterData& data) {
  return data.failovers_count - std::min<std::uint64_t>(data.failovers_count, CounterData::kFailovers);
}

std::vector<std::string> PathNames(std::uint64_t kinds) {
  std::vector<std::string> names;
  for (std::size_t kind = 0; kind < rsm::kPathKinds; ++kind) {
    if ((kinds >> kind & 1) != 0) {
      names.emplace_back(rsm::PathKindName(static_cast<rsm::PathKind>(kind)));
    }
  }
  return names;
}

json LinksJson(const CounterData& data) {
  json links = json::array();
  for (std::size_t i = 0; i < data.links_count && i < data.links.size(); ++i) {
    const rsm::LinkCounters& link = data.links[i];
    links.push_back({{"peer", link.peer},
                     {"path", std::string(rsm::PathKindName(static_cast<rsm::PathKind>(link.path)))},
                     {"state", std::string(LinkStateName(static_cast<rsm::LinkState>(link.state)))},
                     {"acked", link.acked},
                     {"applied", link.applied},
                     {"lag_bytes", link.lag_bytes},
                     {"rtt_ns", link.rtt_ns},
                     {"loss", (data.loss_unknown >> link.peer & 1) != 0 ? json() : json(link.loss)},
                     {"switches", link.switches}});
    if (link.paths_up != 0) {
      links.back()["paths_up"] = PathNames(link.paths_up);
      links.back()["last_switch"] = std::string(rsm::LastSwitchText(link.last_switch));
    }
  }
  return links;
}

json FailoversJson(const CounterData& data) {
  // Nobody is asked for a planned hand-over, and an earlier release does not tell.
  const auto agree_json = [](std::uint64_t agree_ns) {
    return agree_ns == 0 ? json() : json(Microseconds(agree_ns));
  };
  json failovers = json::array();
  for (std::uint64_t i = FirstFailover(data); i < data.failovers_count; ++i) {
    const rsm::FailoverCounters& failover = data.failovers[i % CounterData::kFailovers];
    const paxos::Ballot ballot = paxos::Ballot::FromPacked(failover.ballot);
    failovers.push_back({{"ballot", {{"round", ballot.round()}, {"id", ballot.replica().value()}}},
                         {"failover_us", FailoverJson(failover)},
                         {"agree_us", agree_json(data.agree_ns[i % CounterData::kFailovers])}});
  }
  return failovers;
}

json ReplicaJson(const std::string& group, const ReplicaStatus& replica) {
  json object = {{"group", group}, {"replica", replica.id.value()}, {"running", replica.running()}};
  if (!replica.problem.empty()) {
    object["problem"] = replica.problem;
  }
  if (!replica.counters.has_value()) {
    return object;
  }
  const CounterData& data = replica.counters->data;
  const paxos::Ballot ballot = paxos::Ballot::FromPacked(data.ballot);
  object["pid"] = replica.counters->pid;
  object["consistent"] = replica.counters->consistent;
  object["incarnation"] = data.incarnation;
  object["voter"] = data.voter != 0;
  object["role"] = Role(data);
  object["ballot"] = {{"round", ballot.round()}, {"id", ballot.replica().value()}};
  object["leader"] = data.leader_plus_one == 0 ? json() : json(data.leader_plus_one - 1);
  object["commit"] = data.commit;
  object["commit_slot"] = data.commit_slot;
  object["applied"] = data.applied;
  object["applied_slot"] = data.applied_slot;
  object["applied_commands"] = data.applied_commands;
  object["durable"] = data.durable;
  object["in_sync"] = Members(data.in_sync);
  object["voters"] = Members(data.voters);
  object["learners"] = Members(data.learners);
  object["joining"] = Members(data.joining);
  object["change_undecided"] = data.change_undecided != 0;
  object["no_quorum"] = data.no_quorum != 0;
  object["drained"] = data.drained != 0;
  object["priority"] = data.priority_plus_one == 0 ? json() : json(data.priority_plus_one - 1);
  object["reserved_bytes"] = data.reserved_bytes;
  object["state_hash"] = absl::StrFormat("%016x", data.state_hash);
  object["hashed_commands"] = data.hashed_commands;
  object["diverged"] = data.diverged != 0;
  if (data.diverged != 0) {
    object["divergence"] = {{"commands", data.divergence_commands},
                            {"own_hash", absl::StrFormat("%016x", data.divergence_own_hash)},
                            {"leader_hash", absl::StrFormat("%016x", data.divergence_leader_hash)}};
  }
  object["links"] = LinksJson(data);
  object["failovers"] = FailoversJson(data);
  object["elections"] = {{"asked", data.elections_asked},
                         {"begun", data.elections_begun},
                         {"won", data.elections_won},
                         {"suspect_after_ms", data.silence_limit_ns / 1'000'000}};
  if (data.transport_count != 0) {
    json counters = json::object();
    for (std::size_t i = 0; i < TransportCounted(data); ++i) {
      counters[std::string(rsm::TransportCounterName(static_cast<rsm::TransportCounter>(i)))] =
          data.transport[i];
    }
    object["transport_counters"] = std::move(counters);
  }
  if (data.network_count != 0) {
    json counters = json::object();
    for (std::size_t i = 0; i < NetworkCounted(data); ++i) {
      counters[std::string(rsm::NetworkCounterName(static_cast<rsm::NetworkCounter>(i)))] = data.network[i];
    }
    object["network_client_counters"] = std::move(counters);
  }
  return object;
}

// What a person should know beyond the line of the table.
std::vector<std::string> Remarks(const ReplicaStatus& replica) {
  std::vector<std::string> remarks;
  if (!replica.problem.empty()) {
    remarks.push_back(replica.problem);
  }
  if (replica.Live() == nullptr) {
    return remarks;
  }
  const CounterData& data = *replica.Live();
  const std::uint64_t self = std::uint64_t{1} << replica.id.value();
  if ((data.joining & self) != 0) {
    remarks.emplace_back("has been added: it is being filled, and votes when it has been admitted");
  } else if ((data.learners & self) != 0) {
    remarks.emplace_back("a learner: it follows, and never votes");
  } else if ((data.voters & self) == 0) {
    remarks.emplace_back("is not in the group, as far as it knows: `gaios member add` adds it");
  } else if (data.voter == 0) {
    remarks.emplace_back(
        "has forgotten what it promised: it is being filled, and votes when it has been readmitted");
  }
  if (data.drained != 0) {
    remarks.emplace_back("drained: it leads only when nobody else does; `gaios drain --off` ends that");
  }
  if (data.priority_plus_one != 0 && data.priority_plus_one != std::uint64_t{paxos::kUsualPriority} + 1) {
    remarks.push_back(absl::StrCat("priority ", data.priority_plus_one - 1, " as leader"));
  }
  if (data.no_quorum != 0) {
    remarks.emplace_back("no quorum: it cannot reach a majority of the group, and nothing is committed");
  }
  if (data.diverged != 0) {
    remarks.push_back(
        absl::StrFormat("has diverged from the leader by command %u and stopped applying: its state machine "
                        "is not deterministic",
                        data.divergence_commands));
  }
  for (std::size_t i = 0; i < data.links_count && i < data.links.size(); ++i) {
    const auto state = static_cast<rsm::LinkState>(data.links[i].state);
    if (state != rsm::LinkState::kUp && state != rsm::LinkState::kActive) {
      remarks.push_back(
          absl::StrCat("link to ", data.links[i].peer, ": ", std::string(LinkStateName(state))));
    }
    if (const rsm::LinkCounters& link = data.links[i]; link.paths_up != 0) {
      remarks.push_back(absl::StrCat(
          "link to ", link.peer, ": by ",
          std::string(rsm::PathKindName(static_cast<rsm::PathKind>(link.path))), "; up are ",
          absl::StrJoin(PathNames(link.paths_up), ", "), "; path changed ", link.switches,
          link.switches == 1 ? " time" : " times", link.last_switch == 0 ? "" : ", last because ",
          std::string(rsm::LastSwitchText(link.last_switch))));
    }
  }
  std::vector<std::string> troubles;
  for (std::size_t i = 0; i < TransportCounted(data); ++i) {
    const auto counter = static_cast<rsm::TransportCounter>(i);
    if (data.transport[i] != 0 && rsm::TellsOfTrouble(counter)) {
      troubles.push_back(
          absl::StrCat(std::string(rsm::TransportCounterName(counter)), " ", data.transport[i]));
    }
  }
  if (!troubles.empty()) {
    remarks.push_back(absl::StrCat("transport, since it was started: ", absl::StrJoin(troubles, ", ")));
  }
  troubles.clear();
  for (std::size_t i = 0; i < NetworkCounted(data); ++i) {
    const auto counter = static_cast<rsm::NetworkCounter>(i);
    if (data.network[i] != 0 && rsm::TellsOfTrouble(counter)) {
      troubles.push_back(absl::StrCat(std::string(rsm::NetworkCounterName(counter)), " ", data.network[i]));
    }
  }
  if (!troubles.empty()) {
    remarks.push_back(
        absl::StrCat("clients of the network, since it was started: ", absl::StrJoin(troubles, ", ")));
  }
  if (data.failovers_count > 0) {
    const std::size_t place = (data.failovers_count - 1) % CounterData::kFailovers;
    const rsm::FailoverCounters& last = data.failovers[place];
    const std::string agree = data.agree_ns[place] == 0
                                  ? ""
                                  : absl::StrFormat(", of it until a majority had found out %.0f",
                                                    Microseconds(data.agree_ns[place]));
    remarks.push_back(absl::StrFormat(
        "last election won: %.0f us (detect %.0f, fence %.0f%s, recover %.0f, first commit %.0f)",
        Microseconds(last.total_ns), Microseconds(last.detect_ns), Microseconds(last.fence_ns), agree,
        Microseconds(last.recover_ns), Microseconds(last.first_commit_ns)));
  }
  return remarks;
}

std::string TableLine(const ReplicaStatus& replica) {
  if (!replica.counters.has_value()) {
    return absl::StrFormat("%7d  not running\n", replica.id.value());
  }
  const CounterData& data = replica.counters->data;
  const paxos::Ballot ballot = paxos::Ballot::FromPacked(data.ballot);
  std::uint64_t lag = 0;
  for (std::size_t i = 0; i < data.links_count && i < data.links.size(); ++i) {
    lag = std::max(lag, data.links[i].lag_bytes);
  }
  const bool leads = data.role == static_cast<std::uint64_t>(paxos::Role::kLeader);
  return absl::StrFormat("%7d  %-11s  %4d  %9s  %6s  %14d  %14d  %12d  %10s  %s\n", replica.id.value(),
                         replica.running() ? Role(data) : "not running", data.incarnation,
                         absl::StrCat(ballot.round(), ".", ballot.replica().value()),
                         data.leader_plus_one == 0 ? "-" : absl::StrCat(data.leader_plus_one - 1),
                         data.commit, data.applied, data.applied_commands, leads ? absl::StrCat(lag) : "-",
                         leads ? absl::StrJoin(Members(data.in_sync), ",") : "-");
}

}  // namespace

bool Leads(const rsm::CounterData& data) {
  return data.role == static_cast<std::uint64_t>(paxos::Role::kLeader) && data.no_quorum == 0 &&
         data.in_sync != 0;
}

std::optional<std::size_t> LeaderOf(const GroupStatus& status, std::optional<std::size_t> except) {
  for (const ReplicaStatus& replica : status.replicas) {
    const rsm::CounterData* const data = replica.Live();
    if (data != nullptr && Leads(*data) && replica.id.value() != except) {
      return replica.id.value();
    }
  }
  return std::nullopt;
}

GroupStatus ReadGroupStatus(const rsm::Config& config) {
  GroupStatus status{.group = config.group, .replicas = {}};
  for (std::size_t i = 0; i < paxos::kMaxReplicas; ++i) {
    const paxos::ReplicaId id(static_cast<std::uint8_t>(i));
    ReplicaStatus replica{.id = id, .counters = std::nullopt, .problem = {}};
    absl::StatusOr<rsm::CounterSnapshot> counters =
        rsm::ReadCounters(rsm::Counters::Path(config.directory, id));
    if (i >= config.replicas.size() && absl::IsNotFound(counters.status())) {
      continue;  // it may be added some day
    }
    if (counters.ok()) {
      replica.counters = *std::move(counters);
    } else {
      replica.problem = std::string(counters.status().message());
    }
    status.replicas.push_back(std::move(replica));
  }
  return status;
}

const rsm::CounterData* LiveData(const GroupStatus& status, std::size_t id) {
  for (const ReplicaStatus& replica : status.replicas) {
    if (replica.id.value() == id) {
      return replica.Live();
    }
  }
  return nullptr;
}

std::optional<rsm::CounterData> ReadLiveData(const rsm::Config& config, std::size_t id) {
  const GroupStatus status = ReadGroupStatus(config);
  const rsm::CounterData* const data = LiveData(status, id);
  return data != nullptr ? std::optional(*data) : std::nullopt;
}

json FailoverJson(const rsm::FailoverCounters& failover) {
  return {{"detect", Microseconds(failover.detect_ns)},
          {"fence", Microseconds(failover.fence_ns)},
          {"recover", Microseconds(failover.recover_ns)},
          {"first_commit", Microseconds(failover.first_commit_ns)},
          {"total", Microseconds(failover.total_ns)}};
}

json StatusJson(const GroupStatus& status) {
  json array = json::array();
  for (const ReplicaStatus& replica : status.replicas) {
    array.push_back(ReplicaJson(status.group, replica));
  }
  return array;
}

std::string StatusTable(const GroupStatus& status) {
  std::string text = absl::StrCat("group ", status.group, "\n");
  if (const std::optional<std::size_t> leader = LeaderOf(status); leader.has_value()) {
    const CounterData& data = *LiveData(status, *leader);
    absl::StrAppend(
        &text, "voters ", absl::StrJoin(Members(data.voters), ", "),
        data.learners == 0 ? "" : absl::StrCat("; learners ", absl::StrJoin(Members(data.learners), ", ")),
        data.joining == 0 ? "" : absl::StrCat("; to vote soon ", absl::StrJoin(Members(data.joining), ", ")),
        data.change_undecided == 0 ? "" : "; a change is under way", "\n");
  }
  absl::StrAppendFormat(&text, "%7s  %-11s  %4s  %9s  %6s  %14s  %14s  %12s  %10s  %s\n", "replica", "role",
                        "life", "ballot", "leader", "commit", "applied", "commands", "lag_bytes", "in_sync");
  for (const ReplicaStatus& replica : status.replicas) {
    text += TableLine(replica);
    for (const std::string& remark : Remarks(replica)) {
      absl::StrAppend(&text, "         ", remark, "\n");
    }
  }
  return text;
}

}  // namespace gaios::cli

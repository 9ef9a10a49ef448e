#include "gaios/cli/transfer/run_transfer_leader.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <nlohmann/json.hpp>

#include "gaios/cli/ask/ask_replica.h"
#include "gaios/cli/complain.h"
#include "gaios/cli/status/group_status.h"
#include "gaios/cli/write_json.h"
#include "gaios/paxos/limits.h"
#include "gaios/paxos/state.h"
#include "gaios/rsm/client/wire.h"
#include "gaios/rsm/group_identity.h"

namespace gaios::cli {
namespace {

rsm::CounterData Read(const rsm::Config& config, std::size_t replica) {
  return ReadLiveData(config, replica).value_or(rsm::CounterData());
}

bool Follows(const rsm::CounterData& data, std::size_t leader) {
  return data.role == static_cast<std::uint64_t>(paxos::Role::kFollower) &&
         data.leader_plus_one == leader + 1;
}

// Of whom a replica here says that it leads, and of whom nothing is to be seen here.
std::optional<std::size_t> LeaderElsewhere(const GroupStatus& status) {
  for (const ReplicaStatus& replica : status.replicas) {
    const rsm::CounterData* const data = replica.Live();
    if (data == nullptr || data->leader_plus_one == 0) {
      continue;
    }
    const std::uint64_t leader = data->leader_plus_one - 1;
    const bool here = std::ranges::any_of(status.replicas, [leader](const ReplicaStatus& other) {
      return other.id.value() == leader && other.counters.has_value();
    });
    if (!here) {
      return leader;
    }
  }
  return std::nullopt;
}

// What the leader says to it; nothing when it does not answer.
std::optional<rsm::ResponseHeader> Ask(const rsm::Config& config, paxos::GroupId group, std::size_t leader,
                                       std::size_t to) {
  rsm::RequestHeader request;
  request.sequence = to;
  request.kind = rsm::RequestKind::kHandOver;
  const std::optional<Answer> answer = AskReplica(config, group, leader, request);
  return answer.has_value() ? std::optional(answer->header) : std::nullopt;
}

absl::Status NotAble(const rsm::Config& config, std::size_t to) {
  if (Read(config, to).drained != 0) {
    return absl::AbortedError(absl::StrCat(
        "replica ", to, " is drained: let it lead again first, by `gaios drain --id ", to, " --off`"));
  }
  return absl::AbortedError(absl::StrCat(
      "replica ", to,
      " cannot lead now: it is not in sync, has yet to be readmitted, is drained or has diverged, "
      "or cannot be reached; see "
      "`gaios status`, and try again when it follows"));
}

}  // namespace

absl::StatusOr<Transfer> TransferLeader(const rsm::Config& config, std::size_t to) {
  if (to >= paxos::kMaxReplicas) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no replica ", to, ": ids are 0 to ", paxos::kMaxReplicas - 1));
  }
  const absl::StatusOr<paxos::GroupId> group = rsm::FindGroup(config);
  if (!group.ok()) {
    return group.status();
  }
  Transfer transfer;
  transfer.to = to;
  std::optional<std::size_t> leader;
  std::optional<std::size_t> elsewhere;
  static_cast<void>(WaitFor([&] {
    const GroupStatus status = ReadGroupStatus(config);
    leader = LeaderOf(status);
    elsewhere = LeaderElsewhere(status);
    return leader.has_value() || elsewhere.has_value();
  }));
  if (!leader.has_value() && elsewhere.has_value()) {
    return absl::NotFoundError(
        absl::StrCat("replica ", *elsewhere, " leads, and not on this host: run this on its own"));
  }
  if (!leader.has_value()) {
    return absl::NotFoundError(
        absl::StrCat("no replica of group '", config.group,
                     "' leads on this host: run this where its leader runs, or start the "
                     "group"));
  }
  transfer.from = *leader;
  if (*leader == to) {
    return transfer;
  }
  const std::uint64_t hand_overs = Read(config, *leader).hand_overs;
  const std::uint64_t failovers = Read(config, to).failovers_count;
  const std::optional<rsm::ResponseHeader> answer = Ask(config, *group, *leader, to);
  if (!answer.has_value() || answer->status == rsm::ResponseStatus::kNotLeader) {
    return absl::UnavailableError(absl::StrCat("replica ", *leader, " led and does so no more; try again"));
  }
  if (answer->status != rsm::ResponseStatus::kBegun) {
    return NotAble(config, to);
  }
  std::optional<rsm::CounterData> taker;
  const bool leads = WaitFor([&] {
    taker = ReadLiveData(config, to);
    return taker.has_value() ? Leads(*taker) && taker->failovers_count > failovers
                             : Follows(Read(config, *leader), to);
  });
  if (!leads) {
    return absl::UnavailableError(
        absl::StrCat("replica ", to,
                     " did not come to lead; the group goes on under whom it has, see "
                     "`gaios status`, and try again"));
  }
  const rsm::CounterData old = Read(config, *leader);
  if (old.hand_overs > hand_overs) {
    transfer.drain_us = static_cast<double>(old.hand_over_drain_ns) / 1000;
  }
  transfer.take_over_us.reset();
  if (taker.has_value()) {
    const rsm::FailoverCounters& last =
        taker->failovers[(taker->failovers_count - 1) % rsm::CounterData::kFailovers];
    transfer.take_over_us = static_cast<double>(last.total_ns) / 1000;
  }
  return transfer;
}

namespace {

std::uint8_t PriorityOf(const rsm::Config& config, std::size_t id) {
  return id < config.replicas.size() ? config.replicas[id].priority : paxos::kUsualPriority;
}

// Whoever is preferred takes the lead again: that may not be what the operator wants.
void TellPreferred(const rsm::Config& config, std::size_t to) {
  for (const rsm::ReplicaConfig& replica : config.replicas) {
    if (replica.priority > PriorityOf(config, to)) {
      absl::PrintF(
          "replica %u has a higher priority, and is handed the lead when it has kept up for %u ms; to "
          "prevent "
          "that, drain it\n",
          replica.id.value(), config.preferred_after_ns / 1'000'000);
    }
  }
}

std::string Described(const Transfer& transfer) {
  if (transfer.from == transfer.to) {
    return absl::StrFormat("replica %u leads already\n", transfer.to);
  }
  const std::string leads =
      absl::StrFormat("replica %u leads after replica %u; ", transfer.to, transfer.from);
  if (!transfer.take_over_us.has_value()) {
    return leads + absl::StrFormat(
                       "it took %.1f us to finish what was under way; how long to take over, "
                       "`gaios status` tells on its host\n",
                       transfer.drain_us);
  }
  return leads + absl::StrFormat(
                     "nothing was committed for %.1f us (%.1f to finish what was under way, %.1f "
                     "to take over)\n",
                     transfer.drain_us + *transfer.take_over_us, transfer.drain_us, *transfer.take_over_us);
}

nlohmann::json OrNull(std::optional<double> value) {
  return value.has_value() ? nlohmann::json(*value) : nullptr;
}

}  // namespace

int RunTransferLeader(const TransferFlags& flags) {
  const absl::StatusOr<rsm::Config> config = rsm::LoadConfig(flags.config);
  if (!config.ok()) {
    return Complain(config.status());
  }
  const absl::StatusOr<Transfer> transfer = TransferLeader(*config, static_cast<std::size_t>(flags.to));
  if (!transfer.ok()) {
    return Complain(transfer.status());
  }
  if (flags.json != "-") {
    std::printf("%s", Described(*transfer).c_str());
    TellPreferred(*config, transfer->to);
  }
  const nlohmann::json json = {{"from", transfer->from},
                               {"to", transfer->to},
                               {"gap_us", OrNull(transfer->gap_us())},
                               {"drain_us", transfer->drain_us},
                               {"take_over_us", OrNull(transfer->take_over_us)}};
  if (const absl::Status written = WriteJson(json, flags.json); !written.ok()) {
    return Complain(written);
  }
  return kExitGood;
}

}  // namespace gaios::cli

#include "gaios/cli/transfer/run_transfer_leader.h"

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
#include "gaios/rsm/client/wire.h"
#include "gaios/rsm/group_identity.h"

namespace gaios::cli {
namespace {

rsm::CounterData Read(const rsm::Config& config, std::size_t replica) {
  const GroupStatus status = ReadGroupStatus(config);
  const rsm::CounterData* const data = LiveData(status, replica);
  return data != nullptr ? *data : rsm::CounterData();
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
  static_cast<void>(WaitFor([&] { return (leader = LeaderOf(ReadGroupStatus(config))).has_value(); }));
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
  const bool leads = WaitFor([&] {
    return LeaderOf(ReadGroupStatus(config)) == to && Read(config, to).failovers_count > failovers;
  });
  if (!leads) {
    return absl::UnavailableError(
        absl::StrCat("replica ", to,
                     " did not come to lead; the group goes on under whom it has, see "
                     "`gaios status`, and try again"));
  }
  const rsm::CounterData old = Read(config, *leader);
  const rsm::CounterData taker = Read(config, to);
  if (old.hand_overs > hand_overs) {
    transfer.drain_us = static_cast<double>(old.hand_over_drain_ns) / 1000;
  }
  const rsm::FailoverCounters& last =
      taker.failovers[(taker.failovers_count - 1) % rsm::CounterData::kFailovers];
  transfer.take_over_us = static_cast<double>(last.total_ns) / 1000;
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
    std::printf("%s",
                transfer->from == transfer->to
                    ? absl::StrFormat("replica %u leads already\n", transfer->to).c_str()
                    : absl::StrFormat("replica %u leads after replica %u; nothing was committed for %.1f us "
                                      "(%.1f to finish what was under way, %.1f to take over)\n",
                                      transfer->to, transfer->from, transfer->gap_us(), transfer->drain_us,
                                      transfer->take_over_us)
                          .c_str());
    TellPreferred(*config, transfer->to);
  }
  const nlohmann::json json = {{"from", transfer->from},
                               {"to", transfer->to},
                               {"gap_us", transfer->gap_us()},
                               {"drain_us", transfer->drain_us},
                               {"take_over_us", transfer->take_over_us}};
  if (const absl::Status written = WriteJson(json, flags.json); !written.ok()) {
    return Complain(written);
  }
  return kExitGood;
}

}  // namespace gaios::cli

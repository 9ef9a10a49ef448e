#include "gaios/cli/drain/run_drain.h"

#include <cstdio>

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

std::optional<std::size_t> LeaderIn(const rsm::CounterData& data) {
  return data.leader_plus_one == 0 ? std::nullopt : std::optional<std::size_t>(data.leader_plus_one - 1);
}

bool LeadsOrIsAboutTo(const rsm::CounterData& data) {
  return data.role == static_cast<std::uint64_t>(paxos::Role::kLeader) ||
         data.role == static_cast<std::uint64_t>(paxos::Role::kCandidate);
}

// Whether that replica leads, as far as can be seen from here: of one on another host it is enough that it is
// said to.
bool Led(const rsm::Config& config, std::optional<std::size_t> leader) {
  if (!leader.has_value()) {
    return false;
  }
  const std::optional<rsm::CounterData> there = ReadLiveData(config, *leader);
  return !there.has_value() || Leads(*there);
}

}  // namespace

absl::StatusOr<Drained> Drain(const rsm::Config& config, std::size_t id, bool drained) {
  if (id >= paxos::kMaxReplicas) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no replica ", id, ": ids are 0 to ", paxos::kMaxReplicas - 1));
  }
  const absl::StatusOr<paxos::GroupId> group = rsm::FindGroup(config);
  if (!group.ok()) {
    return group.status();
  }
  const std::optional<rsm::CounterData> before = ReadLiveData(config, id);
  if (!before.has_value()) {
    return absl::NotFoundError(
        absl::StrCat("replica ", id,
                     " does not run on this host: run this where it does; one that is stopped need not be "
                     "drained"));
  }
  rsm::RequestHeader request;
  request.kind = rsm::RequestKind::kDrain;
  request.sequence = drained ? 1 : 0;
  const std::optional<Answer> answer = AskReplica(config, *group, id, request);
  if (!answer.has_value()) {
    return absl::UnavailableError(absl::StrCat("replica ", id,
                                               " does not answer: it stands still, or is of an earlier "
                                               "release, which cannot be drained; hand over by "
                                               "`gaios transfer-leader` then"));
  }
  if (answer->header.status != rsm::ResponseStatus::kBegun) {
    return absl::AbortedError(
        absl::StrCat("replica ", id,
                     " leads, and no other replica can take over now: none keeps up, or those that do are "
                     "drained; see `gaios status`, and try again when another follows"));
  }
  Drained result{.led = Leads(*before), .leader = std::nullopt};
  // A leader goes on for the moment that the hand-over takes.
  const bool done = WaitFor([&] {
    const std::optional<rsm::CounterData> now = ReadLiveData(config, id);
    result.leader = now.has_value() ? LeaderIn(*now) : std::nullopt;
    return now.has_value() && (now->drained != 0) == drained &&
           (!drained || (!LeadsOrIsAboutTo(*now) && (!result.led || Led(config, result.leader))));
  });
  if (!done && !ReadLiveData(config, id).has_value()) {
    return absl::UnavailableError(absl::StrCat("replica ", id, " has ended meanwhile; see `gaios status`"));
  }
  if (!done) {
    return absl::UnavailableError(absl::StrCat(
        "replica ", id, " has taken the request, and ",
        drained ? "nobody else is seen to lead yet; it goes on trying to hand over, `--off` ends that"
                : "does not show it yet",
        "; see `gaios status`"));
  }
  return result;
}

int RunDrain(const DrainFlags& flags) {
  const absl::StatusOr<rsm::Config> config = rsm::LoadConfig(flags.config);
  if (!config.ok()) {
    return Complain(config.status());
  }
  const absl::StatusOr<Drained> drained = Drain(*config, flags.id, !flags.off);
  if (!drained.ok()) {
    return Complain(drained.status());
  }
  const std::optional<std::size_t> leads = drained->leader;
  const nlohmann::json leader = leads.has_value() ? nlohmann::json(*leads) : nullptr;
  const nlohmann::json json = {
      {"replica", flags.id}, {"drained", !flags.off}, {"led", drained->led}, {"leader", leader}};
  if (const absl::Status written = WriteJson(json, flags.json); !written.ok()) {
    return Complain(written);
  }
  const std::string what =
      flags.off
          ? "may lead again"
          : absl::StrCat("is drained until it is started again", drained->led ? ", and has handed over" : "",
                         leads.has_value() ? absl::StrCat("; replica ", *leads, " leads") : "");
  absl::FPrintF(TextStream(flags.json), "replica %u %s\n", flags.id, what);
  return kExitGood;
}

}  // namespace gaios::cli

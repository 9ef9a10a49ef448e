#include "gaios/cli/status/run_status.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string>

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include "gaios/cli/complain.h"
#include "gaios/cli/member/member_addresses.h"
#include "gaios/cli/status/group_status.h"
#include "gaios/cli/write_json.h"
#include "gaios/paxos/configuration.h"
#include "gaios/paxos/limits.h"
#include "gaios/rsm/config.h"
#include "gaios/rsm/group_identity.h"

namespace gaios::cli {
namespace {

// A replica that stands still is not waited for longer.
constexpr std::uint64_t kAddressPatienceNs = 200'000'000;

// By id; empty where it is not known, as where replicas share memory.
using Addresses = std::array<std::string, paxos::kMaxReplicas>;

// As the first replica says that runs here and answers.
Addresses ReadAddresses(const rsm::Config& config, const GroupStatus& status) {
  Addresses addresses;
  const absl::StatusOr<paxos::GroupId> group = rsm::FindGroup(config);
  if (config.transport == rsm::TransportKind::kShm || !group.ok()) {
    return addresses;
  }
  for (const ReplicaStatus& replica : status.replicas) {
    const std::optional<rsm::MembersReply> members =
        replica.Live() == nullptr ? std::nullopt
                                  : AskMembersOf(config, *group, replica.id.value(), kAddressPatienceNs);
    if (!members.has_value()) {
      continue;
    }
    for (std::size_t i = 0; i < addresses.size(); ++i) {
      const bool member =
          static_cast<paxos::Standing>(members->members[i].standing) != paxos::Standing::kNone;
      addresses[i] = member ? AddressOf(*members, config, i) : "";
    }
    break;
  }
  return addresses;
}

nlohmann::json WithAddresses(nlohmann::json replicas, const Addresses& addresses) {
  for (nlohmann::json& replica : replicas) {
    if (const std::string& own = addresses.at(replica["replica"].get<std::size_t>()); !own.empty()) {
      replica["address"] = own;
    }
    if (!replica.contains("links")) {
      continue;
    }
    for (nlohmann::json& link : replica["links"]) {
      if (const std::string& other = addresses.at(link["peer"].get<std::size_t>()); !other.empty()) {
        link["address"] = other;
      }
    }
  }
  return replicas;
}

std::string AddressLine(const Addresses& addresses) {
  std::string line;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (!addresses[i].empty()) {
      absl::StrAppend(&line, line.empty() ? "members: " : ", ", i, " at ", addresses[i]);
    }
  }
  return line.empty() ? line : line + "\n";
}

absl::Status Show(const GroupStatus& status, const Addresses& addresses, const StatusFlags& flags) {
  if (!flags.json.empty()) {
    return WriteJson(WithAddresses(StatusJson(status), addresses), flags.json);
  }
  if (flags.watch && isatty(STDOUT_FILENO) == 1) {
    std::fputs("\033[H\033[J", stdout);  // from the top of a clear screen
  }
  std::fputs(StatusTable(status).c_str(), stdout);
  std::fputs(AddressLine(addresses).c_str(), stdout);
  std::fflush(stdout);
  return absl::OkStatus();
}

}  // namespace

int RunStatus(const StatusFlags& flags) {
  const absl::StatusOr<rsm::Config> config = rsm::LoadConfig(flags.config);
  if (!config.ok()) {
    return Complain(config.status());
  }
  sigset_t interrupts;
  sigemptyset(&interrupts);
  if (flags.watch) {
    sigaddset(&interrupts, SIGINT);
    sigaddset(&interrupts, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &interrupts, nullptr);
  }
  for (;;) {
    const GroupStatus status = ReadGroupStatus(*config);
    if (const absl::Status shown = Show(status, ReadAddresses(*config, status), flags); !shown.ok()) {
      return Complain(shown);
    }
    if (!flags.watch) {
      return std::ranges::any_of(status.replicas, &ReplicaStatus::running) ? kExitGood : kExitDoesNotHold;
    }
    const timespec second = {.tv_sec = 1, .tv_nsec = 0};
    if (sigtimedwait(&interrupts, nullptr, &second) > 0) {
      return kExitGood;
    }
  }
}

}  // namespace gaios::cli

// `gaios member force`: a group that has lost its majority for good goes on, as another one, from what one of
// its replicas holds. docs/decisions/0019 says why that is safe, and what is lost.

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include "gaios/cli/complain.h"
#include "gaios/cli/member/run_member.h"
#include "gaios/cli/status/group_status.h"
#include "gaios/cli/write_json.h"
#include "gaios/paxos/limits.h"
#include "gaios/rsm/config.h"
#include "gaios/rsm/durable_file.h"
#include "gaios/rsm/group_identity.h"
#include "gaios/rsm/snapshot/donor_route.h"
#include "gaios/rsm/snapshot/file.h"
#include "gaios/rsm/snapshot/origin.h"
#include "gaios/rsm/snapshot/seed.h"
#include "gaios/rsm/snapshot/signal_fd.h"
#include "gaios/rsm/snapshot/snapshots.h"
#include "gaios/rsm/snapshot/transfer.h"

namespace gaios::cli {
namespace {

constexpr int kPatienceMs = 10'000;

// That the new config is one of the same group, later and elsewhere, and of nothing that is there.
absl::Status CheckNewConfig(const rsm::Config& old_config, const rsm::Config& config) {
  if (config.group != old_config.group || config.state_machine != old_config.state_machine) {
    return absl::FailedPreconditionError(
        "--new-config is of another group or state machine than --config: write the same into both");
  }
  if (config.epoch <= old_config.epoch) {
    return absl::FailedPreconditionError(absl::StrCat(
        "what is forced is another group: raise epoch in --new-config to ", old_config.epoch + 1ULL,
        " or more, so that no late replica of the old one is taken for one of it"));
  }
  if (config.directory == old_config.directory) {
    return absl::FailedPreconditionError("give the new group a directory of its own in --new-config");
  }
  const absl::Status found = rsm::FindGroup(config).status();
  if (found.ok()) {
    return absl::AlreadyExistsError(absl::StrCat("there is a group in ", config.directory,
                                                 " already: give the new one another directory"));
  }
  return absl::IsNotFound(found) ? absl::OkStatus() : found;
}

// What was known of the old group before the replica was ended.
struct Before {
  std::uint64_t commit = 0;  // of the replica
  std::uint64_t seen = 0;    // the furthest that another had applied, as last heard
};

// Where what a replica holds lies, when it has ended for this before; nothing when it has not.
std::string SavedBefore(const rsm::Config& config, std::uint32_t id) {
  const std::string& directory =
      config.snapshot_directory.empty() ? config.directory : config.snapshot_directory;
  const std::string path = rsm::LastSnapshotPath(directory, paxos::ReplicaId(static_cast<std::uint8_t>(id)));
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return "";
  }
  return absl::StrCat(". But all that replica ", id, " held is in ", path,
                      ": go on with that, by `gaios bootstrap --from-snapshot ", path, "`");
}

absl::StatusOr<Before> LookBefore(const rsm::Config& config, std::uint32_t id) {
  const GroupStatus status = ReadGroupStatus(config);
  const rsm::CounterData* const data = LiveData(status, id);
  if (data == nullptr) {
    return absl::NotFoundError(absl::StrCat(
        "replica ", id,
        " does not run on this host: run this where a replica does that has been running since "
        "the majority was lost. If there is none, begin anew from the last backup (`gaios bootstrap "
        "--from-snapshot`)",
        SavedBefore(config, id)));
  }
  Before before;
  before.commit = data->commit;
  for (std::size_t i = 0; i < data->links_count && i < data->links.size(); ++i) {
    before.seen = std::max(before.seen, data->links[i].applied);
  }
  return before;
}

absl::Status TakeLast(const rsm::Config& config, std::uint32_t id, const std::string& path) {
  const absl::StatusOr<paxos::GroupId> group = rsm::FindGroup(config);
  if (!group.ok()) {
    return group.status();
  }
  const absl::StatusOr<rsm::SignalFd> never = rsm::SignalFd::Create();
  if (!never.ok()) {
    return never.status();
  }
  rsm::HostRoute route(config.directory);
  const absl::StatusOr<std::unique_ptr<rsm::TransferStream>> stream =
      route.Connect(paxos::ReplicaId(static_cast<std::uint8_t>(id)), never->fd(), kPatienceMs);
  if (!stream.ok()) {
    return stream.status();
  }
  rsm::IncomingSnapshot incoming(path, rsm::OriginOf(config, *group));
  return incoming.Take(**stream, rsm::kLastSnapshot);
}

int TellForced(const MemberFlags& flags, const rsm::Config& config, const rsm::SnapshotFacts& facts,
               const Before& before) {
  const std::uint64_t position = facts.cursor.position.value();
  const std::uint64_t unknown = position > before.commit ? position - before.commit : 0;
  const std::uint64_t lost = before.seen > position ? before.seen - position : 0;
  const absl::Status written = WriteJson({{"position", position},
                                          {"slot", facts.cursor.slot.value()},
                                          {"applied_commands", facts.applied_commands},
                                          {"bytes_not_known_to_be_committed", unknown},
                                          {"bytes_known_to_be_lost", lost},
                                          {"epoch", config.epoch},
                                          {"directory", config.directory}},
                                         flags.json);
  if (!written.ok()) {
    return Complain(written);
  }
  std::fprintf(
      TextStream(flags.json),
      "group %s goes on in epoch %u from what replica %u held: %llu commands, up to position %llu of the "
      "old log. Of these the last %llu bytes were not known there to be committed.\n%s"
      "Lost is what had been committed and had not reached that replica; sessions of clients have "
      "ended, and what they had under way is unknown. Replica %u of the old group has ended. Stop what "
      "else is left of it. Bring %s/%s and the markers to their hosts, and start with\n",
      config.group.c_str(), config.epoch, flags.id, static_cast<unsigned long long>(facts.applied_commands),
      static_cast<unsigned long long>(position), static_cast<unsigned long long>(unknown),
      lost == 0 ? ""
                : absl::StrCat("Another replica had applied ", lost,
                               " bytes of the log more, as was last heard of it: they are lost.\n")
                      .c_str(),
      flags.id, config.directory.c_str(), rsm::kSeedFile);
  for (const rsm::ReplicaConfig& replica : config.replicas) {
    std::fprintf(TextStream(flags.json), "  gaios replica --config %s --id %d\n", flags.new_config.c_str(),
                 replica.id.value());
  }
  return kExitGood;
}

}  // namespace

int RunMemberForce(const MemberFlags& flags) {
  if (!flags.data_may_be_lost) {
    return Complain(
        "a group that goes on from one replica without a majority may lose commands that were acknowledged. "
        "Only "
        "when the majority is lost for good, say so: --data-may-be-lost",
        kExitUsage);
  }
  const absl::StatusOr<rsm::Config> old_config = rsm::LoadConfig(flags.config);
  if (!old_config.ok()) {
    return Complain(old_config.status());
  }
  const absl::StatusOr<rsm::Config> config = rsm::LoadConfig(flags.new_config);
  if (!config.ok()) {
    return Complain(config.status());
  }
  if (flags.id >= paxos::kMaxReplicas) {
    return Complain(
        absl::StrCat("there is no replica ", flags.id, ": ids are 0 to ", paxos::kMaxReplicas - 1),
        kExitUsage);
  }
  if (const absl::Status status = CheckNewConfig(*old_config, *config); !status.ok()) {
    return Complain(status);
  }
  const absl::StatusOr<Before> before = LookBefore(*old_config, flags.id);
  if (!before.ok()) {
    return Complain(before.status());
  }
  if (const absl::Status status = rsm::CreateDirectory(config->directory); !status.ok()) {
    return Complain(status);
  }
  const std::string path = config->directory + "/forced.snapshot";
  if (const absl::Status taken = TakeLast(*old_config, flags.id, path); !taken.ok()) {
    return Complain(absl::Status(
        taken.code(), absl::StrCat(std::string(taken.message()), SavedBefore(*old_config, flags.id))));
  }
  absl::Status made = rsm::BootstrapFrom(*config, path);
  const absl::StatusOr<std::unique_ptr<rsm::SnapshotReader>> snapshot = rsm::SnapshotReader::Open(path);
  if (made.ok() && !snapshot.ok()) {
    made = snapshot.status();
  }
  if (!made.ok()) {
    return Complain(absl::StrCat("replica ", flags.id, " has ended, and what it held is in ", path,
                                 ", but the new group could not be made of it: ", std::string(made.message()),
                                 ". Go on with `gaios bootstrap --config ", flags.new_config,
                                 " --from-snapshot ", path, "`"),
                    kExitDoesNotHold);
  }
  ::unlink(path.c_str());  // the group has its own copy
  return TellForced(flags, *config, (*snapshot)->facts(), *before);
}

}  // namespace gaios::cli

#include "gaios/cli/snapshot/run_snapshot.h"

#include <cstdio>
#include <memory>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <absl/time/time.h>
#include <nlohmann/json.hpp>

#include "gaios/cli/complain.h"
#include "gaios/cli/write_json.h"
#include "gaios/paxos/limits.h"
#include "gaios/rsm/config.h"
#include "gaios/rsm/group_identity.h"
#include "gaios/rsm/snapshot/donor_route.h"
#include "gaios/rsm/snapshot/file.h"
#include "gaios/rsm/snapshot/origin.h"
#include "gaios/rsm/snapshot/signal_fd.h"
#include "gaios/rsm/snapshot/transfer.h"
#include "gaios/rsm/snapshot/transfer_stream.h"

namespace gaios::cli {
namespace {

constexpr int kPatienceMs = 10'000;

std::string HexText(std::uint64_t number) {
  return absl::StrCat(absl::Hex(number, absl::kZeroPad16));
}

std::string TimeText(std::uint64_t time_ns) {
  return time_ns == 0
             ? "-"
             : absl::FormatTime(absl::RFC3339_sec, absl::FromUnixNanos(static_cast<int64_t>(time_ns)),
                                absl::UTCTimeZone());
}

nlohmann::json FactsJson(const rsm::SnapshotReader& snapshot) {
  const rsm::SnapshotFacts& facts = snapshot.facts();
  nlohmann::json voters = nlohmann::json::array();
  for (const paxos::Member& member : facts.configuration.voters()) {
    voters.push_back({{"replica", member.id.value()}, {"incarnation", member.incarnation.value()}});
  }
  return {{"file", snapshot.name()},
          {"id", HexText(snapshot.id())},
          {"group", facts.origin.group_name},
          {"group_id", HexText(facts.origin.group.value())},
          {"epoch", facts.origin.epoch},
          {"state_machine", facts.origin.state_machine},
          {"position", facts.cursor.position.value()},
          {"slot", facts.cursor.slot.value()},
          {"applied_commands", facts.applied_commands},
          {"time_ns", facts.time_ns},
          {"state_hash", HexText(facts.state_hash)},
          {"voters", voters},
          {"bytes", snapshot.file_bytes()},
          {"chunks", snapshot.footer().chunks}};
}

std::string FactsTable(const rsm::SnapshotReader& snapshot) {
  const rsm::SnapshotFacts& facts = snapshot.facts();
  const std::string voters =
      absl::StrJoin(facts.configuration.voters(), ", ", [](std::string* out, const paxos::Member& member) {
        absl::StrAppend(out, member.id.value(), " (start ", member.incarnation.value(), ")");
      });
  std::string table;
  const auto line = [&table](const char* what, const std::string& is) {
    absl::StrAppendFormat(&table, "%-14s %s\n", what, is);
  };
  line("snapshot", HexText(snapshot.id()));
  line("group", absl::StrCat("\"", facts.origin.group_name, "\", epoch ", facts.origin.epoch, ", id ",
                             HexText(facts.origin.group.value())));
  line("state machine", facts.origin.state_machine);
  line("commands", absl::StrCat(facts.applied_commands, ", the last of ", TimeText(facts.time_ns)));
  line("log", absl::StrCat("position ", facts.cursor.position.value(), ", slot ", facts.cursor.slot.value()));
  line("state hash", HexText(facts.state_hash));
  line("voters", voters);
  line("size", absl::StrCat(snapshot.file_bytes(), " bytes in ", snapshot.footer().chunks, " chunks"));
  return table;
}

// A file that is damaged is what these look for, not a slip of the user's.
int ComplainOfFile(const absl::Status& status) {
  return absl::IsDataLoss(status) ? Complain(std::string(status.message()), kExitDoesNotHold)
                                  : Complain(status);
}

int Tell(const rsm::SnapshotReader& snapshot, const std::string& json, const std::string& more) {
  if (const absl::Status written = WriteJson(FactsJson(snapshot), json); !written.ok()) {
    return Complain(written);
  }
  if (json.empty()) {
    std::fputs(FactsTable(snapshot).c_str(), stdout);
  }
  std::fprintf(TextStream(json), "%s", more.c_str());
  return kExitGood;
}

}  // namespace

int RunSnapshotSave(const SnapshotSaveFlags& flags) {
  const absl::StatusOr<rsm::Config> config = rsm::LoadConfig(flags.config);
  if (!config.ok()) {
    return Complain(config.status());
  }
  if (flags.replica >= paxos::kMaxReplicas) {
    return Complain(absl::StrCat("--replica ", flags.replica, ": ids are 0 to ", paxos::kMaxReplicas - 1),
                    kExitUsage);
  }
  const absl::StatusOr<paxos::GroupId> group = rsm::FindGroup(*config);
  if (!group.ok()) {
    return Complain(group.status());
  }
  const absl::StatusOr<rsm::SignalFd> never = rsm::SignalFd::Create();
  if (!never.ok()) {
    return Complain(never.status());
  }
  const paxos::ReplicaId replica(static_cast<std::uint8_t>(flags.replica));
  const absl::StatusOr<std::unique_ptr<rsm::TransferStream>> stream =
      rsm::UnixStream::Connect(rsm::DonorPath(config->directory, replica), never->fd(), kPatienceMs);
  if (!stream.ok()) {
    return Complain(stream.status());
  }
  rsm::IncomingSnapshot incoming(flags.out, rsm::OriginOf(*config, *group));
  if (const absl::Status taken = incoming.Take(**stream, rsm::kFreshSnapshot); !taken.ok()) {
    return Complain(absl::StrCat("no snapshot could be had from replica ", flags.replica, ": ",
                                 std::string(taken.message())),
                    kExitDoesNotHold);
  }
  const absl::StatusOr<std::unique_ptr<rsm::SnapshotReader>> saved = rsm::SnapshotReader::Open(flags.out);
  if (!saved.ok()) {
    return ComplainOfFile(saved.status());
  }
  return Tell(**saved, flags.json, absl::StrCat("saved as ", flags.out, "\n"));
}

int RunSnapshotShow(const std::string& file, const std::string& json) {
  const absl::StatusOr<std::unique_ptr<rsm::SnapshotReader>> snapshot = rsm::SnapshotReader::Open(file);
  return snapshot.ok() ? Tell(**snapshot, json, "") : ComplainOfFile(snapshot.status());
}

int RunSnapshotVerify(const std::string& file, const std::string& json) {
  const absl::StatusOr<std::unique_ptr<rsm::SnapshotReader>> snapshot = rsm::SnapshotReader::Open(file);
  if (!snapshot.ok()) {
    return ComplainOfFile(snapshot.status());
  }
  if (const absl::Status whole = (*snapshot)->Verify(); !whole.ok()) {
    return ComplainOfFile(whole);
  }
  return Tell(**snapshot, json, "whole: every chunk is what was written\n");
}

}  // namespace gaios::cli

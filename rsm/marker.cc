#include "gaios/rsm/marker.h"

#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include "gaios/rsm/durable_file.h"

namespace gaios::rsm {
namespace {

using paxos::ReplicaId;

constexpr std::uint32_t kMarkerVersion = 2;

std::string MarkerName(ReplicaId id) {
  return absl::StrCat("replica-", id.value(), ".marker");
}

std::string MarkerText(const Config& config, const GroupUuid& uuid, ReplicaId id, std::uint32_t starts) {
  nlohmann::ordered_json marker;
  marker["gaios_marker"] = kMarkerVersion;
  marker["group"] = config.group;
  marker["epoch"] = config.epoch;
  marker["uuid"] = GroupUuidText(uuid);
  marker["replica"] = id.value();
  marker["starts"] = starts;
  // A name that is no UTF-8 is written with replacements rather than thrown about.
  return marker.dump(2, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace) + "\n";
}

struct Marker {
  std::uint64_t version = 0;
  std::string group;
  std::uint64_t epoch = 0;
  GroupUuid uuid;
  std::uint64_t replica = 0;
  std::uint64_t starts = 0;
};

bool ReadNumber(const nlohmann::json& object, const char* key, std::uint64_t& value) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) {
    return false;
  }
  value = found->get<std::uint64_t>();
  return true;
}

bool ReadText(const nlohmann::json& object, const char* key, std::string& value) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) {
    return false;
  }
  value = found->get<std::string>();
  return true;
}

// Nothing when the text is not a marker of any kind. Of another version only that is read.
std::optional<Marker> ParseMarker(const std::string& text) {
  const nlohmann::json object = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  Marker marker;
  if (!object.is_object() || !ReadNumber(object, "gaios_marker", marker.version)) {
    return std::nullopt;
  }
  if (marker.version != kMarkerVersion) {
    return marker;
  }
  std::string uuid_text;
  if (!ReadText(object, "group", marker.group) || !ReadNumber(object, "epoch", marker.epoch) ||
      !ReadText(object, "uuid", uuid_text) || !ReadNumber(object, "replica", marker.replica) ||
      !ReadNumber(object, "starts", marker.starts) || marker.starts >= paxos::Ballot::kMaxIncarnation) {
    return std::nullopt;
  }
  const std::optional<GroupUuid> uuid = ParseGroupUuid(uuid_text);
  if (!uuid.has_value()) {
    return std::nullopt;
  }
  marker.uuid = *uuid;
  return marker;
}

// Why a marker is not this replica's, or nothing when it is; by what the config says.
absl::Status CheckIsOurs(const Marker& marker, const Config& config, ReplicaId id, const std::string& path) {
  std::string found;
  if (marker.version != kMarkerVersion) {
    found = absl::StrCat("of version ", marker.version, ", this program writes version ", kMarkerVersion);
  } else if (marker.group != config.group) {
    found = absl::StrCat("of group \"", marker.group, "\", this is group \"", config.group, "\"");
  } else if (marker.epoch != config.epoch) {
    found = absl::StrCat("of epoch ", marker.epoch, ", the config says epoch ", config.epoch);
  } else if (marker.replica != id.value()) {
    found = absl::StrCat("of replica ", marker.replica, ", this is replica ", id.value());
  } else {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat(path, " is the marker ", found, "; give this group a directory of its own in the config"));
}

absl::StatusOr<std::uint32_t> DrawNumber() {
  std::uint32_t random = 0;
  if (::getrandom(&random, sizeof(random), 0) != static_cast<ssize_t>(sizeof(random))) {
    return absl::UnavailableError("the system gives no random numbers; try again");
  }
  return random;
}

absl::StatusOr<std::uint32_t> DrawLearnerIncarnation() {
  const absl::StatusOr<std::uint32_t> random = DrawNumber();
  if (!random.ok()) {
    return random.status();
  }
  // The lower half of the learners' range, so that millions of later starts have room above.
  return kFirstLearnerIncarnation + (*random % (kFirstLearnerIncarnation / 2));
}

std::string AsideName(ReplicaId id) {
  return absl::StrCat(MarkerName(id), ".unreadable");
}

// `start` says what was found.
absl::StatusOr<Start> PlanWithoutMarker(const Config& config, ReplicaId id, Start start) {
  const absl::StatusOr<std::uint32_t> drawn = DrawLearnerIncarnation();
  if (!drawn.ok()) {
    return drawn.status();
  }
  start.incarnation = paxos::Incarnation(*drawn);
  start.counted = MarkerText(config, start.uuid, id, *drawn);
  start.notice = absl::StrCat(
      "replica ", id.value(), " does not vote yet: its bootstrap marker ", MarkerPath(config, id),
      start.unreadable ? absl::StrCat(" was unreadable (now ", AsideName(id), ")")
                       : std::string(" is missing"),
      ", so it cannot know what it has promised before; the leader fills it, and then it is readmitted");
  return start;
}

absl::Status AlreadyMade(const Config& config, const std::string& path) {
  return absl::AlreadyExistsError(absl::StrCat(
      path, " exists: group \"", config.group,
      "\" has been bootstrapped, or is being so by another process. A second bootstrap would let replicas "
      "vote that have forgotten what they promised, and what was committed could be lost. If this group is "
      "given up for good, stop its replicas, then raise epoch in the config and use another directory"));
}

}  // namespace

std::string MarkerPath(const Config& config, ReplicaId id) {
  return absl::StrCat(config.directory, "/", MarkerName(id));
}

absl::Status Bootstrap(const Config& config, const std::string& seed) {
  const absl::StatusOr<GroupUuid> uuid = DrawGroupUuid();
  if (!uuid.ok()) {
    return uuid.status();
  }
  if (absl::Status status = CreateDirectory(config.directory); !status.ok()) {
    return status;
  }
  struct NewFile {
    std::string name;
    std::string text;
  };
  std::vector<NewFile> files;
  for (const ReplicaConfig& replica : config.replicas) {
    files.push_back({MarkerName(replica.id), MarkerText(config, *uuid, replica.id, 0)});
  }
  // Last, since it is what makes the markers valid: before it nobody starts.
  files.push_back({kGroupFile, GroupFileText(config, *uuid, seed)});
  const auto path_of = [&config](const NewFile& file) {
    return absl::StrCat(config.directory, "/", file.name);
  };
  // All are looked for before any is made, so that a refusal leaves things as they were.
  for (const NewFile& file : files) {
    struct stat facts = {};
    if (::lstat(path_of(file).c_str(), &facts) == 0) {
      return AlreadyMade(config, path_of(file));
    }
    if (errno != ENOENT) {
      return absl::UnavailableError(
          absl::StrCat("cannot look for ", path_of(file), ": ", std::generic_category().message(errno)));
    }
  }
  // Whoever else does this at the same time makes the same files in the same order: who makes the first makes
  // them all.
  for (std::size_t made = 0; made < files.size(); ++made) {
    const absl::Status status = CreateFile(config.directory, files[made].name, files[made].text);
    if (status.ok()) {
      continue;
    }
    // Without the group file nobody has used what was made so far.
    for (std::size_t i = 0; i < made; ++i) {
      ::unlink(path_of(files[i]).c_str());
    }
    return absl::IsAlreadyExists(status) ? AlreadyMade(config, path_of(files[made])) : status;
  }
  return absl::OkStatus();
}

absl::Status CreateMarker(const Config& config, const GroupUuid& uuid, ReplicaId id,
                          paxos::Incarnation latest) {
  // Above those that another place of it has counted since; so many places can be had one after the other.
  constexpr std::uint32_t kStep = 1U << 16;
  absl::StatusOr<std::uint32_t> before = DrawLearnerIncarnation();
  if (before.ok() && latest.value() >= kFirstLearnerIncarnation) {
    before = DrawNumber();
    if (before.ok()) {
      before = latest.value() + (*before % kStep);
    }
  }
  if (!before.ok()) {
    return before.status();
  }
  if (*before + kStep > paxos::Ballot::kMaxIncarnation) {
    return absl::FailedPreconditionError(absl::StrCat(
        "replica ", id.value(), " has had as many lives as there are: add one of another id in its place"));
  }
  return CreateFile(config.directory, MarkerName(id), MarkerText(config, uuid, id, *before));
}

absl::StatusOr<Start> PlanStart(const Config& config, ReplicaId id) {
  const std::string path = MarkerPath(config, id);
  Start start;
  if (absl::Status status = ReadFile(path, start.found); !status.ok()) {
    return status;
  }
  const std::optional<Marker> marker = start.found.has_value() ? ParseMarker(*start.found) : std::nullopt;
  if (marker.has_value()) {
    if (absl::Status status = CheckIsOurs(*marker, config, id, path); !status.ok()) {
      return status;
    }
  }
  const absl::StatusOr<GroupUuid> uuid = FindGroupUuid(config);
  if (!uuid.ok()) {
    return uuid.status();
  }
  start.uuid = *uuid;
  if (!marker.has_value()) {
    start.unreadable = start.found.has_value();
    return PlanWithoutMarker(config, id, std::move(start));
  }
  if (marker->uuid != *uuid) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is the marker of another bootstrap of group \"", config.group, "\" than ",
                     config.directory, "/", kGroupFile, "; remove it, and the replica starts as a learner"));
  }
  const auto incarnation = static_cast<std::uint32_t>(marker->starts + 1);
  if (incarnation == kFirstLearnerIncarnation) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, " has counted as many starts as there can be; remove it, and the replica starts as a learner"));
  }
  start.incarnation = paxos::Incarnation(incarnation);
  start.counted = MarkerText(config, *uuid, id, incarnation);
  start.first_start = incarnation == 1;
  if (!start.first_start) {
    start.notice = absl::StrCat(
        "replica ", id.value(), " does not vote yet: ",
        incarnation > kFirstLearnerIncarnation
            ? std::string("it came to the group later, or its bootstrap marker had been lost")
            : absl::StrCat("this is start ", incarnation, ", and what it promised before was in memory"),
        "; the leader fills it, and then it is readmitted");
  }
  return start;
}

absl::Status CountStart(const Config& config, ReplicaId id, const Start& start) {
  std::optional<std::string> found;
  if (absl::Status status = ReadFile(MarkerPath(config, id), found); !status.ok()) {
    return status;
  }
  if (found != start.found) {
    return absl::AbortedError(
        absl::StrCat(MarkerPath(config, id), " was changed while the replica started; start it again"));
  }
  // What cannot be read is kept for whoever wants to know how that came about.
  if (start.unreadable) {
    if (absl::Status status = RenameFile(config.directory, MarkerName(id), AsideName(id)); !status.ok()) {
      return status;
    }
  }
  return start.found.has_value() && !start.unreadable
             ? ReplaceFile(config.directory, MarkerName(id), start.counted)
             : CreateFile(config.directory, MarkerName(id), start.counted);
}

}  // namespace gaios::rsm

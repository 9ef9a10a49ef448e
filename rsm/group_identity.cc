#include "gaios/rsm/group_identity.h"

#include <sys/random.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include <absl/status/status.h>
#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>
#include <xxhash.h>

#include "gaios/paxos/limits.h"
#include "gaios/rsm/durable_file.h"
#include "gaios/rsm/marker.h"

namespace gaios::rsm {
namespace {

constexpr std::uint32_t kGroupFileVersion = 1;
constexpr std::size_t kShortUuidDigits = 8;

bool AnyMarker(const Config& config) {
  return std::ranges::any_of(config.replicas, [&config](const ReplicaConfig& replica) {
    std::error_code error;
    return std::filesystem::exists(MarkerPath(config, replica.id), error);
  });
}

absl::Status NoGroup(const Config& config, const std::string& path) {
  if (AnyMarker(config)) {
    return absl::FailedPreconditionError(absl::StrCat(
        path,
        " is missing, but markers of replicas are there: a bootstrap was cut short, or the file was "
        "removed, and replicas cannot tell which group they are of; stop what runs, clear the "
        "directory, and bootstrap a new group"));
  }
  return absl::NotFoundError(
      absl::StrCat("group \"", config.group, "\" has not been bootstrapped in ", config.directory,
                   ": run `gaios bootstrap` with its config once, then start its replicas"));
}

}  // namespace

absl::StatusOr<GroupUuid> DrawGroupUuid() {
  GroupUuid uuid;
  if (::getrandom(uuid.bytes.data(), uuid.bytes.size(), 0) != static_cast<ssize_t>(uuid.bytes.size())) {
    return absl::UnavailableError("the system gives no random numbers; try again");
  }
  return uuid;
}

std::string GroupUuidText(const GroupUuid& uuid) {
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(uuid.bytes.data()), uuid.bytes.size()));
}

std::optional<GroupUuid> ParseGroupUuid(std::string_view text) {
  GroupUuid uuid;
  const bool digits =
      std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (text.size() != 2 * uuid.bytes.size() || !digits) {
    return std::nullopt;
  }
  const std::string bytes = absl::HexStringToBytes(absl::string_view(text.data(), text.size()));
  std::ranges::transform(bytes, uuid.bytes.begin(), [](char c) { return static_cast<std::uint8_t>(c); });
  return uuid;
}

paxos::GroupId GroupIdOf(const Config& config, const GroupUuid& uuid) {
  // Epoch and uuid have a fixed width, so no name can make up for them.
  std::string identity(sizeof(config.epoch), '\0');
  for (std::size_t i = 0; i < sizeof(config.epoch); ++i) {
    identity[i] = static_cast<char>(config.epoch >> (8 * i));
  }
  identity.append(reinterpret_cast<const char*>(uuid.bytes.data()), uuid.bytes.size());
  identity += config.group;
  return paxos::GroupId(XXH3_64bits(identity.data(), identity.size()));
}

std::string GroupName(const Config& config, const GroupUuid& uuid) {
  return absl::StrCat("bootstrap ", GroupUuidText(uuid).substr(0, kShortUuidDigits), " of \"", config.group,
                      "\"");
}

std::string GroupFileText(const Config& config, const GroupUuid& uuid, const std::string& seed) {
  nlohmann::ordered_json file;
  file["gaios_group"] = kGroupFileVersion;
  file["group"] = config.group;
  file["epoch"] = config.epoch;
  file["uuid"] = GroupUuidText(uuid);
  file["replicas"] = config.replicas.size();
  if (!seed.empty()) {
    file["seed"] = seed;
  }
  // A name that is no UTF-8 is written with replacements rather than thrown about.
  return file.dump(2, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace) + "\n";
}

namespace {

struct GroupFile {
  GroupUuid uuid;
  std::string seed;
  std::size_t replicas = 0;
};

// `path` stands for where the text is from in errors.
absl::StatusOr<GroupFile> ParseGroupFile(const Config& config, const std::string& text,
                                         const std::string& path) {
  const nlohmann::json file = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  std::optional<GroupUuid> uuid;
  if (file.is_object() && file.value("gaios_group", nlohmann::json()) == kGroupFileVersion &&
      file.value("uuid", nlohmann::json()).is_string()) {
    uuid = ParseGroupUuid(file["uuid"].get<std::string>());
  }
  if (!uuid.has_value()) {
    return absl::FailedPreconditionError(
        absl::StrCat(path,
                     " is unreadable or of another release, so nobody can tell which group the "
                     "replicas here are of; restore it, or bootstrap a new group in another directory"));
  }
  if (file.value("group", nlohmann::json()) != config.group ||
      file.value("epoch", nlohmann::json()) != config.epoch) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is of group ", file.value("group", nlohmann::json()).dump(), " in epoch ",
                     file.value("epoch", nlohmann::json()).dump(), ", the config says \"", config.group,
                     "\" in epoch ", config.epoch, "; give this group a directory of its own in the config"));
  }
  const nlohmann::json seed = file.value("seed", nlohmann::json(""));
  if (!seed.is_string()) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " does not say with what the group begins; restore it"));
  }
  const nlohmann::json replicas = file.value("replicas", nlohmann::json(0U));
  if (!replicas.is_number_unsigned() || replicas.get<std::uint64_t>() > paxos::kMaxReplicas) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " does not say with how many replicas the group begins; restore it"));
  }
  return GroupFile{*uuid, seed.get<std::string>(), replicas.get<std::size_t>()};
}

absl::StatusOr<GroupFile> ReadGroupFile(const Config& config) {
  const std::string path = absl::StrCat(config.directory, "/", kGroupFile);
  std::optional<std::string> text;
  if (absl::Status status = ReadFile(path, text); !status.ok()) {
    return status;
  }
  return text.has_value() ? ParseGroupFile(config, *text, path) : NoGroup(config, path);
}

}  // namespace

absl::StatusOr<GroupUuid> FindGroupUuid(const Config& config) {
  const absl::StatusOr<GroupFile> file = ReadGroupFile(config);
  if (!file.ok()) {
    return file.status();
  }
  return file->uuid;
}

absl::StatusOr<GroupUuid> GroupUuidOf(const Config& config, const std::string& text,
                                      const std::string& from) {
  const absl::StatusOr<GroupFile> file = ParseGroupFile(config, text, from);
  if (!file.ok()) {
    return file.status();
  }
  return file->uuid;
}

absl::StatusOr<std::string> FindGroupSeed(const Config& config) {
  absl::StatusOr<GroupFile> file = ReadGroupFile(config);
  if (!file.ok()) {
    return file.status();
  }
  return std::move(file->seed);
}

absl::StatusOr<std::optional<std::size_t>> FindGroupReplicas(const Config& config) {
  const absl::StatusOr<GroupFile> file = ReadGroupFile(config);
  if (!file.ok()) {
    return file.status();
  }
  return file->replicas != 0 ? std::optional(file->replicas) : std::nullopt;
}

absl::StatusOr<paxos::GroupId> FindGroup(const Config& config) {
  const absl::StatusOr<GroupUuid> uuid = FindGroupUuid(config);
  if (!uuid.ok()) {
    return uuid.status();
  }
  return GroupIdOf(config, *uuid);
}

}  // namespace gaios::rsm

#include "gaios/rsm/snapshot/seed.h"

#include <sys/stat.h>

#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/rsm/durable_file.h"
#include "gaios/rsm/group_identity.h"
#include "gaios/rsm/marker.h"
#include "gaios/rsm/snapshot/unfinished_file.h"

namespace gaios::rsm {
namespace {

std::string SeedPath(const Config& config) {
  return absl::StrCat(config.directory, "/", kSeedFile);
}

std::string IdText(std::uint64_t id) {
  return absl::StrCat(absl::Hex(id, absl::kZeroPad16));
}

absl::Status CheckMayBeSeed(const SnapshotOrigin& origin, const Config& config, const std::string& path) {
  const std::string machine(StateMachineKindName(config.state_machine));
  if (origin.state_machine != machine) {
    return absl::FailedPreconditionError(absl::StrCat("snapshot ", path, " is of a state machine \"",
                                                      origin.state_machine, "\", the config says \"", machine,
                                                      "\"; name a snapshot of that, or change the config"));
  }
  if (origin.group_name == config.group && origin.epoch >= config.epoch) {
    return absl::FailedPreconditionError(absl::StrCat(
        "snapshot ", path, " is of group \"", origin.group_name, "\" in epoch ", origin.epoch,
        ", the config says epoch ", config.epoch, ": what is made of it is another group; raise epoch to ",
        origin.epoch + 1ULL, " and use a directory of its own"));
  }
  return absl::OkStatus();
}

// All of it, as it stands.
absl::Status Copy(const std::string& from, const std::string& to, std::uint64_t header_checksum) {
  const absl::StatusOr<std::unique_ptr<SnapshotReader>> reader = SnapshotReader::Open(from);
  if (!reader.ok()) {
    return reader.status();
  }
  if ((*reader)->header().checksum != header_checksum) {
    return absl::AbortedError(absl::StrCat(from, " was replaced while it was read; try again"));
  }
  absl::StatusOr<std::unique_ptr<UnfinishedFile>> file = UnfinishedFile::Create(to);
  if (!file.ok()) {
    return file.status();
  }
  absl::Status status = (*file)->Append(std::as_bytes(std::span(&(*reader)->header(), 1)));
  for (std::uint64_t index = 0; status.ok() && index < (*reader)->footer().chunks; ++index) {
    const absl::StatusOr<std::span<const std::byte>> chunk = (*reader)->RawChunk(index);
    status = chunk.ok() ? (*file)->Append(*chunk) : chunk.status();
  }
  if (status.ok()) {
    status = (*file)->Append(std::as_bytes(std::span(&(*reader)->footer(), 1)));
  }
  return status.ok() ? (*file)->Finish() : status;
}

}  // namespace

absl::Status BootstrapFrom(const Config& config, const std::string& path) {
  const absl::StatusOr<std::unique_ptr<SnapshotReader>> reader = SnapshotReader::Open(path);
  if (!reader.ok()) {
    return reader.status();
  }
  if (absl::Status status = CheckMayBeSeed((*reader)->facts().origin, config, path); !status.ok()) {
    return status;
  }
  if (absl::Status status = (*reader)->Verify(); !status.ok()) {
    return status;
  }
  // A seed that is there belongs to a group that is, or may be.
  if (!absl::IsNotFound(FindGroupUuid(config).status())) {
    return Bootstrap(config);  // which says that there is one, and changes nothing
  }
  if (absl::Status status = CreateDirectory(config.directory); !status.ok()) {
    return status;
  }
  if (absl::Status status = Copy(path, SeedPath(config), (*reader)->header().checksum); !status.ok()) {
    return status;
  }
  return Bootstrap(config, IdText((*reader)->id()));
}

absl::StatusOr<std::unique_ptr<SnapshotReader>> OpenSeed(const Config& config) {
  const absl::StatusOr<std::string> named = FindGroupSeed(config);
  if (!named.ok()) {
    return named.status();
  }
  if (named->empty()) {
    return nullptr;
  }
  const std::string path = SeedPath(config);
  absl::StatusOr<std::unique_ptr<SnapshotReader>> reader = SnapshotReader::Open(path);
  if (absl::IsNotFound(reader.status())) {
    return absl::NotFoundError(
        absl::StrCat(path, " is missing: this group begins with the snapshot ", *named,
                     ", and so must each of its replicas; copy the file from where the group was made"));
  }
  if (!reader.ok()) {
    return reader.status();
  }
  if (IdText((*reader)->id()) != *named) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is snapshot ", IdText((*reader)->id()),
                                                      ", this group begins with ", *named,
                                                      "; copy the file from where the group was made"));
  }
  if (absl::Status status = (*reader)->Verify(); !status.ok()) {
    return status;
  }
  return reader;
}

}  // namespace gaios::rsm

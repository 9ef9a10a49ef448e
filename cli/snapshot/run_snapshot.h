#ifndef GAIOS_CLI_SNAPSHOT_RUN_SNAPSHOT_H_
#define GAIOS_CLI_SNAPSHOT_RUN_SNAPSHOT_H_

// `gaios snapshot`: backups. `save` has a running replica of this host take a snapshot and brings it into a
// file; `show` tells what a file is a snapshot of; `verify` reads all of it. A new group is made of one by
// `gaios bootstrap --from-snapshot`.

#include <cstdint>
#include <string>

namespace gaios::cli {

struct SnapshotSaveFlags {
  std::string config;
  std::uint32_t replica = 0;
  std::string out;
  std::string json;
};

// Exit codes: 0 good, 1 it could not be had, or is damaged, 2 wrong usage or configuration.
[[nodiscard]] int RunSnapshotSave(const SnapshotSaveFlags& flags);
[[nodiscard]] int RunSnapshotShow(const std::string& file, const std::string& json);
[[nodiscard]] int RunSnapshotVerify(const std::string& file, const std::string& json);

}  // namespace gaios::cli

#endif  // GAIOS_CLI_SNAPSHOT_RUN_SNAPSHOT_H_

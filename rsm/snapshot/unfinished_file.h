#ifndef GAIOS_RSM_SNAPSHOT_UNFINISHED_FILE_H_
#define GAIOS_RSM_SNAPSHOT_UNFINISHED_FILE_H_

// A file that is being written under another name, `<path>.unfinished`, and gets its own when it is whole:
// whoever reads `path` finds the former file or the new one, whatever dies when. One writer at a time: the
// name is locked, and the lock goes with the process. One thread; calls block on the disk.
//
// Errors are Unavailable with the path and what the system said; ResourceExhausted when the disk is full.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/unique_fd.h"

namespace gaios::rsm {

class UnfinishedFile {
 public:
  // AlreadyExists when another process writes there now. What a writer that died has left is written over.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<UnfinishedFile>> Create(const std::string& path);
  UnfinishedFile(const UnfinishedFile&) = delete;
  UnfinishedFile& operator=(const UnfinishedFile&) = delete;
  ~UnfinishedFile();  // what is not finished is removed

  [[nodiscard]] absl::Status Append(std::span<const std::byte> bytes);
  // The file is on disk under its own name when this returns well. Once, and last.
  [[nodiscard]] absl::Status Finish();

  [[nodiscard]] const std::string& path() const { return path_; }

  // Removes what a writer of `path` that has died has left. Not while one writes.
  static void RemoveLeft(const std::string& path);

 private:
  UnfinishedFile(std::string path, base::UniqueFd file) : path_(std::move(path)), file_(std::move(file)) {}

  const std::string path_;
  base::UniqueFd file_;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_SNAPSHOT_UNFINISHED_FILE_H_

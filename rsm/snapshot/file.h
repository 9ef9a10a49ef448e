#ifndef GAIOS_RSM_SNAPSHOT_FILE_H_
#define GAIOS_RSM_SNAPSHOT_FILE_H_

// Snapshot files, written and read (format.h). Both ends hold one chunk in memory, whatever the size. Each is
// for one thread at a time and blocks on the disk.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/unique_fd.h"
#include "gaios/rsm/snapshot/facts.h"
#include "gaios/rsm/snapshot/format.h"
#include "gaios/rsm/snapshot/unfinished_file.h"
#include "gaios/rsm/state_machine.h"

namespace gaios::rsm {

// Gathers what is appended into chunks. Nothing is at `path` before Finish; see UnfinishedFile for errors.
class SnapshotWriter final : public SnapshotSink {
 public:
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<SnapshotWriter>> Create(const std::string& path,
                                                                              const SnapshotFacts& facts);

  [[nodiscard]] absl::Status Append(std::span<const std::byte> bytes) override;
  [[nodiscard]] absl::Status Finish();

 private:
  SnapshotWriter(std::unique_ptr<UnfinishedFile> file, std::uint64_t header_checksum)
      : file_(std::move(file)), header_checksum_(header_checksum), total_(header_checksum) {
    chunk_.reserve(kChunkBytes);
  }
  [[nodiscard]] absl::Status WriteChunk();

  const std::unique_ptr<UnfinishedFile> file_;
  const std::uint64_t header_checksum_;
  TotalHash total_;
  std::uint64_t content_bytes_ = 0;
  std::uint64_t chunks_ = 0;
  std::vector<std::byte> chunk_;
};

// Gives out the content, and no byte of a chunk before the whole chunk has been checked.
class SnapshotReader final : public SnapshotSource {
 public:
  // Checks header, footer and size, and no chunk yet. NotFound when there is no such file; InvalidArgument
  // when it is no snapshot; DataLoss when it is damaged or cut short; FailedPrecondition when it is of
  // another version.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<SnapshotReader>> Open(const std::string& path);
  // The same of a file that is open; `name` stands for it in errors.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<SnapshotReader>> Of(base::UniqueFd file,
                                                                          std::string name);

  [[nodiscard]] const SnapshotFacts& facts() const { return facts_; }
  [[nodiscard]] const FileHeader& header() const { return header_; }
  [[nodiscard]] const FileFooter& footer() const { return footer_; }
  [[nodiscard]] std::uint64_t id() const { return footer_.total; }
  [[nodiscard]] std::uint64_t content_bytes() const { return footer_.content_bytes; }
  [[nodiscard]] std::uint64_t file_bytes() const { return FileBytes(footer_.content_bytes); }
  [[nodiscard]] const std::string& name() const { return name_; }

  // Content that has not been given out yet, bytes.
  [[nodiscard]] std::uint64_t left() const { return footer_.content_bytes - given_; }
  // DataLoss when a chunk is damaged; OutOfRange when more is asked for than is left. Either way nothing more
  // is given out.
  [[nodiscard]] absl::Status Read(std::span<std::byte> bytes) override;
  [[nodiscard]] absl::Status Skip(std::uint64_t bytes);
  // Checks everything, and starts over. To be called before anything is read, by whoever cannot go back.
  [[nodiscard]] absl::Status Verify();

  // Chunk `index` as it stands in the file, header in front, checked: for whoever passes it on. Valid until
  // the next call. DataLoss when it is damaged.
  [[nodiscard]] absl::StatusOr<std::span<const std::byte>> RawChunk(std::uint64_t index);

 private:
  SnapshotReader(base::UniqueFd file, std::string name) : file_(std::move(file)), name_(std::move(name)) {}
  [[nodiscard]] absl::Status ReadEnds();
  [[nodiscard]] absl::Status ReadAt(std::uint64_t offset, std::span<std::byte> bytes) const;
  [[nodiscard]] std::size_t ContentOf(std::uint64_t index) const;
  [[nodiscard]] absl::Status NextChunk();

  base::UniqueFd file_;
  const std::string name_;
  FileHeader header_;
  FileFooter footer_;
  SnapshotFacts facts_;
  std::vector<std::byte> chunk_;        // header and content of the chunk at hand
  std::span<const std::byte> content_;  // of it, checked and not yet given out
  std::uint64_t next_chunk_ = 0;
  std::uint64_t given_ = 0;
  absl::Status failed_;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_SNAPSHOT_FILE_H_

#include "gaios/rsm/snapshot/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <absl/strings/str_cat.h>

#include "gaios/base/check.h"

namespace gaios::rsm {

// ---- writing
// --------------------------------------------------------------------------------------------------------

absl::StatusOr<std::unique_ptr<SnapshotWriter>> SnapshotWriter::Create(const std::string& path,
                                                                       const SnapshotFacts& facts) {
  absl::StatusOr<std::unique_ptr<UnfinishedFile>> file = UnfinishedFile::Create(path);
  if (!file.ok()) {
    return file.status();
  }
  const FileHeader header = EncodeHeader(facts);
  if (absl::Status status = (*file)->Append(std::as_bytes(std::span(&header, 1))); !status.ok()) {
    return status;
  }
  return std::unique_ptr<SnapshotWriter>(new SnapshotWriter(*std::move(file), header.checksum));
}

absl::Status SnapshotWriter::Append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const std::span<const std::byte> part = bytes.first(std::min(bytes.size(), kChunkBytes - chunk_.size()));
    chunk_.insert(chunk_.end(), part.begin(), part.end());
    bytes = bytes.subspan(part.size());
    if (chunk_.size() == kChunkBytes) {
      if (absl::Status status = WriteChunk(); !status.ok()) {
        return status;
      }
    }
  }
  return absl::OkStatus();
}

absl::Status SnapshotWriter::WriteChunk() {
  if (chunks_ == kMaxChunks) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the state has more than ", kMaxChunks * kChunkBytes >> 40,
                     " TiB, too many for a snapshot; split the state over several groups"));
  }
  const ChunkHeader header = MakeChunkHeader(header_checksum_, static_cast<std::uint32_t>(chunks_), chunk_);
  if (absl::Status status = file_->Append(std::as_bytes(std::span(&header, 1))); !status.ok()) {
    return status;
  }
  if (absl::Status status = file_->Append(chunk_); !status.ok()) {
    return status;
  }
  total_.Add(header);
  content_bytes_ += chunk_.size();
  ++chunks_;
  chunk_.clear();
  return absl::OkStatus();
}

absl::Status SnapshotWriter::Finish() {
  if (!chunk_.empty()) {
    if (absl::Status status = WriteChunk(); !status.ok()) {
      return status;
    }
  }
  const FileFooter footer = EncodeFooter(content_bytes_, total_);
  if (absl::Status status = file_->Append(std::as_bytes(std::span(&footer, 1))); !status.ok()) {
    return status;
  }
  return file_->Finish();
}

// ---- reading
// --------------------------------------------------------------------------------------------------------

absl::StatusOr<std::unique_ptr<SnapshotReader>> SnapshotReader::Open(const std::string& path) {
  base::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    const int error = errno;
    const std::string text =
        absl::StrCat("cannot read snapshot ", path, ": ", std::generic_category().message(error),
                     "; name an existing file that this user may read");
    return error == ENOENT ? absl::NotFoundError(text) : absl::UnavailableError(text);
  }
  return Of(std::move(file), path);
}

absl::StatusOr<std::unique_ptr<SnapshotReader>> SnapshotReader::Of(base::UniqueFd file, std::string name) {
  std::unique_ptr<SnapshotReader> reader(new SnapshotReader(std::move(file), std::move(name)));
  if (absl::Status status = reader->ReadEnds(); !status.ok()) {
    return status;
  }
  return reader;
}

absl::Status SnapshotReader::ReadEnds() {
  struct stat facts = {};
  if (::fstat(file_.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(name_, " is no file; name a snapshot"));
  }
  const auto size = static_cast<std::uint64_t>(facts.st_size);
  if (size < sizeof(header_)) {
    // Too short for any, so what it is cannot be said.
    return absl::InvalidArgumentError(absl::StrCat(name_, " is no snapshot: it has ", size,
                                                   " bytes, less than a header; name another file"));
  }
  if (absl::Status status = ReadAt(0, std::as_writable_bytes(std::span(&header_, 1))); !status.ok()) {
    return status;
  }
  absl::StatusOr<SnapshotFacts> decoded = DecodeHeader(header_, name_);
  if (!decoded.ok()) {
    return decoded.status();
  }
  facts_ = *std::move(decoded);
  if (size < FileBytes(0)) {
    return SnapshotDamaged(name_, "it was cut short");
  }
  if (absl::Status status = ReadAt(size - sizeof(footer_), std::as_writable_bytes(std::span(&footer_, 1)));
      !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckFooter(footer_, name_); !status.ok()) {
    return status;
  }
  if (size != FileBytes(footer_.content_bytes) || facts_.sessions_bytes > footer_.content_bytes) {
    return SnapshotDamaged(name_, "its size is not what its footer says");
  }
  chunk_.resize(sizeof(ChunkHeader) + std::min<std::uint64_t>(kChunkBytes, footer_.content_bytes));
  return absl::OkStatus();
}

absl::Status SnapshotReader::ReadAt(std::uint64_t offset, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t read = ::pread(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (read < 0 && errno == EINTR) {
      continue;
    }
    if (read < 0) {
      return absl::UnavailableError(absl::StrCat("cannot read snapshot ", name_, ": ",
                                                 std::generic_category().message(errno),
                                                 "; look after the disk it is on, or use another"));
    }
    if (read == 0) {
      return SnapshotDamaged(name_, "it was cut short while it was read");
    }
    offset += static_cast<std::uint64_t>(read);
    bytes = bytes.subspan(static_cast<std::size_t>(read));
  }
  return absl::OkStatus();
}

std::size_t SnapshotReader::ContentOf(std::uint64_t index) const {
  return std::min<std::uint64_t>(kChunkBytes, footer_.content_bytes - index * kChunkBytes);
}

absl::StatusOr<std::span<const std::byte>> SnapshotReader::RawChunk(std::uint64_t index) {
  GAIOS_CHECK(index < footer_.chunks, "a chunk that the snapshot has");
  content_ = {};
  const std::span<std::byte> raw = std::span(chunk_).first(sizeof(ChunkHeader) + ContentOf(index));
  if (absl::Status status = ReadAt(ChunkOffset(index), raw); !status.ok()) {
    return status;
  }
  ChunkHeader chunk;
  std::memcpy(&chunk, raw.data(), sizeof(chunk));
  if (!ChunkHolds(header_.checksum, static_cast<std::uint32_t>(index), chunk, raw.subspan(sizeof(chunk)))) {
    return SnapshotDamaged(name_,
                           absl::StrCat("chunk ", index, " of ", footer_.chunks, " is not what was written"));
  }
  return raw;
}

absl::Status SnapshotReader::NextChunk() {
  const absl::StatusOr<std::span<const std::byte>> raw = RawChunk(next_chunk_);
  if (!raw.ok()) {
    return raw.status();
  }
  content_ = raw->subspan(sizeof(ChunkHeader));
  ++next_chunk_;
  return absl::OkStatus();
}

absl::Status SnapshotReader::Read(std::span<std::byte> bytes) {
  if (failed_.ok() && bytes.size() > left()) {
    failed_ = absl::OutOfRangeError(
        absl::StrCat("snapshot ", name_, " has ", left(), " bytes left, ", bytes.size(), " were asked for"));
  }
  while (failed_.ok() && !bytes.empty()) {
    if (content_.empty()) {
      failed_ = NextChunk();
      continue;
    }
    const std::size_t size = std::min(bytes.size(), content_.size());
    std::memcpy(bytes.data(), content_.data(), size);
    bytes = bytes.subspan(size);
    content_ = content_.subspan(size);
    given_ += size;
  }
  return failed_;
}

absl::Status SnapshotReader::Skip(std::uint64_t bytes) {
  std::array<std::byte, 4096> dropped;
  while (bytes > 0) {
    const std::size_t size = std::min<std::uint64_t>(bytes, dropped.size());
    if (absl::Status status = Read(std::span(dropped).first(size)); !status.ok()) {
      return status;
    }
    bytes -= size;
  }
  return absl::OkStatus();
}

absl::Status SnapshotReader::Verify() {
  GAIOS_CHECK(given_ == 0, "a snapshot is verified before it is read");
  TotalHash total(header_.checksum);
  for (next_chunk_ = 0; failed_.ok() && next_chunk_ < footer_.chunks;) {
    failed_ = NextChunk();
    ChunkHeader chunk;
    std::memcpy(&chunk, chunk_.data(), sizeof(chunk));
    total.Add(chunk);
  }
  if (failed_.ok() && total.value() != footer_.total) {
    failed_ = SnapshotDamaged(name_, "its chunks are not those that its footer was written for");
  }
  next_chunk_ = 0;
  content_ = {};
  return failed_;
}

}  // namespace gaios::rsm

#include "gaios/cli/demo/record_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include <absl/strings/str_cat.h>

namespace gaios::cli {
namespace {

constexpr std::size_t kPageBytes = 4096;

// The count is what makes a record part of the file.
void Publish(std::uint64_t& word, std::uint64_t value) {
  std::atomic_ref<std::uint64_t>(word).store(value, std::memory_order_release);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RecordWriter>> RecordWriter::Create(const std::string& path, RecordKind kind,
                                                                   std::uint64_t replica) {
  const int fd = open(path.c_str(), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot create ", path));
  }
  void* memory = MAP_FAILED;
  if (ftruncate(fd, kPageBytes) == 0) {
    memory = mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  if (memory == MAP_FAILED) {
    absl::Status status = absl::ErrnoToStatus(errno, absl::StrCat("cannot map ", path));
    close(fd);
    return status;
  }
  auto* header = new (memory) RecordHeader;
  header->kind = kind;
  header->replica = replica;
  auto writer = std::unique_ptr<RecordWriter>(new RecordWriter(fd, header));
  if (!writer->MapNextWindow()) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot make room in ", path));
  }
  return writer;
}

RecordWriter::~RecordWriter() {
  if (window_ != nullptr) {
    munmap(window_, window_bytes_);
  }
  munmap(header_, kPageBytes);
  close(fd_);
}

bool RecordWriter::MapNextWindow() {
  const std::size_t from = sizeof(RecordHeader) + count_ * sizeof(Record);
  const std::size_t page = from / kPageBytes * kPageBytes;
  const std::size_t bytes = from - page + kWindowRecords * sizeof(Record);
  // Space is taken now, so that a full file system is an error here and not a fault at a store.
  const int error = posix_fallocate(fd_, static_cast<off_t>(page), static_cast<off_t>(bytes));
  if (error != 0) {
    errno = error;
    return false;
  }
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, static_cast<off_t>(page));
  if (memory == MAP_FAILED) {
    return false;
  }
  if (window_ != nullptr) {
    munmap(window_, window_bytes_);
  }
  window_ = memory;
  window_bytes_ = bytes;
  next_ = reinterpret_cast<Record*>(static_cast<std::byte*>(memory) + (from - page));
  end_ = next_ + kWindowRecords;
  return true;
}

bool RecordWriter::Append(const Record& record) {
  if (next_ == end_ && !MapNextWindow()) {
    return false;
  }
  *next_++ = record;
  Publish(header_->count, ++count_);
  return true;
}

void RecordWriter::SetSubmitted(std::uint64_t submitted) {
  Publish(header_->submitted, submitted);
}

}  // namespace gaios::cli

#include "gaios/transport/shm/region.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "gaios/transport/shm/layout.h"

namespace gaios::transport::shm {
namespace {

// As for reading, although it is to be written: where the owner has made the pages present already the system
// then maps many at a time, and a shared page that is mapped so is written to without another fault.
constexpr int kMakePresent = MADV_POPULATE_READ;

constexpr int kSizeSeals = F_SEAL_SHRINK | F_SEAL_GROW;

absl::Status MemoryError(const char* what, std::size_t size, int error) {
  return absl::ResourceExhaustedError(absl::StrCat(
      what, " of ", size, " bytes of shared memory failed: ", std::generic_category().message(error),
      "; free memory, raise the process's or container's memory limit, or lower the log capacity"));
}

}  // namespace

Region::Region(Region&& other) noexcept
    : fd_(std::move(other.fd_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      prepared_(std::exchange(other.prepared_, 0)) {}

Region& Region::operator=(Region&& other) noexcept {
  if (this != &other) {
    Unmap();
    fd_ = std::move(other.fd_);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    prepared_ = std::exchange(other.prepared_, 0);
  }
  return *this;
}

Region::~Region() {
  Unmap();
}

void Region::Unmap() {
  if (data_ != nullptr) {
    ::munmap(data_, size_);
    data_ = nullptr;
  }
  size_ = 0;
  prepared_ = 0;
}

absl::StatusOr<Region> Region::Map(base::UniqueFd fd, std::size_t size, int protection) {
  void* const mapped = ::mmap(nullptr, size, protection, MAP_SHARED, fd.get(), 0);
  if (mapped == MAP_FAILED) {
    return MemoryError("mapping", size, errno);
  }
  Region region;
  region.fd_ = std::move(fd);
  region.data_ = static_cast<std::byte*>(mapped);
  region.size_ = size;
  return region;
}

absl::StatusOr<Region> Region::Create(const char* name, std::size_t size) {
  base::UniqueFd fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) {
    return MemoryError("creation", size, errno);
  }
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) {
    return MemoryError("sizing", size, errno);
  }
  if (::fcntl(fd.get(), F_ADD_SEALS, kSizeSeals) != 0) {
    return MemoryError("sealing", size, errno);
  }
  return Map(std::move(fd), size, PROT_READ | PROT_WRITE);
}

absl::StatusOr<Region> Region::Adopt(base::UniqueFd fd, std::size_t size) {
  struct stat facts = {};
  if (::fstat(fd.get(), &facts) != 0 || facts.st_size != static_cast<off_t>(size)) {
    return absl::InvalidArgumentError("a passed memory has the wrong size");
  }
  const int seals = ::fcntl(fd.get(), F_GET_SEALS);
  if (seals < 0 || (seals & kSizeSeals) != kSizeSeals) {
    return absl::InvalidArgumentError("a passed memory is not sealed against a change of its size");
  }
  return Map(std::move(fd), size, PROT_READ | PROT_WRITE);
}

absl::StatusOr<Region> Region::MapFile(base::UniqueFd fd, std::size_t size, bool writable) {
  struct stat facts = {};
  if (::fstat(fd.get(), &facts) != 0 || facts.st_size < static_cast<off_t>(size)) {
    return absl::InvalidArgumentError("a control file is shorter than a control region");
  }
  return Map(std::move(fd), size, writable ? PROT_READ | PROT_WRITE : PROT_READ);
}

absl::Status Region::PrepareStep() {
  const std::size_t step = std::min(kRegionStepBytes, size_ - prepared_);
  if (step == 0) {
    return absl::OkStatus();
  }
  // Allocation first: it reports a lack of memory, where a touch would be a signal.
  if (::fallocate(fd_.get(), 0, static_cast<off_t>(prepared_), static_cast<off_t>(step)) != 0) {
    return MemoryError("allocation", size_, errno);
  }
  if (::madvise(data_ + prepared_, step, kMakePresent) != 0) {
    // Kernels before 5.14 lack it: touch each page in a way that changes nothing, whoever else writes there.
    for (std::size_t offset = 0; offset < step; offset += kPageBytes) {
      __atomic_fetch_or(reinterpret_cast<std::uint8_t*>(data_ + prepared_ + offset), std::uint8_t{0},
                        __ATOMIC_RELAXED);
    }
  }
  prepared_ += step;
  return absl::OkStatus();
}

void Region::Expect(std::size_t offset, std::size_t bytes) {
  const std::size_t from = std::max(offset & ~(kPageBytes - 1), prepared_);
  const std::size_t to = std::min(offset + bytes, size_);
  if (from < to) {
    static_cast<void>(::madvise(data_ + from, to - from, kMakePresent));
  }
}

void Region::ReleaseStep() {
  const std::size_t step = std::min(kRegionStepBytes, size_);
  const std::size_t rest = size_ - step;
  ::munmap(data_ + rest, step);
  size_ = rest;
  prepared_ = std::min(prepared_, rest);
  if (size_ == 0) {
    data_ = nullptr;
    fd_.Close();
  }
}

}  // namespace gaios::transport::shm

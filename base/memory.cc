#include "gaios/base/memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "gaios/base/align.h"

namespace gaios::base {
namespace {

constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;
// So that no more is taken than twice what was asked for.
constexpr std::size_t kLeastBytes = kHugePageBytes / 2;

}  // namespace

Memory::~Memory() {
  if (data_ != nullptr) {
    ::munmap(data_, size_);
  }
}

absl::StatusOr<Memory> Memory::Create(std::size_t bytes) {
  constexpr int kProtection = PROT_READ | PROT_WRITE;
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS;
  std::size_t size = RoundUp(bytes, kHugePageBytes);
  void* mapped = MAP_FAILED;
  if (bytes >= kLeastBytes) {
    mapped = ::mmap(nullptr, size, kProtection, kFlags | MAP_HUGETLB | MAP_POPULATE, -1, 0);
  }
  const bool reserved_pages = mapped != MAP_FAILED;
  if (!reserved_pages) {
    size = RoundUp(bytes, kPageBytes);
    mapped = ::mmap(nullptr, size, kProtection, kFlags, -1, 0);
  }
  if (mapped == MAP_FAILED) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "mapping ", bytes, " bytes failed: ", std::generic_category().message(errno),
        "; free memory, raise the limit of the process or container, or lower the log capacity"));
  }
  Memory memory;
  memory.data_ = static_cast<std::byte*>(mapped);
  memory.size_ = size;
  memory.reserved_pages_ = reserved_pages;
  // Neither is needed for it to work: huge pages save translations in the device, and a child that forks must
  // not take the pages that the device writes to.
  (void)::madvise(mapped, size, MADV_HUGEPAGE);
  (void)::madvise(mapped, size, MADV_DONTFORK);
  std::memset(mapped, 0, size);
  return memory;
}

}  // namespace gaios::base

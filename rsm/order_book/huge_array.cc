#include "gaios/rsm/order_book/huge_array.h"

#include <sys/mman.h>

#include <cerrno>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

namespace gaios::order_book {

namespace {

constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

std::size_t RoundUp(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

}  // namespace

absl::StatusOr<HugeMapping> HugeMapping::Make(std::size_t bytes) {
  const bool huge = bytes >= kHugePageBytes;
  const std::size_t unit = huge ? kHugePageBytes : kPageBytes;
  const std::size_t used_bytes = RoundUp(bytes == 0 ? 1 : bytes, unit);
  // The kernel aligns to small pages only, hence the spare huge page.
  const std::size_t mapped_bytes = used_bytes + (huge ? kHugePageBytes : 0);
  void* const base = mmap(nullptr, mapped_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat(
                   "order book: cannot map ", mapped_bytes,
                   " bytes for its pools; lower max_orders or instruments, or give the process more memory"));
  }
  HugeMapping mapping;
  mapping.base_ = base;
  mapping.mapped_bytes_ = mapped_bytes;
  std::byte* const first = static_cast<std::byte*>(base);
  const std::size_t misalignment = reinterpret_cast<std::uintptr_t>(base) % unit;
  mapping.start_ = first + (misalignment == 0 ? 0 : unit - misalignment);
  if (huge) {
    // Advice only: without huge pages the book is slower, not wrong.
    static_cast<void>(madvise(mapping.start_, used_bytes, MADV_HUGEPAGE));
  }
  for (std::size_t at = 0; at < used_bytes; at += kPageBytes) {
    static_cast<volatile std::byte*>(mapping.start_)[at] = std::byte{0};
  }
  return mapping;
}

HugeMapping::~HugeMapping() {
  if (base_ != nullptr) {
    munmap(base_, mapped_bytes_);
  }
}

}  // namespace gaios::order_book

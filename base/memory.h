#ifndef GAIOS_BASE_MEMORY_H_
#define GAIOS_BASE_MEMORY_H_

// Memory for logs and for devices: page-aligned, zero, touched, on huge pages where the system has any to
// give, and not shared with children that fork. Owned; may be moved. Any thread.

#include <cstddef>
#include <utility>

#include <absl/status/statusor.h>

namespace gaios::base {

class Memory {
 public:
  Memory() = default;
  Memory(Memory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        reserved_pages_(std::exchange(other.reserved_pages_, false)) {}
  Memory& operator=(Memory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(reserved_pages_, other.reserved_pages_);
    return *this;
  }
  ~Memory();

  // At least `bytes`, and of half a huge page or more whole huge pages, if as many of those that were
  // reserved for programs to ask for are free. Else of usual pages, which the system may make huge later by
  // itself. ResourceExhausted when the system has not so much.
  static absl::StatusOr<Memory> Create(std::size_t bytes);

  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  // All of it, if it is on huge pages that were reserved; else 0.
  [[nodiscard]] std::size_t huge_page_bytes() const { return reserved_pages_ ? size_ : 0; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  bool reserved_pages_ = false;
};

}  // namespace gaios::base

#endif  // GAIOS_BASE_MEMORY_H_

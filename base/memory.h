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
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Memory& operator=(Memory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Memory();

  // At least `bytes`. ResourceExhausted when the system has not so much.
  static absl::StatusOr<Memory> Create(std::size_t bytes);

  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace gaios::base

#endif  // GAIOS_BASE_MEMORY_H_

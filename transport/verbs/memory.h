#ifndef GAIOS_TRANSPORT_VERBS_MEMORY_H_
#define GAIOS_TRANSPORT_VERBS_MEMORY_H_

// Memory for a device to read and write: page-aligned, zero, touched, on huge pages where the system has any
// to give, and not shared with children that fork. Owned; may be moved. Any thread.

#include <cstddef>
#include <string>
#include <utility>

#include <absl/status/statusor.h>

namespace gaios::transport::verbs {

// What to tell the user when a device does not register memory: the limit of locked memory and how to raise
// it; nothing when there is no limit.
[[nodiscard]] std::string LockedMemoryAdvice();

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

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TRANSPORT_VERBS_MEMORY_H_

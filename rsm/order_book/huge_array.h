#ifndef GAIOS_RSM_ORDER_BOOK_HUGE_ARRAY_H_
#define GAIOS_RSM_ORDER_BOOK_HUGE_ARRAY_H_

// A fixed array of zeroed memory for the pools of the book: mapped and touched once when it is made, on
// transparent huge pages where the kernel gives them, so that a command neither allocates nor faults and few
// of its cache misses are TLB misses as well. Elements are plain structs for which all zeroes is a good
// start; nothing is constructed.
//
// Owns its mapping; moves, does not copy. Not synchronised.

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <absl/status/statusor.h>

namespace gaios::order_book {

// A mapping of at least `bytes` bytes, start aligned to a huge page when it is that large.
class HugeMapping {
 public:
  [[nodiscard]] static absl::StatusOr<HugeMapping> Make(std::size_t bytes);

  HugeMapping() = default;
  HugeMapping(HugeMapping&& other) noexcept { *this = std::move(other); }
  HugeMapping& operator=(HugeMapping&& other) noexcept {
    std::swap(base_, other.base_);
    std::swap(mapped_bytes_, other.mapped_bytes_);
    std::swap(start_, other.start_);
    return *this;
  }
  HugeMapping(const HugeMapping&) = delete;
  HugeMapping& operator=(const HugeMapping&) = delete;
  ~HugeMapping();

  [[nodiscard]] void* start() const { return start_; }
  [[nodiscard]] std::size_t mapped_bytes() const { return mapped_bytes_; }

 private:
  void* base_ = nullptr;
  std::size_t mapped_bytes_ = 0;
  void* start_ = nullptr;
};

template <typename T>
class HugeArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  [[nodiscard]] static absl::StatusOr<HugeArray> Make(std::size_t size) {
    absl::StatusOr<HugeMapping> mapping = HugeMapping::Make(size * sizeof(T));
    if (!mapping.ok()) {
      return mapping.status();
    }
    HugeArray array;
    array.mapping_ = *std::move(mapping);
    array.data_ = static_cast<T*>(array.mapping_.start());
    array.size_ = size;
    return array;
  }

  HugeArray() = default;

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t mapped_bytes() const { return mapping_.mapped_bytes(); }
  [[nodiscard]] T& operator[](std::size_t index) { return data_[index]; }
  [[nodiscard]] const T& operator[](std::size_t index) const { return data_[index]; }

 private:
  HugeMapping mapping_;
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace gaios::order_book

#endif  // GAIOS_RSM_ORDER_BOOK_HUGE_ARRAY_H_

#ifndef GAIOS_RSM_ORDER_BOOK_POOL_H_
#define GAIOS_RSM_ORDER_BOOK_POOL_H_

// A fixed number of elements handed out and taken back in O(1), the last one returned first, as it is the
// likeliest to be in the cache. Which element one gets depends on the past, so nothing that leaves the
// machine may depend on it.
//
// T has a member `next` of type Handle, which links the free ones. Not synchronised.

#include <cstddef>
#include <cstdint>
#include <utility>

#include <absl/status/statusor.h>

#include "gaios/base/check.h"
#include "gaios/rsm/order_book/handle.h"
#include "gaios/rsm/order_book/huge_array.h"

namespace gaios::order_book {

template <typename T, typename HandleType>
class Pool {
 public:
  [[nodiscard]] static absl::StatusOr<Pool> Make(std::uint32_t capacity) {
    absl::StatusOr<HugeArray<T>> elements = HugeArray<T>::Make(std::size_t{capacity} + 1);
    if (!elements.ok()) {
      return elements.status();
    }
    Pool pool;
    pool.elements_ = *std::move(elements);
    pool.capacity_ = capacity;
    return pool;
  }

  Pool() = default;

  [[nodiscard]] std::uint32_t capacity() const { return capacity_; }
  [[nodiscard]] std::uint32_t used() const { return used_; }
  [[nodiscard]] std::size_t mapped_bytes() const { return elements_.mapped_bytes(); }
  [[nodiscard]] T& operator[](HandleType handle) { return elements_[handle.index()]; }
  [[nodiscard]] const T& operator[](HandleType handle) const { return elements_[handle.index()]; }

  // An element whose members the caller sets, all of them.
  [[nodiscard]] HandleType Take() {
    GAIOS_CHECK(used_ < capacity_, "a pool is asked for room before it is asked for an element");
    ++used_;
    if (free_) {
      const HandleType handle = free_;
      free_ = elements_[handle.index()].next;
      return handle;
    }
    return HandleType(++touched_);
  }

  void Give(HandleType handle) {
    elements_[handle.index()].next = free_;
    free_ = handle;
    --used_;
  }

 private:
  HugeArray<T> elements_;
  HandleType free_;
  std::uint32_t capacity_ = 0;
  std::uint32_t used_ = 0;
  std::uint32_t touched_ = 0;  // elements 1 to touched_ have been handed out at least once
};

}  // namespace gaios::order_book

#endif  // GAIOS_RSM_ORDER_BOOK_POOL_H_

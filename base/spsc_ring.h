#ifndef GAIOS_BASE_SPSC_RING_H_
#define GAIOS_BASE_SPSC_RING_H_

// A queue of fixed capacity between exactly one producer thread and exactly one consumer thread.
//
// Neither side ever waits for the other: a full ring is a `false` from TryPush, an empty one a `false` from
// TryPop. All memory is allocated by the constructor. Each side keeps a copy of the other side's index and
// looks at the real one only when the copy says full or empty, so that in steady flow the two cores exchange
// lines once per many elements.
//
// The ring owns the elements in it. T must be default constructible; an element with resources (anything not
// trivially destructible) gives them up when it is popped, not when its place is reused. When a push is
// refused its argument is untouched.
//
// Invariant: 0 <= tail - head <= capacity, where head and tail count elements popped and pushed since the
// start.

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "gaios/base/align.h"
#include "gaios/base/check.h"

namespace gaios::base {

template <typename T>
class SpscRing {
  static_assert(std::is_default_constructible_v<T>, "places exist before they are filled");
  static_assert(std::is_nothrow_move_assignable_v<T>, "a pop that throws would lose its element");

 public:
  // `capacity` is the number of elements and must be a power of two.
  explicit SpscRing(std::size_t capacity) : mask_(capacity - 1) {
    GAIOS_CHECK(IsPowerOfTwo(capacity), "the capacity of a ring must be a power of two");
    slots_ = std::make_unique<T[]>(capacity);
  }
  SpscRing(const SpscRing&) = delete;
  SpscRing& operator=(const SpscRing&) = delete;
  ~SpscRing() = default;

  // Producer only. False, with `value` untouched, when the ring is full.
  template <typename Value>
    requires std::assignable_from<T&, Value&&>
  [[nodiscard]] bool TryPush(Value&& value) {
    const std::uint64_t tail = producer_.tail.load(std::memory_order_relaxed);
    if (tail - producer_.known_head > mask_) {
      producer_.known_head = consumer_.head.load(std::memory_order_acquire);
      if (tail - producer_.known_head > mask_) {
        return false;
      }
    }
    slots_[tail & mask_] = std::forward<Value>(value);
    producer_.tail.store(tail + 1, std::memory_order_release);
    return true;
  }

  // Consumer only. False, with `value` untouched, when the ring is empty.
  [[nodiscard]] bool TryPop(T& value) {
    T* const front = Front();
    if (front == nullptr) {
      return false;
    }
    value = std::move(*front);
    Pop();
    return true;
  }

  // Consumer only. The oldest element, to be used in place until Pop(); null when the ring is empty.
  [[nodiscard]] T* Front() {
    const std::uint64_t head = consumer_.head.load(std::memory_order_relaxed);
    if (head == consumer_.known_tail) {
      consumer_.known_tail = producer_.tail.load(std::memory_order_acquire);
      if (head == consumer_.known_tail) {
        return nullptr;
      }
    }
    return &slots_[head & mask_];
  }

  // Consumer only. Discards the element that the last Front() returned.
  void Pop() {
    const std::uint64_t head = consumer_.head.load(std::memory_order_relaxed);
    GAIOS_CHECK(head != consumer_.known_tail, "Pop() without an element seen by Front()");
    if constexpr (!std::is_trivially_destructible_v<T>) {
      slots_[head & mask_] = T();
    }
    consumer_.head.store(head + 1, std::memory_order_release);
  }

  // Any thread: a number of elements that the ring held lately, exact only when neither side is active.
  [[nodiscard]] std::size_t SizeApproximate() const {
    const std::uint64_t head = consumer_.head.load(std::memory_order_acquire);
    const std::uint64_t tail = producer_.tail.load(std::memory_order_acquire);
    // Between the two loads the producer may have gone on by any distance.
    return tail - head > capacity() ? capacity() : tail - head;
  }

  [[nodiscard]] std::size_t capacity() const { return mask_ + 1; }

 private:
  struct alignas(kCacheLineBytes) Producer {
    std::atomic<std::uint64_t> tail{0};
    std::uint64_t known_head = 0;
  };
  struct alignas(kCacheLineBytes) Consumer {
    std::atomic<std::uint64_t> head{0};
    std::uint64_t known_tail = 0;
  };

  // Constant after construction, and so on a line that neither side invalidates.
  std::uint64_t mask_;
  std::unique_ptr<T[]> slots_;
  Producer producer_;
  Consumer consumer_;
};

}  // namespace gaios::base

#endif  // GAIOS_BASE_SPSC_RING_H_

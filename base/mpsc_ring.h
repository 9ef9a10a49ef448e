#ifndef GAIOS_BASE_MPSC_RING_H_
#define GAIOS_BASE_MPSC_RING_H_

// A queue of fixed capacity from any number of producer threads to exactly one consumer thread.
//
// Each place carries a sequence number that says whose turn it is (D. Vyukov, "Bounded MPMC queue", 2010;
// here with a single consumer, which needs no atomic head): a producer wins a place with one
// compare-and-swap, fills it, and passes it to the consumer by advancing its number. A full ring is a `false`
// from TryPush, an empty one a `false` from TryPop. All memory is allocated by the constructor.
//
// Elements of one producer leave in the order they were pushed. A producer that is descheduled between
// winning its place and filling it holds back what others pushed after it: TryPop says empty until that
// producer goes on.
//
// The ring owns the elements in it. T must be default constructible; an element with resources gives them up
// when it is popped. When a push is refused its argument is untouched.
//
// Invariant: the place of position p holds sequence p while free for the push number p, p + 1 while its
// element waits, and p + capacity once popped.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "gaios/base/align.h"
#include "gaios/base/check.h"

namespace gaios::base {

template <typename T>
class MpscRing {
  static_assert(std::is_default_constructible_v<T>, "places exist before they are filled");
  static_assert(std::is_nothrow_move_assignable_v<T>, "a pop that throws would lose its element");

 public:
  // `capacity` is the number of elements and must be a power of two, at least 2: with one place "waiting" and
  // "free for the next" would be the same sequence number.
  explicit MpscRing(std::size_t capacity) : mask_(capacity - 1) {
    GAIOS_CHECK(IsPowerOfTwo(capacity) && capacity >= 2,
                "the capacity of a ring must be a power of two, at least 2");
    places_ = std::make_unique<Place[]>(capacity);
    for (std::size_t i = 0; i < capacity; ++i) {
      places_[i].sequence.store(i, std::memory_order_relaxed);
    }
  }
  MpscRing(const MpscRing&) = delete;
  MpscRing& operator=(const MpscRing&) = delete;
  ~MpscRing() = default;

  // Any thread. False, with `value` untouched, when the ring is full. The assignment must not throw, for a
  // place that was won and never filled would block the ring for good; move what can only be copied by
  // allocating.
  template <typename Value>
    requires std::is_nothrow_assignable_v<T&, Value&&>
  [[nodiscard]] bool TryPush(Value&& value) {
    std::uint64_t position = tail_.value.load(std::memory_order_relaxed);
    for (;;) {
      Place& place = places_[position & mask_];
      const std::uint64_t sequence = place.sequence.load(std::memory_order_acquire);
      // Signed, so that the comparison holds while either number is ahead.
      const auto turn = static_cast<std::int64_t>(sequence - position);
      if (turn == 0) {
        if (tail_.value.compare_exchange_weak(position, position + 1, std::memory_order_relaxed)) {
          place.value = std::forward<Value>(value);
          place.sequence.store(position + 1, std::memory_order_release);
          return true;
        }
      } else if (turn < 0) {
        return false;
      } else {
        position = tail_.value.load(std::memory_order_relaxed);
      }
    }
  }

  // Consumer only. False, with `value` untouched, when no element is ready.
  [[nodiscard]] bool TryPop(T& value) {
    Place& place = places_[head_.value & mask_];
    if (place.sequence.load(std::memory_order_acquire) != head_.value + 1) {
      return false;
    }
    value = std::move(place.value);
    if constexpr (!std::is_trivially_destructible_v<T>) {
      place.value = T();
    }
    place.sequence.store(head_.value + capacity(), std::memory_order_release);
    ++head_.value;
    return true;
  }

  [[nodiscard]] std::size_t capacity() const { return mask_ + 1; }

 private:
  struct Place {
    std::atomic<std::uint64_t> sequence{0};
    T value{};
  };

  // Constant after construction, and so on a line that neither side invalidates.
  std::uint64_t mask_;
  std::unique_ptr<Place[]> places_;
  CacheLinePadded<std::atomic<std::uint64_t>> tail_;
  CacheLinePadded<std::uint64_t> head_;  // the consumer's alone
};

}  // namespace gaios::base

#endif  // GAIOS_BASE_MPSC_RING_H_

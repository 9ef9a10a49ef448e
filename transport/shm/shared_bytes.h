#ifndef GAIOS_TRANSPORT_SHM_SHARED_BYTES_H_
#define GAIOS_TRANSPORT_SHM_SHARED_BYTES_H_

// Moving bytes between rings that another process may be reading or writing at the same time, and the fence
// that orders such a move before a look at the peer's promise. Readers find torn bytes by checksum, so no
// atomicity is needed beyond what 8 aligned bytes give. Under ThreadSanitizer, which does not model fences
// and would call the racing copy an error, the same moves are made of relaxed 8-byte atomics and the fence is
// a read-modify-write.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "gaios/base/copy.h"
#include "gaios/transport/transport.h"

namespace gaios::transport::shm {

#if defined(__SANITIZE_THREAD__)
inline void FullFence() {
  static std::atomic<std::uint64_t> line{0};
  line.fetch_add(1, std::memory_order_seq_cst);
}

inline void CopyShared(std::byte* to, const std::byte* from, std::size_t size) {
  std::size_t done = 0;
  for (; done + 8 <= size; done += 8) {
    // Ring bytes have no type of their own; the builtins take any aligned 8 bytes.
    const auto value = __atomic_load_n(reinterpret_cast<const std::uint64_t*>(from + done), __ATOMIC_RELAXED);
    __atomic_store_n(reinterpret_cast<std::uint64_t*>(to + done), value, __ATOMIC_RELAXED);
  }
  for (; done < size; ++done) {
    const auto value = __atomic_load_n(reinterpret_cast<const std::uint8_t*>(from + done), __ATOMIC_RELAXED);
    __atomic_store_n(reinterpret_cast<std::uint8_t*>(to + done), value, __ATOMIC_RELAXED);
  }
}

inline void CopyManyShared(std::byte* to, const std::byte* from, std::size_t size) {
  CopyShared(to, from, size);
}

class SharedLine {
 public:
  explicit SharedLine(const std::byte* from) : from_(from) {}
  void CopyTo(std::byte* to) const { CopyShared(to, from_, base::kCacheLineBytes); }

 private:
  const std::byte* from_;
};
#else
inline void FullFence() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

inline void CopyShared(std::byte* to, const std::byte* from, std::size_t size) {
  base::CopyFew(to, from, size);
}

// The same for a piece of any length that a peer reads next.
inline void CopyManyShared(std::byte* to, const std::byte* from, std::size_t size) {
  if (size < base::kManyBytes) {
    CopyShared(to, from, size);
  } else {
    base::CopyPastCaches(to, from, size);
  }
}

// A line of the own ring that goes to several peers.
using SharedLine = base::LineInHand;
#endif

// Copies bytes [range.from, range.to) from one ring to the same positions of another of equal capacity, a
// power of two that the range does not exceed.
inline void CopyRange(std::byte* to, const std::byte* from, std::size_t capacity, Range range) {
  const std::size_t offset = range.from.value() & (capacity - 1);
  const std::size_t size = range.size();
  const std::size_t until_end = capacity - offset;
  if (size <= until_end) [[likely]] {
    CopyShared(to + offset, from + offset, size);
    return;
  }
  CopyShared(to + offset, from + offset, until_end);
  CopyShared(to, from, size - until_end);
}

// The same from a ring into `range.size()` bytes in a row, and back.
inline void CopyOutOfRing(std::byte* to, const std::byte* ring, std::size_t capacity, Range range) {
  const std::size_t offset = range.from.value() & (capacity - 1);
  const std::size_t first = std::min<std::size_t>(range.size(), capacity - offset);
  CopyShared(to, ring + offset, first);
  CopyShared(to + first, ring, range.size() - first);
}

inline void CopyIntoRing(std::byte* ring, const std::byte* from, std::size_t capacity, Range range) {
  const std::size_t offset = range.from.value() & (capacity - 1);
  const std::size_t first = std::min<std::size_t>(range.size(), capacity - offset);
  CopyShared(ring + offset, from, first);
  CopyShared(ring, from + first, range.size() - first);
}

}  // namespace gaios::transport::shm

#endif  // GAIOS_TRANSPORT_SHM_SHARED_BYTES_H_

#ifndef GAIOS_RSM_CLIENT_BYTE_RING_H_
#define GAIOS_RSM_CLIENT_BYTE_RING_H_

// A queue of byte records in memory that two processes share and that neither trusts the other with.
//
// One process writes, one reads. Each keeps its own index to itself and only publishes it; what it sees of
// the other's is checked before it is believed: an index may grow, not past what it follows, in steps of 8.
// One that does anything else makes the ring broken, for good. So the worst that a process can do to its peer
// through a ring is to feed it records of any content.
//
// A record is an 8-byte header and the bytes, padded to a multiple of 8, never across the end of the ring: a
// filler takes the rest of a lap. Indices count bytes since the start and only grow. A full ring is a null
// pointer, an empty one an enum value; nothing waits, nothing allocates. Each end belongs to one thread.

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "gaios/base/align.h"
#include "gaios/base/check.h"

namespace gaios::rsm {

// Lies in the shared memory.
struct RingIndexes {
  alignas(base::kCacheLineBytes) std::atomic<std::uint64_t> tail{0};  // stored by the writer alone
  alignas(base::kCacheLineBytes) std::atomic<std::uint64_t> head{0};  // stored by the reader alone
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free &&
              sizeof(RingIndexes) == 2 * base::kCacheLineBytes);

inline constexpr std::size_t kRecordAlignment = 8;

struct RecordHeader {
  std::uint32_t bytes = 0;   // behind this header, padding left out
  std::uint32_t filler = 0;  // 1: to be skipped
};
static_assert(sizeof(RecordHeader) == kRecordAlignment);

// Bytes of the ring that a record takes, apart from a filler before it.
[[nodiscard]] constexpr std::size_t RecordBytes(std::size_t bytes) {
  return (sizeof(RecordHeader) + bytes + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
}

// The largest record that a ring always takes once it is empty, whatever the place in its lap.
[[nodiscard]] constexpr std::size_t MaxRecordBytes(std::size_t capacity) {
  return capacity / 2 - sizeof(RecordHeader);
}

class RingWriter {
 public:
  // Of no ring; to be assigned before anything is asked of it.
  RingWriter() = default;
  // `memory` is a power of two long, 8-byte aligned, and fresh, as are `indexes`. Both outlive the writer.
  RingWriter(RingIndexes& indexes, std::span<std::byte> memory) : indexes_(&indexes), memory_(memory) {
    GAIOS_CHECK(base::IsPowerOfTwo(memory.size()) && memory.size() >= 64, "a ring is a power of two long");
  }

  // The place of a record of `bytes` bytes, to be filled before Commit(); null when there is no room, or the
  // ring is broken.
  [[nodiscard]] std::byte* Claim(std::size_t bytes) {
    const std::size_t size = RecordBytes(bytes);
    const std::size_t offset = static_cast<std::size_t>(tail_) & (memory_.size() - 1);
    const std::size_t to_end = memory_.size() - offset;
    const std::size_t filler = size <= to_end ? 0 : to_end;
    if (!HasRoom(filler + size)) {
      return nullptr;
    }
    std::byte* at = memory_.data() + offset;
    if (filler != 0) {
      Put(at, {static_cast<std::uint32_t>(filler - sizeof(RecordHeader)), 1});
      at = memory_.data();
    }
    Put(at, {static_cast<std::uint32_t>(bytes), 0});
    claimed_ = filler + size;
    return at + sizeof(RecordHeader);
  }

  // Makes the claimed record visible to the reader.
  void Commit() {
    tail_ += claimed_;
    claimed_ = 0;
    indexes_->tail.store(tail_, std::memory_order_release);
  }

  // Whether `bytes` bytes are free. False when the ring is broken.
  [[nodiscard]] bool HasRoom(std::size_t bytes) {
    if (memory_.size() - (tail_ - known_head_) >= bytes) [[likely]] {
      return true;
    }
    const std::uint64_t head = indexes_->head.load(std::memory_order_acquire);
    if (head < known_head_ || head > tail_ || head % kRecordAlignment != 0) {
      broken_ = true;
    } else if (!broken_) {
      known_head_ = head;
    }
    return !broken_ && memory_.size() - (tail_ - known_head_) >= bytes;
  }

  // The reader has done what no reader does.
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  static void Put(std::byte* at, RecordHeader header) { std::memcpy(at, &header, sizeof(header)); }

  RingIndexes* indexes_ = nullptr;
  std::span<std::byte> memory_;
  std::uint64_t tail_ = 0;
  std::uint64_t known_head_ = 0;
  std::size_t claimed_ = 0;
  bool broken_ = false;
};

class RingReader {
 public:
  // As RingWriter's.
  RingReader() = default;
  enum class Next : std::uint8_t {
    kRecord,
    kEmpty,
    kBroken,  // the writer has done what no writer does
  };

  // As RingWriter's.
  RingReader(RingIndexes& indexes, std::span<const std::byte> memory) : indexes_(&indexes), memory_(memory) {
    GAIOS_CHECK(base::IsPowerOfTwo(memory.size()) && memory.size() >= 64, "a ring is a power of two long");
  }

  // The oldest record, in place; the writer can still change its bytes, so whatever is decided by them must
  // be copied first.
  [[nodiscard]] Next Front(std::span<const std::byte>& record) {
    // At most a filler and a record; one look at each.
    for (int look = 0; look < 2; ++look) {
      if (head_ == known_tail_ && !LookForMore()) {
        return broken_ ? Next::kBroken : Next::kEmpty;
      }
      const std::size_t offset = static_cast<std::size_t>(head_) & (memory_.size() - 1);
      const RecordHeader header = Get(memory_.data() + offset);
      const std::size_t size = RecordBytes(header.bytes);
      const std::size_t to_end = memory_.size() - offset;
      if (broken_ || header.filler > 1 || size > to_end || size > known_tail_ - head_) {
        broken_ = true;
        return Next::kBroken;
      }
      if (header.filler == 0) {
        record = memory_.subspan(offset + sizeof(RecordHeader), header.bytes);
        front_bytes_ = size;
        return Next::kRecord;
      }
      if (size != to_end || size == known_tail_ - head_) {  // it leads up to the end, and is never alone
        broken_ = true;
        return Next::kBroken;
      }
      head_ += size;
    }
    broken_ = true;
    return Next::kBroken;
  }

  // Gives the place of the record that Front() returned back to the writer.
  void Pop() {
    GAIOS_CHECK(front_bytes_ != 0, "Pop() without a record seen by Front()");
    head_ += front_bytes_;
    front_bytes_ = 0;
    indexes_->head.store(head_, std::memory_order_release);
  }

 private:
  // Read once: what is checked is what is used.
  static RecordHeader Get(const std::byte* at) {
    return std::bit_cast<RecordHeader>(
        __atomic_load_n(reinterpret_cast<const std::uint64_t*>(at), __ATOMIC_RELAXED));
  }

  bool LookForMore() {
    const std::uint64_t tail = indexes_->tail.load(std::memory_order_acquire);
    if (tail < known_tail_ || tail - head_ > memory_.size() || tail % kRecordAlignment != 0) {
      broken_ = true;
    }
    if (broken_ || tail == head_) {
      return false;
    }
    known_tail_ = tail;
    return true;
  }

  RingIndexes* indexes_ = nullptr;
  std::span<const std::byte> memory_;
  std::uint64_t head_ = 0;
  std::uint64_t known_tail_ = 0;
  std::size_t front_bytes_ = 0;
  bool broken_ = false;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_CLIENT_BYTE_RING_H_

#include "gaios/transport/udp/receiver.h"

#include <algorithm>
#include <cstring>

#include "gaios/base/copy.h"

namespace gaios::transport::udp {

void CopyIn(const LogMemory& log, Position at, std::span<const std::byte> bytes) {
  const std::size_t offset = at.value() & (log.capacity - 1);
  const std::size_t first = std::min(bytes.size(), log.capacity - offset);
  base::CopyFew(log.ring + offset, bytes.data(), first);
  if (first != bytes.size()) [[unlikely]] {
    std::memcpy(log.ring, bytes.data() + first, bytes.size() - first);
  }
}

void CopyOut(const LogMemory& log, Position at, std::span<std::byte> bytes) {
  const std::size_t offset = at.value() & (log.capacity - 1);
  const std::size_t first = std::min(bytes.size(), log.capacity - offset);
  base::CopyFew(bytes.data(), log.ring + offset, first);
  if (first != bytes.size()) [[unlikely]] {
    std::memcpy(bytes.data() + first, log.ring, bytes.size() - first);
  }
}

void Receiver::Restart() {
  for (std::uint64_t sequence = cumulative_ + 1; sequence <= highest_; ++sequence) {
    slots_[sequence % kWindow].taken = false;
  }
  cumulative_ = highest_ = 0;
}

Receiver::Taken Receiver::Take(const WriteBody& write, std::span<const std::byte> bytes, Position applied,
                               const LogMemory& log) {
  if (write.sequence <= cumulative_) {
    return Taken::kAgain;
  }
  if (write.sequence >= cumulative_ + kWindow) {
    return Taken::kFar;
  }
  Slot& slot = slots_[write.sequence % kWindow];
  if (slot.taken) {
    return Taken::kAgain;
  }
  const Position from(write.position);
  if (!bytes.empty()) {
    // P8: what lies a capacity below is overwritten by it. The form was checked: no sum wraps.
    if (bytes.size() > log.capacity || (from + bytes.size()).value() > applied.value() + log.capacity) {
      return Taken::kOutside;
    }
    CopyIn(log, from, bytes);
  }
  slot.taken = true;
  slot.word_set = write.word_set;
  slot.words = write.words;
  highest_ = std::max(highest_, write.sequence);
  for (std::uint64_t next = cumulative_ + 1; next <= highest_; ++next) {
    Slot& passed = slots_[next % kWindow];
    if (!passed.taken) {
      break;
    }
    for (std::size_t word = 0; word < kLogWords; ++word) {
      if ((passed.word_set >> word & 1U) != 0) {
        (*log.words)[word] = passed.words[word];
      }
    }
    passed.taken = false;
    cumulative_ = next;
  }
  return Taken::kPlaced;
}

std::uint32_t Receiver::Bitmap(std::array<std::uint64_t, kMaxBitmapWords>& words) const {
  if (highest_ <= cumulative_) {
    return 0;
  }
  const auto size = static_cast<std::uint32_t>((highest_ - cumulative_ + 63) / 64);
  std::fill_n(words.begin(), size, 0);
  for (std::uint64_t i = 0; cumulative_ + 1 + i <= highest_; ++i) {
    if (slots_[(cumulative_ + 1 + i) % kWindow].taken) {
      words[i / 64] |= std::uint64_t{1} << (i % 64);
    }
  }
  return size;
}

}  // namespace gaios::transport::udp

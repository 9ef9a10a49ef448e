#ifndef GAIOS_TRANSPORT_UDP_REPLAY_WINDOW_H_
#define GAIOS_TRANSPORT_UDP_REPLAY_WINDOW_H_

// Which sequence numbers of one sender have been seen: a bitmap of the latest ones. Numbers may come in any
// order as long as they are within kReplayWindow of the highest; what is further behind is too old to tell.
// Number 0 is never sent. Not thread-safe; allocates nothing; nothing fails.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "gaios/base/check.h"

namespace gaios::transport::udp {

namespace replay_window_internal {
inline constexpr std::uint64_t kWordBits = 64;
inline constexpr std::uint64_t kWords = 32;
static_assert((kWords & (kWords - 1)) == 0, "a number's word is found by a mask");
}  // namespace replay_window_internal

// A number is told from a replay when fewer than so many lie between it and the highest seen. One word of
// the bitmap is only partly in use.
inline constexpr std::uint64_t kReplayWindow =
    (replay_window_internal::kWords - 1) * replay_window_internal::kWordBits;
static_assert(kReplayWindow >= 1'024);

class ReplayWindow {
 public:
  enum class Found : std::uint8_t { kNew, kSeen, kTooOld };

  [[nodiscard]] Found Look(std::uint64_t sequence) const {
    if (sequence > highest_) [[likely]] {
      return Found::kNew;
    }
    if (sequence == 0 || highest_ - sequence >= kReplayWindow) {
      return Found::kTooOld;
    }
    return (WordOf(sequence) & BitOf(sequence)) != 0 ? Found::kSeen : Found::kNew;
  }

  // `sequence` must be new.
  void Mark(std::uint64_t sequence) {
    GAIOS_CHECK(Look(sequence) == Found::kNew, "a sequence number was marked that is not new");
    if (sequence > highest_) {
      // The words from the highest on are of numbers long gone.
      const std::uint64_t advance =
          std::min(sequence / kBits - highest_ / kBits, replay_window_internal::kWords);
      for (std::uint64_t step = 1; step <= advance; ++step) {
        words_[(highest_ / kBits + step) % replay_window_internal::kWords] = 0;
      }
      highest_ = sequence;
    }
    words_[IndexOf(sequence)] |= BitOf(sequence);
  }

  [[nodiscard]] std::uint64_t highest() const { return highest_; }

 private:
  static constexpr std::uint64_t kBits = replay_window_internal::kWordBits;
  [[nodiscard]] static std::size_t IndexOf(std::uint64_t sequence) {
    return (sequence / kBits) % replay_window_internal::kWords;
  }
  [[nodiscard]] static std::uint64_t BitOf(std::uint64_t sequence) {
    return std::uint64_t{1} << (sequence % kBits);
  }
  [[nodiscard]] std::uint64_t WordOf(std::uint64_t sequence) const { return words_[IndexOf(sequence)]; }

  std::array<std::uint64_t, replay_window_internal::kWords> words_ = {};
  std::uint64_t highest_ = 0;
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TRANSPORT_UDP_REPLAY_WINDOW_H_

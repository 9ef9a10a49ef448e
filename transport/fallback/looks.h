#ifndef GAIOS_TRANSPORT_FALLBACK_LOOKS_H_
#define GAIOS_TRANSPORT_FALLBACK_LOOKS_H_

// Looks at one peer's control region under way on several paths. Each is numbered, and posted on every path
// that takes it. Whatever path answers a look, its answer is no older than that look, and so answers all
// earlier ones too. A look that no path answers any more is answered as down: not by what came for an earlier
// one, which may be older than it. One thread; allocates nothing.

#include <array>
#include <cstddef>
#include <cstdint>

namespace gaios::transport::fallback {

inline constexpr std::size_t kMaxPaths = 4;

class Looks {
 public:
  // Of those that are not answered, and of those that one path owes.
  static constexpr std::size_t kMost = 64;

  [[nodiscard]] bool full() const { return posted_ - answered_ >= kMost; }
  [[nodiscard]] bool Full(std::size_t path) const { return owed_[path].size >= kMost; }
  [[nodiscard]] bool open() const { return posted_ != answered_; }

  // The next look, on the paths of a bit mask, at least one.
  void Post(std::uint32_t paths) {
    ++posted_;
    waits_[posted_ % kMost] = paths;
    for (std::size_t path = 0; path < kMaxPaths; ++path) {
      if ((paths >> path & 1U) != 0) {
        Owed& owed = owed_[path];
        owed.looks[(owed.first + owed.size++) % kMost] = posted_;
      }
    }
  }

  // A path has answered the earliest look that it owes. How many looks that answers: none when another path
  // was first.
  [[nodiscard]] std::uint64_t Answered(std::size_t path) {
    const std::uint64_t look = Take(path);
    const std::uint64_t answers = look > answered_ ? look - answered_ : 0;
    answered_ += answers;
    return answers;
  }
  // A path has given up the earliest look that it owes.
  void GivenUp(std::size_t path) {
    const std::uint64_t look = Take(path);
    if (look > answered_) {
      waits_[look % kMost] &= ~(std::uint32_t{1} << path);
    }
  }
  // After each of the two: how many looks, the earliest of those that are open, nobody answers any more.
  [[nodiscard]] std::uint64_t TakeLost() {
    std::uint64_t lost = 0;
    for (; answered_ < posted_ && waits_[(answered_ + 1) % kMost] == 0; ++lost) {
      ++answered_;
    }
    return lost;
  }

 private:
  struct Owed {
    std::array<std::uint64_t, kMost> looks = {};
    std::size_t first = 0;
    std::size_t size = 0;
  };

  // 0 when it owes none.
  std::uint64_t Take(std::size_t path) {
    Owed& owed = owed_[path];
    if (owed.size == 0) {
      return 0;
    }
    const std::uint64_t look = owed.looks[owed.first];
    owed.first = (owed.first + 1) % kMost;
    --owed.size;
    return look;
  }

  std::uint64_t posted_ = 0;
  std::uint64_t answered_ = 0;
  std::array<std::uint32_t, kMost> waits_ = {};  // paths that may yet answer a look, by its number
  std::array<Owed, kMaxPaths> owed_ = {};
};

}  // namespace gaios::transport::fallback

#endif  // GAIOS_TRANSPORT_FALLBACK_LOOKS_H_
